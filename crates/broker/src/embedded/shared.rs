//! What callers share with the threads that own a connection: the queues between them, and what
//! lives in memory. What the jobs do is left to `writer`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    closed,
    followers::Followers,
    instances::Registry,
    mail::PostOffice,
    queue::{Queue, Taken, Turned},
    rooms::NewRoom,
    sessions::Change,
};
use crate::{Answer, AppendError, Appended, Draft, Error, Limits, State};

/// How often a thread that has nothing to do looks around.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// The log's clock, in milliseconds since 1970.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Something to do with a connection.
pub(super) type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// What waits for the writer.
pub(super) enum Job {
    Append(Waiting),
    CreateRoom { room: NewRoom, answer: oneshot::Sender<Result<bool, Error>> },
    Heartbeat { instance: Box<str>, answer: oneshot::Sender<Result<(), Error>> },
    Read(Read),
}

/// An append that waits.
pub(super) struct Waiting {
    pub(super) draft: Draft,
    pub(super) claim: Claim,
    pub(super) answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// Who decides about an append that waits: the writer that begins with it, or the caller whose
/// patience ends.
#[derive(Clone, Default)]
pub(super) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Says whether this is the first one to ask.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// What the writer shares with the callers.
pub(super) struct Shared {
    pub(super) jobs: Queue<Job>,
    /// Empty in memory, where the writer reads.
    pub(super) reads: Queue<Read>,
    /// Changes of session records, apart from the jobs, so that neither fills the other's queue.
    pub(super) sessions: Queue<Change>,
    pub(super) followers: Followers,
    pub(super) registry: Registry,
    pub(super) post_office: PostOffice,
    /// Whether the last write succeeded.
    pub(super) state: Mutex<State>,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
}

impl Shared {
    /// The answer of a job, or why there is none in time.
    pub(super) fn answer<T: Send + 'static>(
        &self,
        queued: Result<(), Turned>,
        receiver: oneshot::Receiver<Result<T, Error>>,
    ) -> Answer<Result<T, Error>> {
        let deadline = Instant::now() + self.limits.append_wait;
        Box::pin(async move {
            match queued {
                Ok(()) => {}
                Err(Turned::Closed) => return Err(closed()),
                Err(Turned::Full | Turned::TooBig) => {
                    return Err(Error::Unavailable("too much waits for the store".into()));
                }
            }
            match timeout_at(deadline, receiver).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(closed()),
                Err(_) => Err(Error::Unavailable("the store did not answer in time".into())),
            }
        })
    }
}

/// Ends all that waits for the writer.
pub(super) struct Abandon(pub(super) Arc<Shared>);

impl Drop for Abandon {
    fn drop(&mut self) {
        *self.0.state.lock() = State::Away("the log is closed".into());
        self.0.jobs.abandon();
        self.0.reads.close();
        self.0.sessions.abandon();
        self.0.followers.close();
        self.0.registry.close();
        self.0.post_office.close();
    }
}

/// Reads with a connection of its own until the queue is closed and empty.
pub(super) fn read_all(shared: &Shared, mut db: Connection) {
    while let Taken::Jobs(reads) = shared.reads.take(1, LOOK_EVERY) {
        for read in reads {
            read(&mut db);
        }
    }
}
