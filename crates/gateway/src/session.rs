//! An Engine.IO session: from the handshake to the end, over one transport or two.
//!
//! Owns what doesn't depend on the transport: the heartbeat, what a packet means, the end.
//! What is particular to polling is in `polling`, the WebSocket's task in `websocket`.
//!
//! At any time one task is responsible for the session: the polling task, or from the upgrade
//! on the WebSocket's. Anybody may close the session; that task notices and finishes it.

mod polling;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hub::{Class, CloseReason, Connection, Stream};
use parking_lot::Mutex;
use wire::Frame;
use wire::engine::{Beat, Heartbeat, Open, Packet, Rhythm, Transport};

use crate::core::Core;
use crate::ids::Sid;
use crate::sessions::Reservation;
use crate::timers::{Moment, Place};
use crate::wheel::Tick;
use crate::{EngineSession, Flow, Handshake, Message};

pub(crate) use polling::{BeginPoll, BeginPost, CLOSE, Polling, PostGuard, ProbeGuard, poll_task};

/// An Engine.IO session; it survives the upgrade from polling to WebSocket.
pub struct Session {
    sid: Sid,
    core: Arc<Core>,
    connection: Arc<Connection>,
    handshake: Arc<Handshake>,
    opened: Moment,
    application: OnceLock<Arc<dyn EngineSession>>,
    /// Held while the application is told something, so that it hears one thing at a time and
    /// nothing after the end. Locked before `state`, never while `state` is held.
    inbound: Mutex<Inbound>,
    state: Mutex<State>,
}

#[derive(Default)]
struct Inbound {
    finished: bool,
    /// The session is about to be closed: messages are no longer looked at.
    deaf: bool,
}

/// What changes; guarded for a few lines at a time, never while the application is called.
struct State {
    phase: Phase,
    heartbeat: Heartbeat,
    /// The application's own deadline.
    application_due: Option<Moment>,
    /// The transport isn't read because the application is busy: a pong can't be seen, so its
    /// absence means nothing.
    paused: bool,
    /// When reading began again.
    resumed: Option<Moment>,
    timer: Option<Place>,
    /// Which gauge the session is counted in, until its end.
    counted: Option<Transport>,
}

enum Phase {
    Polling(Box<Polling>),
    WebSocket,
}

impl Session {
    /// The outbox. Frames sent to it reach the client in order, whatever the transport.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The request that opened the session.
    pub fn handshake(&self) -> &Arc<Handshake> {
        &self.handshake
    }

    /// Ends the session behind what was already sent; the first reason stays.
    pub fn close(&self, reason: CloseReason) {
        self.connection.close(reason);
    }

    /// Why the session has ended, if it has.
    pub fn closed(&self) -> Option<CloseReason> {
        self.connection.closed()
    }

    /// Opens a session. Its open packet is the caller's to deliver.
    pub(crate) fn open(
        core: &Arc<Core>,
        place: Reservation,
        handshake: Handshake,
        transport: Transport,
    ) -> Arc<Self> {
        let now = core.clock.now();
        let config = &core.config;
        let phase = match transport {
            Transport::Polling => Phase::Polling(Box::default()),
            Transport::WebSocket => Phase::WebSocket,
        };
        let state = State {
            phase,
            heartbeat: Heartbeat::new(now, config.rhythm()),
            application_due: None,
            paused: false,
            resumed: None,
            timer: None,
            counted: Some(transport),
        };
        let session = Arc::new(Self {
            sid: Sid::random(config.tag),
            core: Arc::clone(core),
            connection: core.hub.connection(),
            handshake: Arc::new(handshake),
            opened: now.into(),
            application: OnceLock::new(),
            inbound: Mutex::default(),
            state: Mutex::new(state),
        });
        let application = core.application.open(&session);
        let due = application.timer(&session, Duration::ZERO);
        assert!(session.application.set(application).is_ok(), "a session opens once");
        // From here on it is found, and has an end.
        place.fill(&session);
        core.gauge(transport).inc();
        core.metrics.counts().handshakes.inc();
        session.begin(now, due);
        session
    }

