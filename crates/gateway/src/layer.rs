//! Socket.IO over an Engine.IO session: namespaces, events, acknowledgements.
//!
//! Owns which namespaces a session has joined and every rule that depends on it. What a packet
//! may look like by itself belongs to `wire`.
//!
//! One difference from the reference implementation, which no client needs: packets for a
//! namespace that the *server* has just ended are passed over (they were under way), instead of
//! closing the session.

mod dispatch;
mod join;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hub::{CloseReason, Hub, SocketKey};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio_util::task::TaskTracker;
use wire::socket::{Assembler, MAIN_NAMESPACE, Packet};

use crate::{
    Application, Config, EngineApplication, EngineSession, Flow, Message, Metrics, Session, Socket,
};

/// Serves an [`Application`] over Engine.IO sessions.
pub struct SocketLayer {
    shared: Arc<Shared>,
}

/// What all sessions of a layer share.
pub(crate) struct Shared {
    application: Arc<dyn Application>,
    pub(crate) hub: Hub,
    metrics: Metrics,
    tasks: TaskTracker,
    limits: Limits,
}

struct Limits {
    connect_timeout: Duration,
    attachments: usize,
    commands: u32,
    namespaces: usize,
    acks: usize,
}

impl SocketLayer {
    /// Makes the layer. It takes its limits from the same configuration as the gateway.
    pub fn new(
        application: Arc<dyn Application>,
        config: &Config,
        hub: Hub,
        metrics: Metrics,
        tasks: TaskTracker,
    ) -> Self {
        let limits = Limits {
            connect_timeout: config.connect_timeout,
            attachments: config.max_attachments,
            commands: u32::try_from(config.commands_max.max(1)).unwrap_or(u32::MAX),
            namespaces: config.namespaces_max,
            acks: config.acks_max,
        };
        Self { shared: Arc::new(Shared { application, hub, metrics, tasks, limits }) }
    }
}

impl EngineApplication for SocketLayer {
    fn open(&self, _session: &Arc<Session>) -> Arc<dyn EngineSession> {
        let state = State {
            assembler: Assembler::new(self.shared.limits.attachments),
            namespaces: SmallVec::new(),
            has_joined: false,
            ended: None,
            in_flight: 0,
            behind: None,
        };
        Arc::new_cyclic(|me| Namespaces {
            me: me.clone(),
            shared: Arc::clone(&self.shared),
            state: Mutex::new(state),
        })
    }
}

/// The namespaces of one session.
pub(crate) struct Namespaces {
    me: Weak<Namespaces>,
    shared: Arc<Shared>,
    /// Locked for a few lines, never while the application is called.
    state: Mutex<State>,
}

struct State {
    assembler: Assembler,
    /// Nearly every session joins one.
    namespaces: SmallVec<[Membership; 1]>,
    /// Ends the connect timeout, once and for all.
    has_joined: bool,
    ended: Option<CloseReason>,
    /// Event futures that haven't finished.
    in_flight: u32,
    /// None while the application keeps up.
    behind: Option<Box<Behind>>,
}

/// What waits for the application.
#[derive(Default)]
struct Behind {
    /// Packets that were read before reading stopped. Bounded by what is read at once.
    waiting: VecDeque<Packet>,
    /// Whoever waits for the application to catch up.
    reader: Option<Waker>,
    /// Whoever waits for the last answer.
    idle: Option<Waker>,
}

/// How a session stands to a namespace.
enum Membership {
    /// The application has not answered yet.
    Joining(Name),
    Joined(Arc<Socket>),
    /// The server has ended it; the client may not know yet.
    Ended(Name),
}

/// The name of a namespace; `None` for the main one, which nearly all join. Boxed once more, since
/// its pointer has two words: all memberships would pay for the second.
type Name = Option<Box<Box<str>>>;

fn name_of(namespace: &str) -> Name {
    (namespace != MAIN_NAMESPACE).then(|| Box::new(namespace.into()))
}

impl Membership {
    fn namespace(&self) -> &str {
        match self {
            Self::Joining(name) | Self::Ended(name) => {
                name.as_ref().map_or(MAIN_NAMESPACE, |name| name)
            }
            Self::Joined(socket) => socket.namespace(),
        }
    }

    fn into_socket(self) -> Option<Arc<Socket>> {
        match self {
            Self::Joined(socket) => Some(socket),
            Self::Joining(_) | Self::Ended(_) => None,
        }
    }
}

/// Detaches sockets from the hub when it is dropped, also by a panic of the application.
struct Attached<'a> {
    namespaces: &'a Namespaces,
    keys: Keys,
}

/// Nearly always one.
type Keys = SmallVec<[SocketKey; 1]>;

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.namespaces.detach(std::mem::take(&mut self.keys));
    }
}

