//! What an application holds of a socket (a session in one namespace), its events and
//! acknowledgements.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use hub::{Class, CloseReason, Connection, SocketKey};
use tokio::sync::oneshot;
use wire::Frame;
use wire::socket::Args;

use crate::Handshake;

/// A session in one namespace.
pub struct Socket {
    sid: Box<str>,
    namespace: Box<str>,
    key: SocketKey,
    connection: Arc<Connection>,
    handshake: Arc<Handshake>,
    state: Arc<dyn Any + Send + Sync>,
}

impl Socket {
    /// The socket id: 20 characters.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The namespace it has joined.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its key in the hub.
    pub fn key(&self) -> SocketKey {
        self.key
    }

    /// Its session's outbox.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &Arc<Handshake> {
        &self.handshake
    }

    /// The state given with [`Accepted`](crate::Accepted); `None` if it is of another type.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.state.downcast_ref()
    }

    /// Why the socket has left, if it has.
    pub fn left(&self) -> Option<CloseReason> {
        todo!()
    }

    /// Sends an event, at this place in the order of the socket's topics. Arguments are JSON
    /// texts.
    pub async fn emit(&self, name: &str, args: &[&str], class: Class) {
        let _ = (name, args, class);
        todo!()
    }

    /// Sends an event and waits for its acknowledgement. The receiver fails when the socket
    /// leaves before, or when more than [`Config::acks_max`](crate::Config) are waited for.
    pub async fn emit_with_ack(&self, name: &str, args: &[&str]) -> oneshot::Receiver<Reply> {
        let _ = (name, args);
        todo!()
    }

    /// The same with binary attachments: placeholders in `args`, in the order of `attachments`.
    pub async fn emit_binary_with_ack(
        &self,
        name: &str,
        args: &[&str],
        attachments: Vec<Bytes>,
    ) -> oneshot::Receiver<Reply> {
        let _ = (name, args, attachments);
        todo!()
    }

    /// Ends the socket behind everything that was sent to it before: it leaves its namespace
    /// (the stock client then doesn't come back by itself). With `close_transport` all sockets
    /// of the session do, and the transport is closed.
    pub fn disconnect(&self, close_transport: bool) {
        let _ = close_transport;
        todo!()
    }
}

/// What a client answered to [`Socket::emit_with_ack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The text of the JSON array of arguments.
    pub args: Box<str>,
    /// Binary attachments, which placeholders in `args` stand for.
    pub attachments: Vec<Bytes>,
}

/// An event from a client.
pub struct Event {
    pub(crate) data: Box<str>,
    /// Binary attachments, which placeholders in the arguments stand for.
    pub attachments: Vec<Bytes>,
    /// Present if the client wants an acknowledgement.
    pub ack: Option<Ack>,
}

impl Event {
    /// The whole event as it came: the text of a JSON array with the name first.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// The event's name and arguments, split but not parsed.
    pub fn args(&self) -> Args<'_> {
        Args::event(&self.data).expect("the assembler lets no other payload through")
    }
}

/// The right to acknowledge one event, once.
pub struct Ack {
    pub(crate) socket: Arc<Socket>,
    pub(crate) id: u64,
}

impl Ack {
    /// Answers with JSON texts, directly behind what already waits for the connection. Does
    /// nothing if the socket has left.
    pub fn send(self, args: &[&str]) {
        self.send_with(args, Vec::new());
    }

    /// The same with binary attachments: placeholders in `args`, in the order of `attachments`.
    pub fn send_with(self, args: &[&str], attachments: Vec<Bytes>) {
        let _ = (args, attachments, self.socket, self.id);
        todo!()
    }

    /// The answer as a frame, for an application that gives it its place itself (with
    /// [`hub::Hub::release`] or [`hub::Hub::send`]).
    pub fn into_frame(self, args: &[&str]) -> Frame {
        let _ = args;
        todo!()
    }
}