    /// What a client is told that polls; over a WebSocket it is part of the greeting.
    pub(crate) fn open_packet(&self) -> String {
        let config = &self.core.config;
        let upgrades: &[&str] = if config.upgrades { &["websocket"] } else { &[] };
        let open = Open {
            sid: self.sid.as_str(),
            upgrades,
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            max_payload: config.max_payload,
        };
        open.packet()
    }

    fn begin(self: &Arc<Self>, now: Duration, due: Option<Duration>) {
        let mut state = self.state.lock();
        state.application_due = due.map(|due| self.since_opening(due));
        let next =
            state.next_timer(state.heartbeat.deadline(), now, self.core.config.ping_interval);
        drop(state);
        let place = self.core.timers.insert(next, self);
        self.state.lock().timer = Some(place);
    }

    fn since_opening(&self, time: Duration) -> Moment {
        (self.opened.time() + time).into()
    }

    fn application(&self) -> &Arc<dyn EngineSession> {
        self.application.get().expect("set before anybody else sees the session")
    }

    /// Handles a packet from the client; one at a time. Packets of an upgrade that is under
    /// way don't come here.
    pub(crate) fn receive(self: &Arc<Self>, packet: Packet<'_>) -> Flow {
        let inbound = self.inbound.lock();
        if let Some(reason) = self.closed() {
            return Flow::Close(reason);
        }
        let is_pong = matches!(packet, Packet::Pong(_));
        self.state.lock().packet(is_pong, &self.core);
        self.core.metrics.counts().packets_received.inc();
        let flow = match packet {
            Packet::Text(_) | Packet::Binary(_) if inbound.deaf => Flow::Continue,
            Packet::Text(text) => self.application().message(self, Message::Text(text)),
            Packet::Binary(bytes) => {
                self.application().message(self, Message::Binary(Bytes::from(bytes.into_owned())))
            }
            Packet::Pong(_) | Packet::Open(_) | Packet::Upgrade | Packet::Noop => Flow::Continue,
            Packet::Ping(_) => Flow::Close(CloseReason::ParseError),
            Packet::Close => Flow::Close(CloseReason::TransportClose),
        };
        drop(inbound);
        match flow {
            Flow::Close(reason) => self.close(reason),
            Flow::Pause => self.state.lock().paused = true,
            Flow::Continue => {}
        }
        flow
    }

    /// After [`Flow::Pause`]: ready when the transport may be read again, or the session ended.
    pub(crate) fn poll_ready(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let inbound = self.inbound.lock();
        if self.closed().is_none() && self.application().poll_ready(self, cx).is_pending() {
            return Poll::Pending;
        }
        drop(inbound);
        let mut state = self.state.lock();
        state.paused = false;
        state.resumed = Some(self.core.clock.now().into());
        Poll::Ready(())
    }

    /// Messages that come from now on are as if they had never arrived.
    pub(crate) fn take_no_more(&self) {
        self.inbound.lock().deaf = true;
    }

    /// Ready when all that has arrived is dealt with, or the session has ended.
    pub(crate) fn poll_idle(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.closed().is_some() {
            return Poll::Ready(());
        }
        self.application().poll_idle(self, cx)
    }

    /// Does what is due. `None` when the session has ended, else when to come back.
    pub(crate) fn on_timer(self: &Arc<Self>, now: Duration) -> Option<Duration> {
        self.closed().is_none().then_some(())?;
        self.application_timer(now);
        let mut state = self.state.lock();
        let beat = state.beat(now, self.core.config.rhythm());
        let deadline = match beat {
            Beat::Wait(until) => until,
            _ => state.heartbeat.deadline(),
        };
        let next = state.next_timer(deadline, now, self.core.config.ping_interval);
        drop(state);
        match beat {
            Beat::Ping => self.ping(),
            Beat::TimedOut => self.close(CloseReason::PingTimeout),
            Beat::Wait(_) => {}
        }
        self.closed().is_none().then_some(next)
    }

    fn ping(&self) {
        if !self.ping_by_poll() {
            self.connection.send(&Frame::text("2"), Class::Lasting);
        }
    }

