//! Session records: which connections of this instance own one, and how they get into the store.
//!
//! A connect never waits for the store: its record is written behind it, and later as often as it
//! takes. What is not written yet can't be taken up, and whoever comes back is told so. Who owns
//! a record is named by a token, and the token says which instance that is.

mod writer;

use std::{
    borrow::Borrow,
    collections::HashSet,
    fmt::Write,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use broker::{Broker, OwnedSession, Recipient, SessionRecord};
use bytes::Bytes;
use foldhash::fast::RandomState;
use hub::{CloseReason, Connection, SocketKey};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::record::Pid;
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

/// Random bytes of an owner's token.
const SECRET_BYTES: usize = 15;

/// The letters that these are in base64.
const SECRET_LEN: usize = SECRET_BYTES / 3 * 4;

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
    /// The sessions of this instance by the number of their socket, which the hub gives: no
    /// client chooses what is hashed. Locked for a look or a change, or to copy what is to be
    /// renewed.
    live: Mutex<HashSet<ByNumber, RandomState>>,
    jobs: mpsc::Sender<Job>,
}

/// The record of a session, as one connection holds it.
struct Kept {
    pid: Pid,
    /// With the instance's mark the token of the owner.
    number: u64,
    secret: [u8; SECRET_BYTES],
    connection: Arc<Connection>,
    /// What is written. Not known while the session is being taken up.
    bytes: OnceLock<Box<[u8]>>,
}

/// A connection's hold of the record of one session.
pub(super) struct Lease {
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
        pid: Pid,
        bytes: Box<[u8]>,
    ) {
        let lease = self.lease(key, connection, pid);
        lease.took_up(bytes);
        self.0.enqueue(Job::Keep(lease.kept));
    }

    /// A hold for a connection that wants to take up a session. From here on whoever takes the
    /// session from it finds it.
    pub(super) fn lease(&self, key: SocketKey, connection: &Arc<Connection>, pid: Pid) -> Lease {
        let (number, secret) = (key.number(), identity::random());
        let (connection, bytes) = (connection.clone(), OnceLock::new());
        let kept = Arc::new(Kept { pid, number, secret, connection, bytes });
        let mut live = self.0.live.lock();
        live.replace(ByNumber(kept.clone()));
        self.0.measure(live.len());
        drop(live);
        Lease { kept }
    }

    /// Makes the lease's connection the owner of the record.
    pub(super) async fn claim(&self, lease: &Lease) -> Claimed {
        let claim =
            self.0.broker.claim(lease.pid().as_str(), &self.0.owner(&lease.kept), self.0.life);
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
        let kept = number.and_then(|number| self.0.live.lock().get(&number).map(ByNumber::kept));
        if let Some(kept) = kept.filter(|kept| *self.0.owner(kept) == *owner) {
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
        let number = lease.kept.number;
        if live.get(&number).is_some_and(|found| Arc::ptr_eq(&found.0, &lease.kept)) {
            live.remove(&number);
        }
        self.0.measure(live.len());
    }

    /// A socket has left. Its record stays until its life is over, so that it can come back,
    /// except where it was ended on purpose or lost its past.
    pub(in crate::application) fn part(&self, key: SocketKey, reason: CloseReason) {
        let mut live = self.0.live.lock();
        let Some(ByNumber(kept)) = live.take(&key.number()) else { return };
        self.0.measure(live.len());
        drop(live);
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

    /// The token of an owner: which instance it is, which of its sockets, and a secret.
    fn owner(&self, kept: &Kept) -> Box<str> {
        let number = kept.number;
        let digits = number.checked_ilog(16).map_or(1, |log| log as usize + 1);
        // Of the right size: every record is written with one.
        let mut owner = String::with_capacity(self.mark.len() + digits + SECRET_LEN + 2);
        write!(owner, "{}.{number:x}.", self.mark).expect("a String takes all");
        URL_SAFE_NO_PAD.encode_string(kept.secret, &mut owner);
        owner.into()
    }

    fn owned(&self, kept: &Kept) -> OwnedSession {
        OwnedSession { key: kept.pid.as_str().into(), owner: self.owner(kept) }
    }

    fn record(&self, kept: &Kept) -> Option<SessionRecord> {
        let OwnedSession { key, owner } = self.owned(kept);
        Some(SessionRecord { key, owner, bytes: Bytes::copy_from_slice(kept.bytes.get()?) })
    }

    /// Told while `live` is locked, so that the last one tells the truth.
    fn measure(&self, live: usize) {
        self.metrics.session_records.set(i64::try_from(live).unwrap_or(i64::MAX));
    }
}

impl Lease {
    /// The session goes on with this connection.
    pub(super) fn took_up(&self, bytes: Box<[u8]>) {
        // It is set once for each lease.
        let _ = self.kept.bytes.set(bytes);
    }

    pub(super) fn pid(&self) -> &Pid {
        &self.kept.pid
    }
}

/// What a connection holds, looked up by the number of its socket.
struct ByNumber(Arc<Kept>);

impl ByNumber {
    fn kept(&self) -> Arc<Kept> {
        self.0.clone()
    }
}

impl Borrow<u64> for ByNumber {
    fn borrow(&self) -> &u64 {
        &self.0.number
    }
}

impl Hash for ByNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.number.hash(state);
    }
}

impl PartialEq for ByNumber {
    fn eq(&self, other: &Self) -> bool {
        self.0.number == other.0.number
    }
}

impl Eq for ByNumber {}

/// What tells one life of an instance from all others: the random end of its id.
fn mark_of(id: &str) -> &str {
    id.rsplit_once('#').map_or(id, |(_, mark)| mark)
}

fn mark_of_token(owner: &str) -> &str {
    owner.split_once('.').map_or("", |(mark, _)| mark)
}

#[cfg(test)]
mod tests;
