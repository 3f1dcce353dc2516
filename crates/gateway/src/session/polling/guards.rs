//! What a request holds of a session while it lasts. Requests end in many ways, most of them
//! by being dropped; each of these says what that means.

use std::sync::Arc;

use bytes::Bytes;
use hub::CloseReason;
use tokio::sync::oneshot;

use crate::session::{Phase, Session};

/// A pending poll, seen from its request. Dropping it before the answer came means that the
/// client has gone away.
pub(crate) struct Answer {
    pub(super) session: Arc<Session>,
    pub(super) number: u64,
    pub(super) repeatable: bool,
    pub(super) arrived: bool,
    pub(super) body: oneshot::Receiver<Bytes>,
}

/// A POST in progress. Dropping it before `done` ends the session, unless that has moved on to
/// a WebSocket.
pub(crate) struct PostGuard {
    pub(super) session: Arc<Session>,
    pub(super) cut_short: oneshot::Receiver<()>,
    pub(super) done: bool,
}

/// An upgrade in progress; there is only one at a time.
pub(crate) struct ProbeGuard(pub(super) Arc<Session>);

impl Answer {
    /// Waits for the body of the response; `None` if the session ended without one.
    pub(crate) async fn body(mut self) -> Option<Bytes> {
        let body = (&mut self.body).await;
        self.arrived = true;
        body.ok()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.session.core.metrics.counts().pending_polls.dec();
        if !self.arrived {
            self.session.poll_went_away(self.number, self.repeatable);
        }
    }
}

impl PostGuard {
    /// Ready when another POST, an upgrade or the session's end has overtaken this one.
    pub(crate) async fn cut_short(&mut self) {
        let _ = (&mut self.cut_short).await;
    }

    /// The POST ends in order.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for PostGuard {
    fn drop(&mut self) {
        let polls = match &mut self.session.state.lock().phase {
            Phase::Polling(polling) => {
                polling.posting = None;
                true
            }
            Phase::WebSocket => false,
        };
        if std::thread::panicking() {
            self.session.close(CloseReason::Internal);
        } else if polls && !self.done {
            self.session.close(CloseReason::TransportError);
        }
    }
}

impl Drop for ProbeGuard {
    fn drop(&mut self) {
        if let Phase::Polling(polling) = &mut self.0.state.lock().phase {
            polling.probing = false;
        }
    }
}

impl ProbeGuard {
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0
    }
}
