//! Brings session records to the store: new ones as they come, and all of them again and again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{ByNumber, Kept, Shared};
use hub::CloseReason;

/// Records that are written at once.
const BATCH: usize = 256;

/// Records that are renewed by one call.
const RENEW_BATCH: usize = 1_000;

/// How long the store may take for one call.
const WRITE_WAIT: Duration = Duration::from_secs(5);

/// How soon the store is asked again after it failed.
const RETRY: Duration = Duration::from_secs(1);

/// How long the end of the instance waits for what was not written yet.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What is to be done about a record.
pub(super) enum Job {
    /// Write it.
    Keep(Arc<Kept>),
    /// Forget it.
    Forget(Arc<Kept>),
}

/// The work on the records of one instance.
pub(super) struct Writer(Arc<Shared>);

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Writes what comes, in its order, and what the store did not take again and again.
    pub(super) async fn write(self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut batch = Vec::new();
        while let Some(taken) = stop.run_until_cancelled(queue.recv_many(&mut batch, BATCH)).await {
            if taken == 0 {
                return;
            }
            while !batch.is_empty() {
                let Some(rest) = or_last_wait(&stop, self.carry_out(batch)).await else { return };
                batch = rest;
                if !batch.is_empty() && stop.run_until_cancelled(sleep(RETRY)).await.is_none() {
                    break;
                }
            }
        }
        while let Ok(job) = queue.try_recv() {
            batch.push(job);
        }
        or_last_wait(&stop, self.carry_out(batch)).await;
    }

    /// Gives back what the store did not take. What is to be forgotten is tried once: its record
    /// ends by itself.
    async fn carry_out(&self, jobs: Vec<Job>) -> Vec<Job> {
        let taken = jobs.len();
        let (mut writing, mut forgotten) = (JoinSet::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Keep(kept) => {
                    writing.spawn(keep(self.0.clone(), kept));
                }
                Job::Forget(kept) => forgotten.push(kept),
            }
        }
        let mut again: Vec<Job> = Vec::new();
        while let Some(written) = writing.join_next().await {
            again.extend(written.ok().flatten().map(Job::Keep));
        }
        let mut forgetting = JoinSet::new();
        for kept in forgotten {
            let forget = self.0.broker.forget(kept.pid.as_str(), &self.0.owner(&kept));
            forgetting.spawn(timeout(WRITE_WAIT, forget));
        }
        while let Some(forgotten) = forgetting.join_next().await {
            if !matches!(forgotten, Ok(Ok(Ok(())))) {
                tracing::debug!("a session record was not forgotten; it ends by itself");
            }
        }
        let done = i64::try_from(taken - again.len()).expect("a batch is small");
        self.0.metrics.session_records_waiting.dec_by(done);
        again
    }

    /// Renews all records of this instance, in parts; those that the store has lost are written
    /// again, and whoever owns one no more is closed.
    pub(super) async fn renew(self) {
        let mut wait = self.0.refresh;
        loop {
            sleep(wait).await;
            wait = if self.renew_all().await { self.0.refresh } else { RETRY };
        }
    }

    async fn renew_all(&self) -> bool {
        let live: Vec<Arc<Kept>> = self.0.live.lock().iter().map(ByNumber::kept).collect();
        let live: Vec<_> = live.into_iter().filter(|kept| kept.bytes.get().is_some()).collect();
        for part in live.chunks(RENEW_BATCH) {
            let owned = part.iter().map(|kept| self.0.owned(kept)).collect();
            let renewed = self.0.broker.renew_sessions(owned, self.0.life);
            let Ok(Ok(gone)) = timeout(WRITE_WAIT, renewed).await else {
                tracing::debug!("session records were not renewed; trying again");
                return false;
            };
            for pid in gone {
                if let Some(kept) = part.iter().find(|kept| *kept.pid.as_str() == *pid) {
                    // Lost, or owned by another: the writing tells.
                    self.0.enqueue(Job::Keep(kept.clone()));
                }
            }
        }
        true
    }
}

/// Finishes some work, but after the stop only within the last wait.
async fn or_last_wait<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    let end = async {
        stop.cancelled().await;
        sleep(LAST_WAIT).await;
    };
    tokio::select! {
        done = work => Some(done),
        () = end => None,
    }
}

/// Writes a record; gives it back where the store did not take it.
async fn keep(shared: Arc<Shared>, kept: Arc<Kept>) -> Option<Arc<Kept>> {
    let record = shared.record(&kept)?;
    match timeout(WRITE_WAIT, shared.broker.keep(record, shared.life)).await {
        Ok(Ok(true)) => None,
        Ok(Ok(false)) => {
            kept.connection.close(CloseReason::Replaced);
            None
        }
        Ok(Err(error)) if !error.is_retryable() => {
            tracing::warn!(%error, "a session record can't be kept");
            None
        }
        Ok(Err(_)) | Err(_) => Some(kept),
    }
}