impl EngineSession for Namespaces {
    fn message(&self, session: &Arc<Session>, message: Message<'_>) -> Flow {
        let mut state = self.state.lock();
        let assembled = match message {
            Message::Text(text) => state.assembler.text(text),
            Message::Binary(bytes) => state.assembler.binary(bytes),
        };
        let Ok(packet) = assembled else { return Flow::Close(CloseReason::ForcedClose) };
        let Some(packet) = packet else { return Flow::Continue };
        if state.is_busy(self.shared.limits.commands) {
            state.behind.get_or_insert_default().waiting.push_back(packet);
            return Flow::Pause;
        }
        drop(state);
        self.handle(session, packet)
    }

    fn poll_ready(&self, session: &Arc<Session>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut state = self.state.lock();
            if state.in_flight >= self.shared.limits.commands {
                state.behind.get_or_insert_default().reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let Some(packet) = state.next_waiting() else {
                state.wake_idle();
                return Poll::Ready(());
            };
            drop(state);
            if let Flow::Close(reason) = self.handle(session, packet) {
                session.close(reason);
                return Poll::Ready(());
            }
        }
    }

    fn poll_idle(&self, _session: &Arc<Session>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.ended.is_some() || (state.in_flight == 0 && !state.is_waited_for()) {
            return Poll::Ready(());
        }
        state.behind.get_or_insert_default().idle = Some(cx.waker().clone());
        Poll::Pending
    }

    fn timer(&self, session: &Arc<Session>, since_opening: Duration) -> Option<Duration> {
        if self.state.lock().has_joined {
            return None;
        }
        let timeout = self.shared.limits.connect_timeout;
        if since_opening >= timeout {
            session.close(CloseReason::ConnectTimeout);
            return None;
        }
        Some(timeout)
    }

    fn closed(&self, _session: &Arc<Session>, reason: CloseReason) {
        let mut state = self.state.lock();
        state.ended = Some(reason);
        state.wake_idle();
        if let Some(behind) = &mut state.behind {
            behind.waiting = VecDeque::new();
        }
        let namespaces = std::mem::take(&mut state.namespaces);
        drop(state);
        let sockets: Vec<Arc<Socket>> =
            namespaces.into_iter().filter_map(Membership::into_socket).collect();
        let keys = sockets.iter().map(|socket| socket.key()).collect();
        let _afterwards = Attached { namespaces: self, keys };
        for socket in &sockets {
            self.tell_disconnected(socket, reason);
        }
    }
}

impl State {
    fn is_busy(&self, commands_max: u32) -> bool {
        self.in_flight >= commands_max || self.is_waited_for()
    }

    fn is_waited_for(&self) -> bool {
        self.behind.as_ref().is_some_and(|behind| !behind.waiting.is_empty())
    }

    fn wake_idle(&mut self) {
        if let Some(idle) = self.behind.as_mut().and_then(|behind| behind.idle.take()) {
            idle.wake();
        }
        self.tidy();
    }

    fn next_waiting(&mut self) -> Option<Packet> {
        let packet = self.behind.as_mut()?.waiting.pop_front();
        self.tidy();
        packet
    }

    /// Memory is held only while something waits.
    fn tidy(&mut self) {
        let is_idle = |behind: &Behind| {
            behind.waiting.is_empty() && behind.reader.is_none() && behind.idle.is_none()
        };
        if self.behind.as_deref().is_some_and(is_idle) {
            self.behind = None;
        }
    }

    /// Takes out a joined socket; `None` if the server was faster.
    fn remove(&mut self, key: SocketKey) -> Option<Arc<Socket>> {
        let is_it = |membership: &Membership| match membership {
            Membership::Joined(socket) => socket.key() == key,
            Membership::Joining(_) | Membership::Ended(_) => false,
        };
        let place = self.namespaces.iter().position(is_it)?;
        self.namespaces.swap_remove(place).into_socket()
    }

    fn place_of(&self, namespace: &str) -> Option<usize> {
        self.namespaces.iter().position(|membership| membership.namespace() == namespace)
    }
}

impl Namespaces {
    fn me(&self) -> Arc<Self> {
        self.me.upgrade().expect("it is only reached through an Arc")
    }

    /// Tells the application, and whoever waits for an acknowledgement.
    fn tell_disconnected(&self, socket: &Arc<Socket>, reason: CloseReason) {
        socket.leave(reason);
        self.shared.metrics.socket_gauge(socket.namespace()).dec();
        self.shared.application.disconnected(socket, reason);
    }

    fn detach(&self, keys: Keys) {
        if keys.is_empty() {
            return;
        }
        let hub = self.shared.hub.clone();
        self.shared.tasks.spawn(async move {
            for key in keys {
                hub.detach(key).await;
            }
        });
    }
}
