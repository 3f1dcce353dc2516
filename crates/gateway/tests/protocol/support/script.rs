//! An application whose every answer the test decides.

use std::sync::Arc;

use gateway::{Accepted, Application, BoxFuture, Connect, Event, Refused, Socket};
use hub::CloseReason;
use tokio::sync::mpsc;
use wire::Frame;

use super::soon;

type OnConnect = dyn Fn(Connect) -> BoxFuture<Result<Accepted, Refused>> + Send + Sync;
type OnEvent = dyn Fn(&Arc<Socket>, Event) -> Option<BoxFuture<()>> + Send + Sync;

/// Accepts everybody and does nothing, unless told otherwise.
pub(crate) struct Script {
    on_connect: Box<OnConnect>,
    on_event: Box<OnEvent>,
    joined: mpsc::Sender<Arc<Socket>>,
    left: mpsc::Sender<(String, CloseReason)>,
}

/// What a script has seen.
pub(crate) struct Seen {
    left: mpsc::Receiver<(String, CloseReason)>,
    joined: mpsc::Receiver<Arc<Socket>>,
}

impl Script {
    pub(crate) fn new() -> (Self, Seen) {
        let (left, left_end) = mpsc::channel(1000);
        let (joined, joined_end) = mpsc::channel(1000);
        let script = Self {
            on_connect: Box::new(|_| Box::pin(async { Ok(accepted(Vec::new())) })),
            on_event: Box::new(|_, _| None),
            joined,
            left,
        };
        (script, Seen { left: left_end, joined: joined_end })
    }

    pub(crate) fn on_connect(
        mut self,
        answer: impl Fn(Connect) -> BoxFuture<Result<Accepted, Refused>> + Send + Sync + 'static,
    ) -> Self {
        self.on_connect = Box::new(answer);
        self
    }

    pub(crate) fn on_event(
        mut self,
        answer: impl Fn(&Arc<Socket>, Event) -> Option<BoxFuture<()>> + Send + Sync + 'static,
    ) -> Self {
        self.on_event = Box::new(answer);
        self
    }
}

/// An acceptance with frames behind the answer.
pub(crate) fn accepted(first: Vec<Frame>) -> Accepted {
    Accepted { sid: None, pid: None, first, missed: None, state: Box::new(()) }
}

impl Seen {
    /// The namespace of the next socket that leaves, and why it does.
    pub(crate) async fn left(&mut self) -> (String, CloseReason) {
        soon("a socket that leaves", self.left.recv()).await.expect("the server runs")
    }

    /// The next socket that said something.
    pub(crate) async fn socket(&mut self) -> Arc<Socket> {
        soon("a socket", self.joined.recv()).await.expect("the server runs")
    }

    /// No socket has left that wasn't asked for.
    pub(crate) fn nobody_left(&mut self) {
        assert!(self.left.try_recv().is_err());
    }
}

impl Application for Script {
    fn connect(&self, request: Connect) -> BoxFuture<Result<Accepted, Refused>> {
        (self.on_connect)(request)
    }

    /// The event `here` gives the test its socket.
    fn event(&self, socket: &Arc<Socket>, event: Event) -> Option<BoxFuture<()>> {
        if event.args().name == "here" {
            self.joined.try_send(Arc::clone(socket)).expect("room");
            return None;
        }
        (self.on_event)(socket, event)
    }

    fn disconnected(&self, socket: &Arc<Socket>, reason: CloseReason) {
        assert_eq!(socket.left(), Some(reason));
        self.left.try_send((socket.namespace().to_owned(), reason)).expect("room");
    }
}
