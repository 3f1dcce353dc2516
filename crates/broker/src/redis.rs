//! The log in a Redis, standalone or watched by sentinels, shared by any number of instances.
//!
//! Appends go through one [`lane`] per partition and one script, which finds the id, takes the
//! next place, stores and publishes in one step. Every partition has one [`subscription`], whose
//! connection is supervised here. Whatever else is asked goes through one [`reader`]. Only this
//! module and those below it know Redis. Which server is the master, and which slot a key has, is
//! decided where a [`link`] is opened: sentinels are asked there, and Cluster has its place. A
//! Redis that takes over, or is started again, may lack the newest entries: [`repair`] puts them
//! back.
//!
//! # Layout, schema version 1
//!
//! All keys of a partition begin with its name, `palabre:{p0}` for the first one, and share the
//! hash tag in it. Only session records expire by themselves, and `maxmemory-policy` must be
//! `noeviction`.
//!
//! | key | what |
//! |---|---|
//! | `palabre:{p0}` | hash: `epoch`; `seq` and `at`, the newest entry's; `log_first`, the first seq that the log keeps; `schema`; `partitions`, how many there are; `life`, the epoch in which it was made, which its rooms name; `replication`, the replication id of the Redis that it is in: in another one it is doubted; `beat`, when an instance was last heard |
//! | `palabre:secret` | what the instances sign with, 32 bytes |
//! | `palabre:{instances}` | sorted set: score the time at which its lease ends, member an instance's id |
//! | `palabre:{instances}:about` | hash: an instance's id to what it says of itself |
//! | `palabre:session:<key>` | a session's record: `<bytes of owner>:<owner>`, the same of the owner before where it was claimed, and the session. It ends by itself |
//! | `…:log` | stream, id `<seq>-0`, field `e` a record: the window for repair and recovery |
//! | `…:redacted` | sorted set: score seq, member the record with a tombstone that took the place of the one in the log |
//! | `…:repair` | while it is doubted, hash: `for`, the Redis that it is in now; `needs:<instance>` and `has:<instance>`, who must attest and who has; `newest`, the newest seq that anybody knows; `conflict`; `put_back`, how many entries were |
//! | `…:offers` | the same, hash: a seq to the entry that is to be put back there, as in [`publication`] |
//! | `…:rooms` | sorted set: score the time of its newest entry, or else of its making, member a room |
//! | `…:due` | sorted set: score the time, member a room that the sweeper must look at then |
//! | `…:room:<room>` | hash: `epoch`, the life of the partition that it belongs to; `offset` and `seq` of its newest entry; `first`, the first offset that it keeps, and `first_at`, its time; `ids_from`, the first offset whose id is remembered; where it was made, `about`, what is known of it, and `made_by`, the random name of the call |
//! | `…:entries:<room>` | stream, id `<offset>-<seq>`, fields `prev`, the seq of the entry before it in the room, and `e`, a body |
//! | `…:redacted:<room>` | sorted set: score offset, member the body with a tombstone that took the place of the one in the entries |
//! | `…:ids:<room>` | hash: `<bytes of user>:<user><id>` to `<offset> <seq> <at> <content>`, the last one a hash of what was sent, which outlives a redaction, or `*` where the entry was put back |
//! | `…:targets:<room>` | sorted set: score the offset that is targeted, member the offset of the entry that targets it |
//!
//! A record and a body are described in [`publication`]. The channel is the partition's name with
//! `:` and the number of the database. Mail goes over `palabre:mail:0`, where 0 is the number of
//! the database, to all, and over `palabre:mail:0:<id>` to one instance.
//!
//! A room's hash that names another life than the partition's is a leftover: it counts as missing,
//! and is deleted when the room is used or swept. So a partition that lost its hash begins anew in
//! one step, without a search for its rooms. A partition that only may lack entries after a repair
//! gets a new epoch and lives on. A text that was redacted can't be read any more, but Redis frees
//! its bytes only with the stream node around them (100 entries), and in an append-only file at its
//! next rewrite.
//!
//! A user with an ACL of its own needs the keys `~palabre:*` and the channels `&palabre:*` (or
//! another prefix), and `+@hash +@stream +@sortedset +@scripting +@pubsub +@connection +del
//! +exists +get +getrange +set +pexpire +time +info +config|get`; and on
//! sentinels `+sentinel|get-master-addr-by-name`.
//!
//! What has passed a limit is never shown: whoever reads drops it first. Appends drop what exceeds
//! the number, the [`sweeper`] what exceeds the age in rooms where nothing happens, and the ids
//! that are past their window.

