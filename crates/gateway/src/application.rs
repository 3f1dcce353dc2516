//! The seam to whoever is served over Socket.IO.

use std::any::Any;
use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use hub::{CloseReason, Connection, SocketKey};
use wire::Frame;

use crate::{Event, Handshake, Socket, SocketId};

/// A future that can be spawned.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Frames that are made or looked up one by one, as there is room for them.
pub type Frames = Box<dyn Iterator<Item = Frame> + Send>;

/// What is served over Socket.IO. No call may block.
///
/// For every `Accepted` there is exactly one `disconnected`, also when the session ended while
/// `connect` was still running. For one session no two of `event` and `disconnected` run at the
/// same time; no `event` comes before the CONNECT answer was queued or after `disconnected`.
pub trait Application: Send + Sync + 'static {
    /// A client asks to join a namespace. The rest of its session goes on meanwhile.
    ///
    /// The socket is attached to the hub and held: it may be entered into topics here, and what
    /// they receive waits until the CONNECT answer and [`Accepted::first`] have gone out.
    fn connect(&self, request: Connect) -> BoxFuture<Result<Accepted, Refused>>;

    /// An event has arrived. What is done before returning is done in the order of arrival; a
    /// returned future runs beside the others of its session, at most
    /// [`Config::commands_max`](crate::Config) at once (then the transport isn't read). It may
    /// outlive the socket. A panic ends this session only.
    fn event(&self, socket: &Arc<Socket>, event: Event) -> Option<BoxFuture<()>>;

    /// The socket has left. It is detached from the hub afterwards.
    fn disconnected(&self, socket: &Arc<Socket>, reason: CloseReason);
}

/// A client's wish to join a namespace.
#[derive(Debug)]
pub struct Connect {
    /// The namespace, `/` by default.
    pub namespace: Cow<'static, str>,
    /// The payload of the CONNECT packet: the text of a JSON object.
    pub auth: Option<Box<str>>,
    /// The request that opened the session.
    pub handshake: Arc<Handshake>,
    /// The socket id that the gateway has chosen.
    pub sid: SocketId,
    /// The socket's key in the hub, already attached and held.
    pub key: SocketKey,
    /// The session's outbox.
    pub connection: Arc<Connection>,
}

/// A namespace was joined.
pub struct Accepted {
    /// Replaces the socket id that was offered, when an earlier socket comes back.
    pub sid: Option<SocketId>,
    /// The private id of Socket.IO's connection state recovery; `None` leaves the key out.
    pub pid: Option<Box<str>>,
    /// Frames that go out right behind the CONNECT answer, before anything from the topics.
    pub first: Vec<Frame>,
    /// What an earlier socket that comes back has missed. It goes out behind `first`, only as
    /// fast as the client takes it, and what the topics receive waits until all of it is out.
    pub missed: Option<Frames>,
    /// The application's own state of this socket; see [`Socket::state`].
    pub state: Box<dyn Any + Send + Sync>,
}

/// A namespace was not joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Answered with `CONNECT_ERROR`; the session goes on.
    Error {
        /// `message` of the error.
        message: String,
        /// `data` of the error: the text of a JSON value.
        data: Option<String>,
    },
    /// The transport is closed, so that the client comes back later.
    Close(CloseReason),
}

impl Refused {
    /// The answer for a namespace that doesn't exist.
    pub fn invalid_namespace() -> Self {
        Self::Error { message: "Invalid namespace".to_owned(), data: None }
    }
}