    fn application_timer(self: &Arc<Self>, now: Duration) {
        if self.state.lock().application_due.is_none_or(|due| due.time() > now) {
            return;
        }
        let inbound = self.inbound.lock();
        if inbound.finished {
            return;
        }
        let due = self.application().timer(self, now.saturating_sub(self.opened.time()));
        self.state.lock().application_due = due.map(|due| self.since_opening(due));
    }

    /// Notes where the timer's entry has moved.
    pub(crate) fn moved_timer(&self, tick: Tick) {
        let mut state = self.state.lock();
        state.timer = state.timer.map(|place| place.at(tick));
    }

    /// Moves the session to a WebSocket: what waits goes out there. False if the session has
    /// ended.
    pub(crate) fn switch(&self, stream: Arc<Stream>, base64_binary: bool) -> bool {
        let mut state = self.state.lock();
        if state.counted.is_none() {
            return false;
        }
        state.counted = Some(Transport::WebSocket);
        let before = std::mem::replace(&mut state.phase, Phase::WebSocket);
        drop(state);
        self.connection.attach_stream(stream, base64_binary);
        if let Phase::Polling(polling) = before {
            if polling.ping_due() {
                self.ping();
            }
            polling.wake_task();
        }
        self.core.gauge(Transport::Polling).dec();
        self.core.gauge(Transport::WebSocket).inc();
        true
    }

    pub(crate) fn transport(&self) -> Transport {
        match self.state.lock().phase {
            Phase::Polling(_) => Transport::Polling,
            Phase::WebSocket => Transport::WebSocket,
        }
    }

    /// Tells the application that a closed session has ended; the responsible task's part.
    pub(crate) fn finish(self: &Arc<Self>) {
        let reason = self.closed().unwrap_or(CloseReason::Internal);
        self.close(reason);
        let mut inbound = self.inbound.lock();
        if std::mem::replace(&mut inbound.finished, true) {
            return;
        }
        // Caught, since this may run while another panic of the application unwinds.
        let told = catch_unwind(AssertUnwindSafe(|| self.application().closed(self, reason)));
        drop(inbound);
        if told.is_err() {
            tracing::error!("the application panicked at the end of a session");
        }
        tracing::debug!(reason = reason.as_str(), "a session has ended");
        self.core.metrics.count_close(reason);
        let mut state = self.state.lock();
        let (counted, timer) = (state.counted.take(), state.timer.take());
        drop(state);
        if let Some(transport) = counted {
            self.core.gauge(transport).dec();
        }
        if let Some(place) = timer {
            self.core.timers.remove(place, self);
        }
    }

    /// Forgets a finished session.
    pub(crate) fn forget(&self) {
        self.connection.discard();
        self.core.sessions.remove(&self.sid);
    }

    pub(crate) fn sid(&self) -> &Sid {
        &self.sid
    }

    /// Runs something while the application is told nothing else about this session.
    pub(crate) fn while_quiet(&self, run: impl FnOnce()) {
        let _quiet = self.inbound.lock();
        run();
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl State {
    /// A packet came. While no ping is out it means nothing, and the clock isn't asked.
    fn packet(&mut self, is_pong: bool, core: &Core) {
        if self.heartbeat.is_waiting() {
            self.heartbeat.on_packet(core.clock.now(), is_pong, core.config.rhythm());
        }
    }

    fn beat(&mut self, now: Duration, rhythm: Rhythm) -> Beat {
        let beat = self.heartbeat.on_timer(now, rhythm);
        // While nothing is read a pong can't be seen; and then what came meanwhile is looked at
        // first.
        let blind_until = match self.resumed {
            _ if self.paused => now + rhythm.timeout,
            Some(resumed) => resumed.time() + rhythm.timeout,
            None => return beat,
        };
        if beat == Beat::TimedOut && now < blind_until { Beat::Wait(blind_until) } else { beat }
    }

    /// Never later than one ping interval from now: no deadline that isn't known yet can lie
    /// before that.
    fn next_timer(&self, deadline: Duration, now: Duration, interval: Duration) -> Duration {
        let next = deadline.min(now + interval);
        self.application_due.map_or(next, |due| due.time().min(next))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The id is a secret.
        f.debug_struct("Session")
            .field("handshake", &self.handshake)
            .field("closed", &self.closed())
            .finish_non_exhaustive()
    }
}
