//! What the tasks of one broker share, and what is known of its partitions.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    address::Address,
    backoff,
    counters::Counters,
    health::Health,
    instances::{InstanceKeys, Roster},
    keys::Keys,
    reader::Reader,
    script,
    tail::{Kept, Tail},
};
use crate::{Appended, Draft, Epoch, Head, Limits, Partition};

/// Shared by the lanes, the subscriptions, the sweeper and the broker itself.
pub(super) struct Shared {
    pub(super) address: Arc<Address>,
    pub(super) limits: Limits,
    pub(super) partitions: Vec<Known>,
    pub(super) health: Health,
    pub(super) counters: Counters,
    pub(super) reader: Reader,
    /// Tells those who wait for the next try that Redis was just reached by the reader or a
    /// subscription. Lanes say nothing, so that two of them can't chase each other.
    pub(super) reached: Arc<Notify>,
    pub(super) secret_key: String,
    pub(super) instances: InstanceKeys,
    /// Who lives, as far as this instance was told. A few lines, and nothing in them blocks.
    pub(super) roster: Mutex<Roster>,
    /// What the keys of session records begin with.
    pub(super) session_prefix: String,
    /// The channel of mail to all; with `:` and an id it is that instance's.
    pub(super) mail_channel: String,
    /// Ends the background tasks.
    pub(super) stop: CancellationToken,
    /// What was said once is not said again at each connection.
    pub(super) said: Said,
}

impl Shared {
    /// Waits before the next try to reach Redis, until somebody else has reached it.
    pub(super) async fn back_off(&self, failures: u32) {
        tokio::select! {
            () = sleep(backoff::wait_after(failures)) => {}
            () = self.reached.notified() => {}
        }
    }
}

/// Which remarks about the server's settings the log has.
#[derive(Default)]
pub(super) struct Said {
    pub(super) policy_unknown: AtomicBool,
    pub(super) server_unknown: AtomicBool,
    pub(super) not_durable: AtomicBool,
    pub(super) unpublished: AtomicBool,
}

/// What is known of a partition.
pub(super) struct Known {
    pub(super) number: Partition,
    pub(super) keys: Keys,
    /// A few lines, and nothing in them blocks.
    epochs: Mutex<Epochs>,
    /// The same.
    tail: Mutex<Tail>,
    /// Tells the lane that the partition is not in the Redis that the lane knows.
    pub(super) doubted: Notify,
}

#[derive(Default)]
struct Epochs {
    /// The one that was last seen; appends are meant for the one that is here when they come.
    current: Option<Epoch>,
    /// The same, kept while there is none.
    last: Option<Epoch>,
}

impl Known {
    pub(super) fn new(number: Partition, keys: Keys) -> Self {
        Self {
            number,
            keys,
            epochs: Mutex::default(),
            tail: Mutex::default(),
            doubted: Notify::new(),
        }
    }

    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.epochs.lock().current
    }

    /// Takes note of the epoch that Redis names, and says so if it is another one.
    pub(super) fn learn(&self, epoch: Epoch) {
        let before = {
            let mut epochs = self.epochs.lock();
            epochs.current = Some(epoch);
            epochs.last.replace(epoch)
        };
        let partition = self.number.0;
        match before {
            None => info!(partition, %epoch, "the partition's epoch is known"),
            Some(before) if before != epoch => {
                warn!(partition, %epoch, %before, "a new epoch: the partition's past is lost");
            }
            Some(_) => {}
        }
    }

    /// Takes note of the head that Redis names.
    pub(super) fn learn_head(&self, head: Head) {
        self.learn(head.epoch);
        self.tail.lock().reach(head);
    }

    /// Remembers what is published, as far as it is kept meanwhile. Nothing in it may block.
    pub(super) fn hear<T>(&self, keep: impl FnOnce(&mut Tail) -> T) -> T {
        keep(&mut self.tail.lock())
    }

    /// Remembers an entry that was appended here.
    pub(super) fn appended(&self, draft: Draft, appended: &Appended) {
        self.tail.lock().keep_appended(draft, appended);
    }

    /// Remembers what is known of a room.
    pub(super) fn knows_room(&self, epoch: Epoch, room: &str, about: &Bytes) {
        self.tail.lock().keep_room(epoch, room, about);
    }

    /// The rooms of which something is known in an epoch.
    pub(super) fn rooms(&self, epoch: Epoch) -> Vec<(Box<str>, Bytes)> {
        self.tail.lock().rooms(epoch)
    }

    /// The newest seq that is known in a head's epoch, and the entries from there on.
    pub(super) fn tail(&self, head: Head) -> (u64, Vec<Kept>) {
        let tail = self.tail.lock();
        (tail.newest(head.epoch), tail.from(head))
    }

    /// Takes note that the partition is not there.
    pub(super) fn forget(&self) {
        self.epochs.lock().current = None;
    }

    /// The call that says where the partition stands, and makes it if there is none. If Redis knows
    /// less of it than is known here, it is doubted.
    pub(super) fn open(&self, by: OpenBy, partitions: usize) -> redis::Cmd {
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the system gives random bytes");
        let Keys { partition, log, redacted, rooms, .. } = &self.keys;
        let keys = [partition.as_str(), log, redacted, rooms];
        let mut call = match by {
            OpenBy::Hash => script::OPEN.call(&keys),
            OpenBy::Text => {
                let mut call = redis::cmd("EVAL");
                call.arg(script::OPEN.text).arg(keys.len()).arg(&keys);
                call
            }
        };
        call.arg(script::SCHEMA).arg(Epoch::from_random(random).as_str());
        call.arg(partitions);
        match self.tail.lock().known() {
            Some(Head { epoch, seq }) => call.arg(epoch.as_str()).arg(seq),
            None => call.arg("").arg(0),
        };
        call
    }
}

/// How a script is named in a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum OpenBy {
    /// By its hash; it may have to be loaded first.
    Hash,
    /// By all of its text; Redis needs to know nothing.
    Text,
}

/// Says whether it is the first time.
pub(super) fn first_time(flag: &AtomicBool) -> bool {
    !flag.swap(true, Relaxed)
}
