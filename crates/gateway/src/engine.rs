//! The seam below Socket.IO: what an application of bare Engine.IO sessions implements.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hub::CloseReason;

use crate::Session;

/// What is served over Engine.IO sessions.
pub trait EngineApplication: Send + Sync + 'static {
    /// A session has opened; its open packet is on the way. What is returned receives
    /// everything that happens to it.
    fn open(&self, session: &Arc<Session>) -> Arc<dyn EngineSession>;
}

/// The application's side of one session.
///
/// For one session `message` and `closed` never run at the same time, and `closed` is the last
/// call, made exactly once. They run on the connection's task: they must not block.
pub trait EngineSession: Send + Sync {
    /// A message has arrived. Messages come one at a time and in order.
    fn message(&self, session: &Arc<Session>, message: Message<'_>) -> Flow;

    /// After [`Flow::Pause`]: ready when the transport may be read again. Messages that were
    /// already read still arrive meanwhile.
    fn poll_ready(&self, session: &Arc<Session>, context: &mut Context<'_>) -> Poll<()> {
        let _ = (session, context);
        Poll::Ready(())
    }

    /// Ready when everything that has arrived is dealt with, answers included: asked before the
    /// server ends a session on its own account.
    fn poll_idle(&self, session: &Arc<Session>, context: &mut Context<'_>) -> Poll<()> {
        let _ = (session, context);
        Poll::Ready(())
    }

    /// The application's own deadline, counted from the session's opening: `timer` is called
    /// first with zero, and then again whenever the time it returned has come.
    fn timer(&self, session: &Arc<Session>, since_opening: Duration) -> Option<Duration> {
        let _ = (session, since_opening);
        None
    }

    /// The session has ended.
    fn closed(&self, session: &Arc<Session>, reason: CloseReason);
}

/// One message of the client.
#[derive(Debug)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(Bytes),
}

/// What a session wants after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next message, please.
    Continue,
    /// No more reading from the transport until `poll_ready`.
    Pause,
    /// The session ends here.
    Close(CloseReason),
}
