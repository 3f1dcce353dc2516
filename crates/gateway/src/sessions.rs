//! All sessions of a gateway, by id, and how many there may be.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hub::CloseReason;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::ids::Sid;
use crate::session::Session;

pub(crate) struct Sessions {
    inner: Mutex<Inner>,
    max: usize,
    /// Told when the last session of a gateway that takes no more has ended.
    emptied: Notify,
}

#[derive(Default)]
struct Inner {
    /// Clients choose what is looked up here, but not what is in it: all ids are random, and none
    /// is found slower because of what is asked for. So a fast hasher will do.
    by_sid: HashSet<BySid, RandomState>,
    /// Places promised to handshakes that aren't finished.
    reserved: usize,
    /// The gateway stops: no more sessions.
    sealed: bool,
}

/// A session, which is looked up by its id: that isn't stored twice.
struct BySid(Arc<Session>);

impl Borrow<Sid> for BySid {
    fn borrow(&self) -> &Sid {
        self.0.sid()
    }
}

impl Hash for BySid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.sid().hash(state);
    }
}

impl PartialEq for BySid {
    fn eq(&self, other: &Self) -> bool {
        self.0.sid() == other.0.sid()
    }
}

impl Eq for BySid {}

/// A place for one session. Dropping it gives the place back.
pub(crate) struct Reservation {
    sessions: Arc<Sessions>,
    used: bool,
}

impl Sessions {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), max, emptied: Notify::new() })
    }

    /// A place for one session, if there is one.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<Reservation> {
        let mut inner = self.inner.lock();
        if inner.sealed || inner.by_sid.len() + inner.reserved >= self.max {
            return None;
        }
        inner.reserved += 1;
        Some(Reservation { sessions: Arc::clone(self), used: false })
    }

    pub(crate) fn find(&self, sid: &str) -> Option<Arc<Session>> {
        let sid = Sid::parse(sid)?;
        self.inner.lock().by_sid.get(&sid).map(|found| Arc::clone(&found.0))
    }

    pub(crate) fn remove(&self, sid: &Sid) {
        let mut inner = self.inner.lock();
        let removed = inner.by_sid.take(sid);
        let emptied = inner.is_over();
        drop(inner);
        // Outside of the lock: it may be the last reference.
        drop(removed);
        if emptied {
            self.emptied.notify_waiters();
        }
    }

    /// Takes no more sessions; returns those that are there.
    pub(crate) fn seal(&self) -> Vec<Arc<Session>> {
        let mut inner = self.inner.lock();
        inner.sealed = true;
        inner.by_sid.iter().map(|each| Arc::clone(&each.0)).collect()
    }

    /// Waits until a sealed gateway has no session left.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.inner.lock().is_over() {
                return;
            }
            emptied.await;
        }
    }
}

impl Inner {
    fn is_over(&self) -> bool {
        self.sealed && self.by_sid.is_empty() && self.reserved == 0
    }
}

impl Reservation {
    /// Puts the session into its place. If the gateway has been sealed meanwhile, nobody else
    /// will close it.
    pub(crate) fn fill(mut self, session: &Arc<Session>) {
        self.used = true;
        let mut inner = self.sessions.inner.lock();
        inner.reserved -= 1;
        inner.by_sid.insert(BySid(Arc::clone(session)));
        let sealed = inner.sealed;
        drop(inner);
        if sealed {
            session.close(CloseReason::ShuttingDown);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        let mut inner = self.sessions.inner.lock();
        inner.reserved -= 1;
        let emptied = inner.is_over();
        drop(inner);
        if emptied {
            self.sessions.emptied.notify_waiters();
        }
    }
}
