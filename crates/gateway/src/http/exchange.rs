//! What the stream of a connection and the service on it tell each other, past the HTTP library.
//!
//! The library drops a request as soon as its client has gone, perhaps before anybody has looked
//! at it. Then a message would be lost that had arrived, and nobody would know of a poll that
//! was given up. So the stream keeps the end of the connection to itself while a request is
//! being answered, and the service is told instead.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use super::Upgrade;

#[derive(Default)]
pub(crate) struct Exchange(Mutex<State>);

#[derive(Default)]
struct State {
    /// What the connection becomes after a 101.
    upgrade: Option<Upgrade>,
    answering: bool,
    client_has_left: bool,
    waiting: Option<Waker>,
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Exchange>);

impl Exchange {
    pub(crate) fn take_upgrade(&self) -> Option<Upgrade> {
        self.0.lock().upgrade.take()
    }

    pub(super) fn answer(self: &Arc<Self>) -> Answering {
        self.0.lock().answering = true;
        Answering(Arc::clone(self))
    }

    /// Notes that nothing more will come. True if the library must not know yet.
    pub(super) fn client_left(&self) -> bool {
        let mut state = self.0.lock();
        state.client_has_left = true;
        let (waiting, answering) = (state.waiting.take(), state.answering);
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        answering
    }
}

impl Answering {
    pub(super) fn upgrade(&self, upgrade: Upgrade) {
        self.0.0.lock().upgrade = Some(upgrade);
    }

    /// Ready when the client has gone, and all that it had sent has been read.
    pub(super) async fn client_left(&self) {
        poll_fn(|cx| {
            let mut state = self.0.0.lock();
            if state.client_has_left {
                return Poll::Ready(());
            }
            state.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.lock().answering = false;
    }
}