mod address;
mod backoff;
mod counters;
mod followers;
mod health;
mod instances;
mod keys;
mod lane;
mod link;
mod listening;
mod mail;
#[doc(hidden)]
pub mod measured;
mod opening;
mod publication;
mod read;
mod reader;
mod repair;
mod reply;
mod rooms;
mod script;
mod sessions;
mod shared;
mod subscription;
mod sweeper;
mod tail;

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::counters::Counts;
use self::{
    address::Address,
    health::Health,
    instances::{InstanceKeys, Roster},
    keys::Keys,
    lane::Lane,
    reader::{Again, Reader},
    shared::{Known, Shared},
    subscription::Subscription,
};
use crate::{
    contract::{
        Answer, AppendError, Appended, Broker, Deliveries, Description, Draft, Error, Head, Limits,
        Partition, PartitionPage, ROOM_ABOUT_BYTES_MAX, Range, RoomList, RoomPage, Secret, State,
        partition_of,
    },
    limits::fits,
};

/// The most partitions that a log can have.
const PARTITIONS_MAX: u16 = 32;

/// The longest prefix.
const PREFIX_MAX: usize = 64;

/// Where the Redis is, and how it is used.
#[derive(Clone)]
pub struct Config {
    /// `redis://[[user]:password@]host[:port][/database]`, or
    /// `redis+unix:///path[?db=…&user=…&pass=…]`, or
    /// `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master[/database]`, where the
    /// login is the master's, and the sentinels' own if they ask for one.
    pub url: String,
    /// What all keys and channels begin with; `palabre` by default.
    pub prefix: String,
    /// Partitions of the log; 1 by default, at most 32. It can't be changed later.
    pub partitions: u16,
    /// What is kept and what may wait.
    pub limits: Limits,
}

impl Config {
    /// The configuration for a URL, with the defaults for the rest.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), prefix: "palabre".into(), partitions: 1, limits: Limits::default() }
    }
}

/// Why a configuration can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The URL can't be understood. Its text is not repeated, since it may hold a password.
    #[error("the Redis URL can't be used: {0}")]
    Url(String),
    /// The number of partitions is out of range.
    #[error("partitions must be 1 to {PARTITIONS_MAX}, not {0}")]
    Partitions(u16),
    /// The prefix would break the layout of the keys.
    #[error(
        "the prefix must be 1 to {PREFIX_MAX} characters without braces, spaces and control \
         characters"
    )]
    Prefix,
}

/// The broker over a Redis.
pub struct Redis {
    shared: Arc<Shared>,
    lanes: Vec<Arc<Lane>>,
    subscriptions: Vec<Arc<Subscription>>,
    mailbox: mail::Current,
    /// The background tasks; they are in the caller's set too.
    tasks: TaskTracker,
    callers_tasks: TaskTracker,
}

