//! The log in the process itself: SQLite on disk, or in memory only. One thread writes, a few
//! read. This file turns the contract's calls into jobs for them; the directory is left to
//! `directory` and `past`, the tables to `schema`, writing to `writer`, `store`, `append`, `known`
//! and `rooms`, reading to `read`, retention to `sweep`, deliveries to `followers`; what lies
//! beside the log to `instances`, `sessions` and `mail`.

mod append;
mod directory;
mod followers;
mod instances;
mod known;
mod mail;
mod past;
mod queue;
mod read;
mod rooms;
mod schema;
mod sessions;
mod shared;
mod store;
mod sweep;
mod transaction;
mod writer;

use std::{path::Path, sync::Arc, thread, time::SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, timeout_at},
};

use self::{
    directory::Directory,
    followers::Followers,
    instances::Registry,
    known::KnownRooms,
    mail::PostOffice,
    queue::{Queue, Turned},
    read::Kept,
    rooms::NewRoom,
    sessions::Desk,
    shared::{Claim, Clock, Job, Shared, Waiting},
    sweep::Sweeper,
    writer::Writer,
};
use crate::{
    Answer, AppendError, Appended, Broker, Deliveries, Delivery, Description, Draft, Error, Head,
    Limits, Partition, PartitionPage, ROOM_ABOUT_BYTES_MAX, Range, RoomList, RoomPage, Secret,
    State, limits::fits,
};

/// Connections that read from a log on disk, each with a thread of its own.
const READERS: usize = 2;

/// Reads of a log on disk that may wait for a connection.
const READS_WAITING_MAX: usize = 4_096;

/// What a job weighs in the writer's queue, beside the bytes that its caller brought.
const JOB_WEIGHT: usize = 256;

/// A log that lives in this process. Several instances in one process share one of these. It has
/// one partition.
pub struct Embedded {
    shared: Arc<Shared>,
    in_memory: bool,
    description: Description,
    closed: watch::Receiver<bool>,
}

impl Embedded {
    /// Opens the log in a directory, which is created where it is missing, or one in memory only
    /// that ends with this value. Blocks while the files are opened.
    ///
    /// What another process holds is `Error::InUse`; what a newer release has written is
    /// `Error::NewerSchema`; what can't be understood is `Error::Damaged`.
    pub fn open(directory: Option<&Path>, limits: Limits) -> Result<Arc<Self>, Error> {
        Self::open_with(directory, limits, Arc::new(wall_clock))
    }

    fn open_with(path: Option<&Path>, limits: Limits, clock: Clock) -> Result<Arc<Self>, Error> {
        let directory = path.map(Directory::claim).transpose()?;
        let database = directory.as_ref().map(Directory::database);
        let (db, tip, past) = if let Some(directory) = &directory {
            let (mut db, tip) = schema::open_writer(&directory.database())?;
            let (past, tip) = past::reconcile(&mut db, tip, directory)?;
            (db, tip, Some(past))
        } else {
            let (db, tip) = schema::open_memory()?;
            (db, tip, None)
        };
        let description = describe(path, &limits);
        let shared = Arc::new(Shared {
            jobs: Queue::new(limits.append_queue_bytes),
            reads: Queue::new(READS_WAITING_MAX),
            sessions: Queue::new(sessions::WAITING_BYTES_MAX),
            followers: Followers::new(limits.delivery_queue),
            registry: Registry::default(),
            post_office: PostOffice::default(),
            state: Mutex::new(State::Connected),
            limits,
            clock,
        });
        let mut connections = Vec::new();
        if let Some(database) = &database {
            for _ in 0..READERS {
                connections.push(schema::open_reader(database)?);
            }
        }
        let (set_closed, closed) = watch::channel(false);
        // From here on dropping this closes the queues, so no thread is left behind.
        let embedded = Arc::new(Self {
            shared: Arc::clone(&shared),
            in_memory: database.is_none(),
            description,
            closed,
        });
        let mut readers = Vec::new();
        for connection in connections {
            let shared = Arc::clone(&shared);
            readers.push(start("palabre-read", move || shared::read_all(&shared, connection))?);
        }
        let writer = Writer {
            shared,
            db,
            tip,
            desk: Desk::new(past.is_some()),
            past,
            rooms: KnownRooms::default(),
            sweeper: Sweeper::default(),
            readers,
            directory,
            closed: set_closed,
        };
        start("palabre-write", move || writer.run())?;
        Ok(embedded)
    }

    /// Carries out a read on a thread that may block.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, Kept) -> Result<T, Error> + Send + 'static,
    ) -> Answer<Result<T, Error>> {
        let (sender, receiver) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let job = Box::new(move |db: &mut Connection| {
            let kept = Kept::at(&shared.limits, (shared.clock)());
            // One transaction, so that everything in the answer is of one moment.
            let answer = db.transaction().map_err(Error::from).and_then(|at| read(&at, kept));
            let _ = sender.send(answer);
        });
        let queued = if self.in_memory {
            self.shared.jobs.push(Job::Read(job), JOB_WEIGHT)
        } else {
            self.shared.reads.push(job, 1)
        };
        self.shared.answer(queued, receiver)
    }
}

impl Broker for Embedded {
    fn description(&self) -> Description {
        self.description.clone()
    }

    fn partitions(&self) -> u16 {
        1
    }

