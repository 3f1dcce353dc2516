//! Session records: which connections of this instance own one, and how they get into the store.
//!
//! A connect never waits for the store: its record is written behind it, and later as often as it
//! takes. What is not written yet can't be taken up, and whoever comes back is told so. Who owns
//! a record is named by a token, and the token says which instance that is.

mod writer;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use broker::{Broker, OwnedSession, Recipient, SessionRecord};
use bytes::Bytes;
use hub::{CloseReason, Connection, SocketKey};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{application::identity, control::Control, metrics::Metrics};
use writer::{Job, Writer};

/// What is told to the instance of a connection whose session goes on elsewhere.
const REPLACED: &str = "session-replaced";

/// Records that may wait for the store. One more is not written until its session is renewed.
const WAITING_MAX: usize = 20_000;

/// How long the store may take to hand over a record.
const CLAIM_WAIT: Duration = Duration::from_secs(5);

/// How many times records are renewed within the window.
const RENEWALS: u32 = 4;

/// They are not renewed more often than this, however short the window is.
const RENEW_MIN: Duration = Duration::from_secs(1);

/// They are renewed at least this often, however long the window is.
const RENEW_MAX: Duration = Duration::from_secs(30);

/// The session records of this instance; clones share them.
#[derive(Clone)]
pub struct Keeper(Arc<Shared>);

struct Shared {
    broker: Arc<dyn Broker>,
    control: Control,
    metrics: Arc<Metrics>,
    /// How often records are renewed.
    refresh: Duration,
    /// How long a record outlives its renewal.
    life: Duration,
    /// What the tokens of this instance begin with.
    mark: Box<str>,
    /// The sessions of this instance by the number of their socket. Locked for a look or a
    /// change, or to copy what is to be renewed.
    live: Mutex<HashMap<u64, Arc<Kept>>>,
    jobs: mpsc::Sender<Job>,
}

/// The record of a session, as one connection holds it.
struct Kept {
    pid: Box<str>,
    owner: Box<str>,
    connection: Arc<Connection>,
    /// What is written. Not known while the session is being taken up.
    bytes: OnceLock<Bytes>,
}

/// A connection's hold of the record of one session.
pub(super) struct Lease {
    number: u64,
    kept: Arc<Kept>,
}

/// What was found under a private id.
pub(super) enum Claimed {
    /// The record, with its owner before.
    Record(SessionRecord),
    /// None is kept.
    Nothing,
    /// The store can't be asked.
    Unavailable,
}

