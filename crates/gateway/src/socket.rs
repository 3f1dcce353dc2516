//! What an application holds of a socket (a session in one namespace), its events and
//! acknowledgements.

use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use hub::{Class, CloseReason, Connection, SocketKey};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use wire::Frame;
use wire::socket::{self, Args, MAIN_NAMESPACE, Packet};

use crate::layer::Namespaces;
use crate::{Handshake, Session, SocketId};

/// A session in one namespace.
pub struct Socket {
    sid: SocketId,
    /// Why it has left, counted from one; before that, zero.
    left: AtomicU8,
    /// `None` for the main namespace, which nearly every socket is in.
    namespace: Option<Box<str>>,
    key: SocketKey,
    session: Arc<Session>,
    namespaces: Arc<Namespaces>,
    state: Box<dyn Any + Send + Sync>,
    /// `None` until the first event that asks for an acknowledgement.
    awaited: Mutex<Option<Box<Awaited>>>,
}

/// The acknowledgements that are waited for.
#[derive(Default)]
struct Awaited {
    next_id: u64,
    /// In the order of their ids.
    senders: VecDeque<(u64, oneshot::Sender<Reply>)>,
}

impl Socket {
    pub(crate) fn new(
        sid: SocketId,
        namespace: &str,
        key: SocketKey,
        session: &Arc<Session>,
        namespaces: &Arc<Namespaces>,
        state: Box<dyn Any + Send + Sync>,
    ) -> Self {
        let namespace = (namespace != MAIN_NAMESPACE).then(|| namespace.into());
        Self {
            sid,
            left: AtomicU8::new(0),
            namespace,
            key,
            session: Arc::clone(session),
            namespaces: Arc::clone(namespaces),
            state,
            awaited: Mutex::default(),
        }
    }

    /// The socket id: 20 characters.
    pub fn sid(&self) -> &str {
        self.sid.as_str()
    }

    /// The namespace it has joined.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(MAIN_NAMESPACE)
    }

    /// Its key in the hub.
    pub fn key(&self) -> SocketKey {
        self.key
    }

    /// Its session's outbox.
    pub fn connection(&self) -> &Arc<Connection> {
        self.session.connection()
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &Arc<Handshake> {
        self.session.handshake()
    }

    /// The state given with [`Accepted`](crate::Accepted); `None` if it is of another type.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.state.downcast_ref()
    }

    /// Why the socket has left, if it has.
    pub fn left(&self) -> Option<CloseReason> {
        let number = usize::from(self.left.load(Ordering::Acquire));
        CloseReason::ALL.get(number.checked_sub(1)?).copied()
    }

    /// Sends an event, at this place in the order of the socket's topics. Arguments are JSON
    /// texts.
    pub async fn emit(&self, name: &str, args: &[&str], class: Class) {
        let frame = socket::event(self.namespace(), name, args);
        self.namespaces.hub().send(self.key, frame, class).await;
    }

    /// The same with binary attachments: placeholders in `args`, in the order of `attachments`.
    pub async fn emit_binary(&self, name: &str, args: &[&str], attachments: Vec<Bytes>) {
        self.emit_packet(name, args, attachments, None).await;
    }

    /// Sends an event and waits for its acknowledgement. The receiver fails when the socket
    /// leaves before, or when more than [`Config::acks_max`](crate::Config) are waited for.
    pub async fn emit_with_ack(&self, name: &str, args: &[&str]) -> oneshot::Receiver<Reply> {
        self.emit_binary_with_ack(name, args, Vec::new()).await
    }

    /// The same with binary attachments: placeholders in `args`, in the order of `attachments`.
    pub async fn emit_binary_with_ack(
        &self,
        name: &str,
        args: &[&str],
        attachments: Vec<Bytes>,
    ) -> oneshot::Receiver<Reply> {
        let (sender, reply) = oneshot::channel();
        let id = self.await_ack(sender);
        if id.is_some() {
            self.emit_packet(name, args, attachments, id).await;
        }
        reply
    }

    async fn emit_packet(
        &self,
        name: &str,
        args: &[&str],
        attachments: Vec<Bytes>,
        id: Option<u64>,
    ) {
        let mut packet = Packet::event(self.packet_namespace(), name, args, id);
        packet.attachments = attachments;
        self.namespaces.hub().send(self.key, socket::encode(&packet), Class::Lasting).await;
    }

    fn packet_namespace(&self) -> Cow<'static, str> {
        match &self.namespace {
            None => Cow::Borrowed(MAIN_NAMESPACE),
            Some(other) => Cow::Owned(other.to_string()),
        }
    }

    /// The id under which a reply will come; `None` if the socket has left.
    fn await_ack(&self, sender: oneshot::Sender<Reply>) -> Option<u64> {
        let mut awaited = self.awaited.lock();
        // Under the lock: `leave` empties the list after it has set the reason.
        if self.left().is_some() {
            return None;
        }
        let awaited = awaited.get_or_insert_default();
        let id = awaited.next_id;
        awaited.next_id += 1;
        awaited.senders.retain(|(_, sender)| !sender.is_closed());
        if awaited.senders.len() >= self.namespaces.acks_max() {
            awaited.senders.pop_front();
            self.namespaces.count_given_up_ack();
        }
        awaited.senders.push_back((id, sender));
        Some(id)
    }

    /// An acknowledgement has come. One that nobody waits for means nothing.
    pub(crate) fn acknowledged(&self, id: u64, reply: Reply) {
        let mut awaited = self.awaited.lock();
        let Some(awaited) = awaited.as_mut() else { return };
        let Ok(place) = awaited.senders.binary_search_by_key(&id, |(id, _)| *id) else { return };
        if let Some((_, sender)) = awaited.senders.remove(place) {
            // Fails if the application has lost interest.
            let _ = sender.send(reply);
        }
    }

    pub(crate) fn leave(&self, reason: CloseReason) {
        let number = reason as u8 + 1;
        // The first reason stays.
        let _ = self.left.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire);
        let awaited = self.awaited.lock().take();
        drop(awaited);
    }

    /// Ends the socket behind everything that was sent to it before: it leaves its namespace
    /// (the stock client then doesn't come back by itself). With `close_transport` all sockets
    /// of the session do, and the transport is closed.
    pub fn disconnect(&self, close_transport: bool) {
        self.namespaces.disconnect(&self.session, self.key, close_transport);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("sid", &self.sid)
            .field("namespace", &self.namespace())
            .field("left", &self.left())
            .finish_non_exhaustive()
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
        if self.socket.left().is_some() {
            return;
        }
        let mut packet = Packet::ack(self.socket.packet_namespace(), self.id, args);
        packet.attachments = attachments;
        self.socket.connection().send(&socket::encode(&packet), Class::Lasting);
    }

    /// The answer as a frame, for an application that gives it its place itself (with
    /// [`hub::Hub::release`] or [`hub::Hub::send`]).
    pub fn into_frame(self, args: &[&str]) -> Frame {
        socket::ack(self.socket.namespace(), self.id, args)
    }
}
