//! The thread that owns the writing connection: it groups what waits into one transaction, and
//! delivers and answers after the commit. In memory it reads too. How appends become a transaction
//! is left to `store`.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::{
    directory::Directory,
    known::KnownRooms,
    past::Past,
    queue::Taken,
    rooms::{self, NewRoom},
    schema::{Tip, reason, tip},
    sessions::Desk,
    shared::{Abandon, Job, Shared, Waiting},
    store::{Failed, Stored, store},
    sweep::{ROUND_EVERY, Sweeper, Swept},
};
use crate::{AppendError, Appended, Delivery, Draft, Error, Head, Names, Record, State};

/// Entries that one commit makes durable. Whatever waits goes together, without any delay; this
/// only bounds how long the first one waits for the last one.
const BATCH_MAX: usize = 1_024;

/// How soon a lagging follower that made room goes on.
const LAG_CHECK: Duration = Duration::from_millis(5);

/// Needs some room and leaves nothing: after an append has failed, whether others would succeed.
const PROBE: &str = "CREATE TABLE probe (bytes BLOB) STRICT;
    INSERT INTO probe VALUES (zeroblob(16384));
    DROP TABLE probe";

/// The writer's own.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) db: Connection,
    pub(super) tip: Tip,
    /// Where a directory is.
    pub(super) past: Option<Past>,
    pub(super) rooms: KnownRooms,
    pub(super) sweeper: Sweeper,
    pub(super) desk: Desk,
    pub(super) readers: Vec<JoinHandle<()>>,
    /// Freed last of all.
    pub(super) directory: Option<Directory>,
    /// Set when all is closed.
    pub(super) closed: watch::Sender<bool>,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        // Also when this thread panics: nobody may wait for an answer that can't come.
        let guard = Abandon(Arc::clone(&self.shared));
        let mut lagging = false;
        let mut busy = false;
        loop {
            let patience = match () {
                () if busy || self.sweeper.is_busy() => Duration::ZERO,
                () if lagging => LAG_CHECK,
                () => ROUND_EVERY,
            };
            match self.shared.jobs.take(BATCH_MAX, patience) {
                Taken::Jobs(jobs) => self.serve(jobs),
                Taken::Closed => break,
            }
            busy = self.keep_sessions();
            lagging = self.shared.followers.nudge();
            self.sweep();
        }
        while self.keep_sessions() {}
        drop(guard);
        self.end();
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        let mut appends = Vec::new();
        let mut rooms = Vec::new();
        let mut others = Vec::new();
        for job in jobs {
            match job {
                Job::CreateRoom { room, answer } => rooms.push((room, answer)),
                Job::Append(waiting) if waiting.claim.take() => appends.push(waiting),
                // Its caller has given up and said so.
                Job::Append(_) => {}
                other => others.push(other),
            }
        }
        if !rooms.is_empty() {
            self.create(rooms);
        }
        if !appends.is_empty() {
            self.append(appends);
        }
        if !others.is_empty() {
            // One of them may write too. Where this fails it is tried again.
            let _ = self.desk.settle(&self.db);
        }
        for job in others {
            match job {
                Job::Append(_) | Job::CreateRoom { .. } => {}
                Job::Heartbeat { instance, answer } => self.heartbeat(instance, answer),
                Job::Read(read) => read(&mut self.db),
            }
        }
    }

    fn create(&mut self, rooms: Vec<(NewRoom, oneshot::Sender<Result<bool, Error>>)>) {
        let now = (self.shared.clock)().max(self.tip.at);
        let wanted = rooms.iter().map(|(room, _)| room);
        let settled = self.desk.settle(&self.db).map_err(Error::from);
        let made = settled.and_then(|()| rooms::create(&mut self.db, wanted, now));
        if let Err(error) = &made {
            self.note(Some(error.to_string()));
        }
        for (place, (_, answer)) in rooms.into_iter().enumerate() {
            // Nobody waits for it any more only if the caller has gone.
            let _ = answer.send(made.as_ref().map(|made| made[place]).map_err(Error::clone));
        }
    }

    /// Stores all of them in one transaction, then delivers, then answers.
    fn append(&mut self, appends: Vec<Waiting>) {
        let answers = match self.store(&appends) {
            Ok(stored) => {
                if let (Some(past), true) = (&mut self.past, stored.tip.seq > self.tip.seq) {
                    past.promise(stored.tip);
                }
                self.tip = stored.tip;
                self.note(stored.trouble);
                stored.answers
            }
            Err(failed) if failed.is_damage && appends.len() > 1 => {
                // What one of them met took the others along; each on its own, they may succeed.
                for waiting in appends {
                    self.append(vec![waiting]);
                }
                return;
            }
            Err(failed) => {
                self.note(Some(failed.reason.clone()));
                let answer = if failed.perhaps_stored {
                    // If it is there after all, the next heartbeat tells the followers.
                    self.tip = tip(&self.db).unwrap_or(self.tip);
                    AppendError::Unavailable { perhaps_stored: true }
                } else {
                    AppendError::Refused(failed.reason)
                };
                vec![Err(answer); appends.len()]
            }
        };
        let mut deliveries = Vec::new();
        let mut told = Vec::new();
        for (waiting, answer) in appends.into_iter().zip(answers) {
            if let Ok(appended) = &answer
                && !appended.duplicate
            {
                let record = Arc::new(record(waiting.draft, appended));
                deliveries.push(Delivery::Entry(appended.epoch, record));
            }
            told.push((waiting.answer, answer));
        }
        self.shared.followers.publish(&deliveries);
        for (waiting, answer) in told {
            // Who no longer waits may still rely on the entry being made.
            let _ = waiting.send(answer);
        }
    }

    fn store(&mut self, appends: &[Waiting]) -> Result<Stored, Failed> {
        self.desk.settle(&self.db).map_err(|error| Failed::not_stored(&error))?;
        store(&mut self.db, &mut self.rooms, &self.shared, self.tip, appends)
    }

    fn heartbeat(&mut self, instance: Box<str>, answer: oneshot::Sender<Result<(), Error>>) {
        let away = matches!(*self.shared.state.lock(), State::Away(_));
        if away {
            // Appends may no longer come to find out, so this does.
            let tried = self.try_to_write();
            self.note(tried.err().as_ref().map(reason));
        }
        let head = Head { epoch: self.tip.epoch, seq: self.tip.seq };
        self.shared.followers.publish(&[Delivery::Watermark { instance, head }]);
        let _ = answer.send(Ok(()));
    }

    fn try_to_write(&mut self) -> rusqlite::Result<()> {
        let work = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work.execute_batch(PROBE)?;
        work.commit()
    }

    /// Says whether there is more to do.
    fn keep_sessions(&mut self) -> bool {
        let Shared { sessions, limits, clock, .. } = &*self.shared;
        self.desk.work(&self.db, sessions, limits.sessions as u64, clock())
    }

    fn sweep(&mut self) {
        let now = (self.shared.clock)();
        let was_busy = self.sweeper.is_busy();
        match self.sweeper.step(&mut self.db, &self.shared.limits, now) {
            Ok(Swept::Nothing) => {}
            Ok(Swept::Sessions(count)) => self.desk.swept(count),
            Ok(Swept::Rooms) => self.rooms.forget(),
            Err(error) => {
                self.desk.recount();
                self.rooms.forget();
                tracing::warn!(%error, "old entries could not be deleted; trying again later");
            }
        }
        if was_busy && !self.sweeper.is_busy() {
            self.settle_past();
        }
        if let Err(error) = self.sweeper.list(&mut self.db, self.tip) {
            tracing::warn!(%error, "rooms' times could not be written; trying again later");
        }
    }

    fn settle_past(&self) {
        if let Some(Err(error)) = self.past.as_ref().map(Past::settle) {
            tracing::warn!(%error, "what was acknowledged may not be written down beside the log");
        }
    }

    /// Keeps in mind whether writing works, and logs where that changes.
    fn note(&self, trouble: Option<String>) {
        let mut state = self.shared.state.lock();
        match trouble {
            Some(reason) => {
                if *state == State::Connected {
                    tracing::error!(%reason, "the log can't be written");
                }
                *state = State::Away(reason);
            }
            None if *state != State::Connected => {
                tracing::info!("the log can be written again");
                *state = State::Connected;
            }
            None => {}
        }
    }

    fn end(self) {
        self.settle_past();
        for reader in self.readers {
            // A panic of a reader was already reported by the panic hook.
            let _ = reader.join();
        }
        if let Err((_, error)) = self.db.close() {
            tracing::warn!(%error, "the log was not closed cleanly; nothing is lost");
        }
        drop(self.directory);
        self.closed.send_replace(true);
    }
}

fn record(draft: Draft, appended: &Appended) -> Record {
    let Draft { room, user, id, bytes, target, redact: _, content: _ } = draft;
    let Appended { seq, offset, at, .. } = *appended;
    Record { seq, offset, at, names: Names::new(&room, &user, &id), target, bytes }
}
