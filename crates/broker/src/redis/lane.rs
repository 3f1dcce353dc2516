//! The lane that a partition's appends take: one connection, one order. Calls are put in line as
//! they come; the lane's task sends them without waiting for replies, and at the first sign of
//! trouble stops and sends everything that has no answer again, in order, over a new connection.
//! The append script finds by the ids what had been stored already.
//!
//! `backlog` is the line; `session` is one connection's life; `verdict` reads the replies.

mod backlog;
pub(super) mod request;
mod session;
mod verdict;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until},
};
use tracing::debug;

use self::{
    backlog::{Answered, Append, Backlog, Full},
    session::{Ended, Session},
};
use super::{
    health::LinkNumber,
    opening,
    shared::{Known, Shared},
};
use crate::{AppendError, Draft, Error};

/// Appends to one partition.
pub(super) struct Lane {
    shared: Arc<Shared>,
    /// The place of the partition in `shared`.
    partition: usize,
    health: LinkNumber,
    /// Appends are added by their callers, sent and answered by the lane's task. Held for a few
    /// lines, also while requests are formatted; never over an await.
    backlog: Mutex<Backlog>,
    /// Tells the task of an addition to the backlog.
    added: Notify,
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>, partition: usize) -> Self {
        let backlog = Mutex::new(Backlog::new(shared.limits.append_queue_bytes));
        let health = shared.health.add();
        Self { shared, partition, health, backlog, added: Notify::new() }
    }

    /// Puts an append in line at once. The receiver fails if the lane ends without an answer.
    pub(super) fn append(&self, draft: Draft) -> Result<oneshot::Receiver<Answered>, AppendError> {
        if self.shared.stop.is_cancelled() {
            return Err(AppendError::Unavailable { perhaps_stored: false });
        }
        let append = Append { draft, epoch: self.known().epoch() };
        let deadline = deadline_after(self.shared.limits.append_wait);
        let answered = self.backlog.lock().push(append, deadline).map_err(|full| {
            self.shared.counters.appends_turned_away.add(1);
            match full {
                Full::Now => AppendError::Unavailable { perhaps_stored: false },
                Full::Always => AppendError::Refused("it is larger than the whole queue".into()),
            }
        })?;
        self.added.notify_one();
        Ok(answered)
    }

    fn known(&self) -> &Known {
        &self.shared.partitions[self.partition]
    }

    /// Sends and answers until the broker is closed and every append has its answer.
    pub(super) async fn run(self: Arc<Self>) {
        let mut failures = 0;
        loop {
            let opened = tokio::select! {
                opened = self.open(failures) => opened,
                () = self.expire_in_time() => continue,
                () = self.shared.stop.cancelled() => break,
            };
            let (ended, worked) = match opened {
                Ok(opened) => {
                    self.shared.health.up(self.health);
                    Session::new(&self, opened).serve().await
                }
                Err(why) => (Ended::Lost(why), false),
            };
            failures = if worked { 1 } else { failures.saturating_add(1) };
            if self.ended(ended, failures) {
                break;
            }
        }
        let mut backlog = self.backlog.lock();
        backlog.close();
        backlog.rewind();
        backlog.fail_all();
    }

    async fn open(&self, failures: u32) -> Result<opening::Opened, Error> {
        self.shared.back_off(failures).await;
        opening::open(&self.shared, self.known(), self.health).await
    }

    /// Puts everything in line again. Says whether the lane ends.
    fn ended(&self, ended: Ended, failures: u32) -> bool {
        let why = match ended {
            Ended::Closed => return true,
            Ended::Again(why) => {
                debug!(partition = self.known().number.0, %why, "the lane starts again");
                (failures > 1).then_some(why)
            }
            Ended::Lost(why) => {
                self.shared.counters.connections_failed.add(1);
                Some(why)
            }
        };
        if let Some(why) = why {
            self.shared.health.down(self.health, why);
        }
        let resent = self.backlog.lock().rewind();
        self.shared.counters.appends_resent.add(resent);
        false
    }

    /// Never ends; answers what waits for too long.
    async fn expire_in_time(&self) {
        loop {
            let deadline = self.expire();
            tokio::select! {
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
                () = self.added.notified() => {}
            }
        }
    }

    /// Answers those whose time is over. Says when the next one's will be.
    fn expire(&self) -> Option<Instant> {
        let mut backlog = self.backlog.lock();
        let expired = backlog.expire(Instant::now());
        self.shared.counters.appends_expired.add(expired);
        backlog.next_deadline()
    }
}

/// The moment after a wait; a wait without end still has one that can be reckoned with.
fn deadline_after(wait: std::time::Duration) -> Instant {
    const LONGEST: std::time::Duration = std::time::Duration::from_hours(1);
    Instant::now() + wait.min(LONGEST)
}