impl Redis {
    /// Checks the configuration and starts to connect in the background. Never waits for Redis;
    /// [`Broker::state`] tells how far it is. Must be called inside a Tokio runtime.
    pub fn start(config: Config, tasks: &TaskTracker) -> Result<Arc<Self>, ConfigError> {
        let address = Arc::new(Address::parse(&config.url)?);
        if !(1..=PARTITIONS_MAX).contains(&config.partitions) {
            return Err(ConfigError::Partitions(config.partitions));
        }
        let breaks_layout = |c: char| matches!(c, '{' | '}') || c.is_whitespace() || c.is_control();
        let length = config.prefix.chars().count();
        if !(1..=PREFIX_MAX).contains(&length) || config.prefix.contains(breaks_layout) {
            return Err(ConfigError::Prefix);
        }
        let database = address.database();
        let known = |number| {
            let keys = Keys::new(&config.prefix, Partition(number), database);
            Known::new(Partition(number), keys)
        };
        let reached = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            partitions: (0..config.partitions).map(known).collect(),
            health: Health::new(address.to_string()),
            reader: Reader::new(address.clone(), reached.clone()),
            reached,
            address,
            limits: config.limits,
            counters: counters::Counters::default(),
            secret_key: format!("{}:secret", config.prefix),
            instances: InstanceKeys::new(&config.prefix),
            roster: parking_lot::Mutex::new(Roster::new()),
            session_prefix: format!("{}:session:", config.prefix),
            mail_channel: format!("{}:mail:{database}", config.prefix),
            stop: CancellationToken::new(),
            said: shared::Said::default(),
        });
        let places = 0..usize::from(config.partitions);
        let redis = Self {
            lanes: places.clone().map(|place| Arc::new(Lane::new(shared.clone(), place))).collect(),
            subscriptions: places
                .map(|place| Arc::new(Subscription::new(shared.clone(), place)))
                .collect(),
            shared,
            mailbox: mail::Current::default(),
            tasks: TaskTracker::new(),
            callers_tasks: tasks.clone(),
        };
        redis.spawn_all();
        Ok(Arc::new(redis))
    }

    fn spawn_all(&self) {
        let tasks = &self.callers_tasks;
        for lane in &self.lanes {
            tasks.spawn(self.tasks.track_future(lane.clone().run()));
        }
        for subscription in &self.subscriptions {
            tasks.spawn(self.tasks.track_future(subscription.clone().run()));
        }
        tasks.spawn(self.tasks.track_future(sweeper::run(self.shared.clone())));
        self.tasks.close();
    }

    /// What went wrong or reached a limit since the start, for metrics.
    pub fn counts(&self) -> Counts {
        self.shared.counters.counts()
    }

    /// The words of the command by which an entry is appended, so that Redis alone can be measured
    /// with it; nothing where the partition is not known yet.
    pub fn append_call(&self, draft: &Draft) -> Option<Vec<Vec<u8>>> {
        let known = &self.shared.partitions[self.place_of(&draft.room)];
        let (limits, far_ahead) = (&self.shared.limits, u64::MAX);
        let call =
            lane::request::request(&known.keys, limits, draft, known.epoch()?, far_ahead, "");
        let words = call.args_iter().map(|word| match word {
            redis::Arg::Simple(word) => word.to_vec(),
            _ => Vec::new(),
        });
        Some(words.collect())
    }

    /// Drops what the log keeps no more now, instead of when the sweeper comes around.
    pub fn sweep(&self) -> Answer<Result<(), Error>> {
        let shared = self.shared.clone();
        Box::pin(async move {
            for known in &shared.partitions {
                sweeper::sweep(&shared, known).await?;
            }
            Ok(())
        })
    }

    /// The partition's place in every list of partitions.
    fn place(&self, partition: Partition) -> Result<usize, Error> {
        let place = usize::from(partition.0);
        if place < self.lanes.len() {
            return Ok(place);
        }
        Err(Error::NoSuchPartition(partition.0))
    }

    fn place_of(&self, room: &str) -> usize {
        usize::from(partition_of(room, self.partitions()).0)
    }

    /// Asks with what the closure makes of the partition; nothing is asked of a closed broker.
    fn ask<T, F>(
        &self,
        place: Result<usize, Error>,
        question: impl FnOnce(Arc<Shared>, usize) -> F + Send + 'static,
    ) -> Answer<Result<T, Error>>
    where
        F: Future<Output = Result<T, Error>> + Send,
        T: Send + 'static,
    {
        let shared = self.shared.clone();
        Box::pin(async move {
            let place = place?;
            if shared.stop.is_cancelled() {
                return Err(Error::Unavailable("the broker is closed".into()));
            }
            let lasting = shared.health.lasting_failure();
            let answered = question(shared, place).await;
            // Where the connection says why it can't be used, that tells more.
            answered.map_err(|error| lasting.filter(|_| error.is_retryable()).unwrap_or(error))
        })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Broker for Redis {
    fn description(&self) -> Description {
        Description {
            name: self.shared.address.to_string(),
            retention: self.shared.limits.room_retention(),
        }
    }

    fn partitions(&self) -> u16 {
        self.lanes.len() as u16
    }

    fn append(&self, draft: Draft) -> Answer<Result<Appended, AppendError>> {
        let answered = self.lanes[self.place_of(&draft.room)].append(draft);
        Box::pin(async move {
            let perhaps = AppendError::Unavailable { perhaps_stored: true };
            answered?.await.unwrap_or(Err(perhaps))
        })
    }

    fn follow(&self, partition: Partition) -> Deliveries {
        match self.place(partition) {
            Ok(place) => self.subscriptions[place].follow(),
            Err(_) => Deliveries::none(),
        }
    }

    fn head(&self, partition: Partition) -> Answer<Result<Head, Error>> {
        self.ask(self.place(partition), |shared, place| async move {
            read::head(&shared, &shared.partitions[place]).await
        })
    }

    fn read_partition(
        &self,
        partition: Partition,
        after: u64,
        to: u64,
        limit: usize,
    ) -> Answer<Result<PartitionPage, Error>> {
        self.ask(self.place(partition), move |shared, place| async move {
            read::partition(&shared, &shared.partitions[place], (after, to), limit).await
        })
    }

    fn read_room(&self, room: &str, range: Range, limit: usize) -> Answer<Result<RoomPage, Error>> {
        let room: Box<str> = room.into();
        self.ask(Ok(self.place_of(&room)), move |shared, place| async move {
            read::room(&shared, &shared.partitions[place], &room, range, limit).await
        })
    }

    fn create_room(&self, room: &str, about: Bytes) -> Answer<Result<bool, Error>> {
        let room: Box<str> = room.into();
        let fits = fits("what is known of the room", about.len(), ROOM_ABOUT_BYTES_MAX);
        let place = fits.map(|()| self.place_of(&room));
        self.ask(place, move |shared, place| async move {
            rooms::create(&shared, &shared.partitions[place], &room, &about).await
        })
    }

    fn rooms(&self, limit: usize) -> Answer<Result<RoomList, Error>> {
        self.ask(Ok(0), move |shared, _| async move { rooms::list(&shared, limit).await })
    }

    fn signal(&self, room: &str, bytes: Bytes) -> Answer<Result<(), Error>> {
        let publication = publication::signal(room, &bytes);
        self.ask(Ok(self.place_of(room)), move |shared, place| async move {
            let mut publish = ::redis::cmd("PUBLISH");
            publish.arg(&shared.partitions[place].keys.channel).arg(publication);
            match shared.reader.ask(&publish, Again::No).await? {
                ::redis::Value::ServerError(refusal) => Err(reply::refused(&refusal)),
                _ => Ok(()),
            }
        })
    }

    fn heartbeat(&self, partition: Partition, instance: &str) -> Answer<Result<(), Error>> {
        let instance: Box<str> = instance.into();
        self.ask(self.place(partition), move |shared, place| async move {
            read::heartbeat(&shared, &shared.partitions[place], &instance).await
        })
    }

    fn secret(&self, proposal: Secret) -> Answer<Result<Secret, Error>> {
        self.ask(Ok(0), move |shared, _| async move { read::secret(&shared, proposal).await })
    }

    fn state(&self) -> State {
        self.shared.health.state()
    }

    fn close(&self) -> Answer<()> {
        self.shared.stop.cancel();
        let tasks = self.tasks.clone();
        Box::pin(async move { tasks.wait().await })
    }
}

#[cfg(test)]
mod tests;