impl Keeper {
    /// Writes and renews until `stop`, and hears which sessions go on elsewhere.
    pub fn start(
        window: Duration,
        broker: Arc<dyn Broker>,
        control: &Control,
        metrics: Arc<Metrics>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(WAITING_MAX);
        let refresh = (window / RENEWALS).clamp(RENEW_MIN, RENEW_MAX);
        let shared = Arc::new(Shared {
            broker,
            metrics,
            refresh,
            life: window + refresh,
            mark: mark_of(control.id()).into(),
            live: Mutex::default(),
            jobs,
            control: control.clone(),
        });
        let writer = Writer::new(shared.clone());
        tasks.spawn(writer.write(queue, stop.clone()));
        let (renewing, stop) = (Writer::new(shared.clone()), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(renewing.renew()).await;
        });
        let hearing = Arc::downgrade(&shared);
        control.on(
            REPLACED,
            Arc::new(move |body| {
                let keeper = hearing.upgrade().map(Self);
                Box::pin(async move {
                    if let (Some(keeper), Value::String(owner)) = (keeper, body) {
                        keeper.close(&owner);
                    }
                    None
                })
            }),
        );
        Self(shared)
    }

    /// Keeps a record of a new session from now on; written as soon as the store takes it.
    pub(in crate::application) fn begin(
        &self,
        key: SocketKey,
        connection: &Arc<Connection>,
        pid: Box<str>,
        bytes: Bytes,
    ) {
        let lease = self.lease(key, connection, pid);
        lease.took_up(bytes);
        self.0.enqueue(Job::Keep(lease.kept));
    }

    /// A hold for a connection that wants to take up a session. From here on whoever takes the
    /// session from it finds it.
    pub(super) fn lease(
        &self,
        key: SocketKey,
        connection: &Arc<Connection>,
        pid: Box<str>,
    ) -> Lease {
        let number = key.number();
        let owner = format!("{}.{number:x}.{}", self.0.mark, identity::random_text::<15>());
        let (owner, connection) = (owner.into(), connection.clone());
        let kept = Arc::new(Kept { pid, owner, connection, bytes: OnceLock::new() });
        self.0.live.lock().insert(number, kept.clone());
        self.0.measure();
        Lease { number, kept }
    }

    /// Makes the lease's connection the owner of the record.
    pub(super) async fn claim(&self, lease: &Lease) -> Claimed {
        let claim = self.0.broker.claim(&lease.kept.pid, &lease.kept.owner, self.0.life);
        match timeout(CLAIM_WAIT, claim).await {
            Ok(Ok(Some(record))) => Claimed::Record(record),
            Ok(Ok(None)) => Claimed::Nothing,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a session record can't be claimed");
                Claimed::Unavailable
            }
            Err(_late) => Claimed::Unavailable,
        }
    }

    /// Closes the connection that owned a record before, wherever it is. One that isn't reached
    /// is closed when it wants to renew what it owns no more.
    pub(super) fn replace(&self, owner: &str) {
        let mark = mark_of_token(owner);
        if mark == &*self.0.mark {
            return self.close(owner);
        }
        let mut living = self.0.control.living().into_iter();
        let to = living.find(|id| mark_of(id) == mark).map_or(Recipient::All, Recipient::One);
        self.0.control.tell(to, REPLACED, owner.into());
    }

    fn close(&self, owner: &str) {
        let number = owner.split('.').nth(1).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let kept = number.and_then(|number| self.0.live.lock().get(&number).cloned());
        if let Some(kept) = kept.filter(|kept| &*kept.owner == owner) {
            kept.connection.close(CloseReason::Replaced);
        }
    }

    /// The session does not go on, and nobody may take it up any more.
    pub(super) fn give_up(&self, lease: &Lease) {
        self.let_go(lease);
        self.0.enqueue(Job::Forget(lease.kept.clone()));
    }

    /// This connection does not go on with the session, but another one may.
    pub(super) fn let_go(&self, lease: &Lease) {
        let mut live = self.0.live.lock();
        if live.get(&lease.number).is_some_and(|kept| Arc::ptr_eq(kept, &lease.kept)) {
            live.remove(&lease.number);
        }
        drop(live);
        self.0.measure();
    }

    /// A socket has left. Its record stays until its life is over, so that it can come back,
    /// except where it was ended on purpose or lost its past.
    pub(in crate::application) fn part(&self, key: SocketKey, reason: CloseReason) {
        let Some(kept) = self.0.live.lock().remove(&key.number()) else { return };
        self.0.measure();
        if !reason.may_reconnect() || reason == CloseReason::LogReset {
            self.0.enqueue(Job::Forget(kept));
        }
    }
}

impl Shared {
    fn enqueue(&self, job: Job) {
        let Ok(place) = self.jobs.try_reserve() else {
            self.metrics.session_records_dropped.inc();
            return;
        };
        self.metrics.session_records_waiting.inc();
        place.send(job);
    }

    fn measure(&self) {
        let live = self.live.lock().len();
        self.metrics.session_records.set(i64::try_from(live).unwrap_or(i64::MAX));
    }
}

impl Lease {
    /// The session goes on with this connection.
    pub(super) fn took_up(&self, bytes: Bytes) {
        // It is set once for each lease.
        let _ = self.kept.bytes.set(bytes);
    }

    pub(super) fn pid(&self) -> &str {
        &self.kept.pid
    }
}

impl Kept {
    fn owned(&self) -> OwnedSession {
        OwnedSession { key: self.pid.clone(), owner: self.owner.clone() }
    }

    fn record(&self) -> Option<SessionRecord> {
        let OwnedSession { key, owner } = self.owned();
        Some(SessionRecord { key, owner, bytes: self.bytes.get()?.clone() })
    }
}

/// What tells one life of an instance from all others: the random end of its id.
fn mark_of(id: &str) -> &str {
    id.rsplit_once('#').map_or(id, |(_, mark)| mark)
}

fn mark_of_token(owner: &str) -> &str {
    owner.split_once('.').map_or("", |(mark, _)| mark)
}

#[cfg(test)]
mod tests;