    fn append(&self, draft: Draft) -> Answer<Result<Appended, AppendError>> {
        let weight = JOB_WEIGHT + draft.weight();
        let (answer, receiver) = oneshot::channel();
        let claim = Claim::default();
        let job = Job::Append(Waiting { draft, claim: claim.clone(), answer });
        let queued = self.shared.jobs.push(job, weight);
        let deadline = Instant::now() + self.shared.limits.append_wait;
        Box::pin(async move {
            match queued {
                Ok(()) => {}
                Err(Turned::TooBig) => {
                    return Err(AppendError::Refused("it is larger than the queue".into()));
                }
                Err(Turned::Full | Turned::Closed) => {
                    return Err(AppendError::Unavailable { perhaps_stored: false });
                }
            }
            match timeout_at(deadline, receiver).await {
                Ok(Ok(answer)) => answer,
                // The writer ended, or has begun with it; or it was still waiting, and is not
                // begun any more.
                Ok(Err(_)) | Err(_) => {
                    Err(AppendError::Unavailable { perhaps_stored: !claim.take() })
                }
            }
        })
    }

    fn follow(&self, partition: Partition) -> Deliveries {
        let exists = partition == Partition(0);
        if exists { self.shared.followers.follow() } else { Deliveries::none() }
    }

    fn head(&self, partition: Partition) -> Answer<Result<Head, Error>> {
        match exists(partition) {
            Ok(()) => self.read(|db, _| read::head(db)),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn read_partition(
        &self,
        partition: Partition,
        after: u64,
        to: u64,
        limit: usize,
    ) -> Answer<Result<PartitionPage, Error>> {
        match exists(partition) {
            Ok(()) => self.read(move |db, kept| read::partition(db, kept, after, to, limit)),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn read_room(&self, room: &str, range: Range, limit: usize) -> Answer<Result<RoomPage, Error>> {
        let room: Box<str> = room.into();
        self.read(move |db, kept| read::room(db, kept, &room, range, limit))
    }

    fn create_room(&self, room: &str, about: Bytes) -> Answer<Result<bool, Error>> {
        if let Err(refused) = fits("what is known of the room", about.len(), ROOM_ABOUT_BYTES_MAX) {
            return Box::pin(async { Err(refused) });
        }
        let (answer, receiver) = oneshot::channel();
        let weight = JOB_WEIGHT + room.len() + about.len();
        let job = Job::CreateRoom { room: NewRoom { room: room.into(), about }, answer };
        self.shared.answer(self.shared.jobs.push(job, weight), receiver)
    }

    fn rooms(&self, limit: usize) -> Answer<Result<RoomList, Error>> {
        self.read(move |db, kept| rooms::list(db, kept, limit))
    }

    fn signal(&self, room: &str, bytes: Bytes) -> Answer<Result<(), Error>> {
        let open = !*self.closed.borrow();
        if open && self.shared.followers.publish(&[Delivery::Signal { room: room.into(), bytes }]) {
            self.shared.jobs.wake();
        }
        Box::pin(async move { if open { Ok(()) } else { Err(closed()) } })
    }

    fn heartbeat(&self, partition: Partition, instance: &str) -> Answer<Result<(), Error>> {
        if let Err(error) = exists(partition) {
            return Box::pin(async { Err(error) });
        }
        let (answer, receiver) = oneshot::channel();
        let job = Job::Heartbeat { instance: instance.into(), answer };
        let queued = self.shared.jobs.push(job, JOB_WEIGHT + instance.len());
        self.shared.answer(queued, receiver)
    }

    fn secret(&self, proposal: Secret) -> Answer<Result<Secret, Error>> {
        let (sender, receiver) = oneshot::channel();
        let job = Job::Read(Box::new(move |db: &mut Connection| {
            // Nobody waits for it any more only if the caller has gone.
            let _ = sender.send(schema::secret(db, proposal));
        }));
        self.shared.answer(self.shared.jobs.push(job, JOB_WEIGHT), receiver)
    }

    fn state(&self) -> State {
        if *self.closed.borrow() {
            return State::Away("closed".into());
        }
        self.shared.state.lock().clone()
    }

    fn close(&self) -> Answer<()> {
        self.shared.sessions.close();
        self.shared.jobs.close();
        let mut closed = self.closed.clone();
        Box::pin(async move {
            // An error means that the writer has ended without saying so; it has ended.
            let _ = closed.wait_for(|closed| *closed).await;
        })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.sessions.close();
        self.shared.jobs.close();
        self.shared.reads.close();
    }
}

fn exists(partition: Partition) -> Result<(), Error> {
    if partition == Partition(0) { Ok(()) } else { Err(Error::NoSuchPartition(partition.0)) }
}

fn closed() -> Error {
    Error::Unavailable("the log is closed".into())
}

fn start(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(|error| Error::Unavailable(format!("no thread for the log: {error}")))
}

/// The one place that reads the clock: the log's is this machine's.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the others are to ask")]
fn wall_clock() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

fn describe(path: Option<&Path>, limits: &Limits) -> Description {
    let name = match path {
        Some(path) => format!("embedded ({})", path.display()),
        None => "embedded (in memory)".to_owned(),
    };
    let retention = match (path, limits.room_retention()) {
        (Some(_), retention) => retention,
        (None, retention) => format!("{retention}, until the process ends"),
    };
    Description { name, retention }
}

#[cfg(test)]
mod tests;
