//! Brings session records to the store: new ones as they come, and all of them again and again.

use std::{sync::Arc, time::Duration};

use broker::{Error, SessionRecord};
use tokio::{
    sync::mpsc,
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
        let (mut records, mut forgotten) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                // Without bytes it was given up before it had any.
                Job::Keep(kept) => records.extend(self.0.record(&kept).map(|it| (kept, it))),
                Job::Forget(kept) => forgotten.push(kept),
            }
        }
        let mut again = self.keep(records).await;
        // It would be kept behind its end.
        again.retain(|kept| !forgotten.iter().any(|forgotten| Arc::ptr_eq(kept, forgotten)));
        if !forgotten.is_empty() {
            let owned = forgotten.iter().map(|kept| self.0.owned(kept)).collect();
            let forgetting = self.0.broker.forget_sessions(owned);
            if !matches!(timeout(WRITE_WAIT, forgetting).await, Ok(Ok(()))) {
                tracing::debug!("session records were not forgotten; they end by themselves");
            }
        }
        let done = i64::try_from(taken - again.len()).expect("a batch is small");
        self.0.metrics.session_records_waiting.dec_by(done);
        again.into_iter().map(Job::Keep).collect()
    }

    /// Writes records; gives back those that the store did not take.
    async fn keep(&self, records: Vec<(Arc<Kept>, SessionRecord)>) -> Vec<Arc<Kept>> {
        let Err(error) = self.keep_together(&records).await else { return Vec::new() };
        if error.is_none_or(|error| error.is_retryable()) {
            return records.into_iter().map(|(kept, _)| kept).collect();
        }
        // It may be one of them alone that can't be kept.
        let mut again = Vec::new();
        for record in records {
            match self.keep_together(std::slice::from_ref(&record)).await {
                Ok(()) => {}
                Err(Some(error)) if !error.is_retryable() => {
                    tracing::warn!(%error, "a session record can't be kept");
                }
                Err(_) => again.push(record.0),
            }
        }
        again
    }

    /// Writes records, and closes who owns its one no more. An error without a cause is that the
    /// store took too long.
    async fn keep_together(
        &self,
        records: &[(Arc<Kept>, SessionRecord)],
    ) -> Result<(), Option<Error>> {
        if records.is_empty() {
            return Ok(());
        }
        let copies = records.iter().map(|(_, record)| record.clone()).collect();
        let keeping = self.0.broker.keep_sessions(copies, self.0.life);
        let written = timeout(WRITE_WAIT, keeping).await.map_err(|_| None)?.map_err(Some)?;
        for ((kept, _), written) in records.iter().zip(written) {
            if !written {
                kept.connection.close(CloseReason::Replaced);
            }
        }
        Ok(())
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
