//! The WebSocket transport: one small future per connection that reads, decodes, and lets the
//! outbox flow.
//!
//! It holds no buffer: bytes are read into scratch memory of the worker thread, and only what
//! is incomplete stays in the decoder. Phases that few connections are in (an upgrade under
//! way, the end) are boxed.

mod end;
mod probe;

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hub::{Class, CloseReason, Stream};
use wire::Frame;
use wire::engine::{Packet, Transport};
use wire::websocket::{DecodeError, Decoder, Message, Opcode};

pub(crate) use end::linger;

use self::end::Farewell;
use self::probe::Probe;
use crate::BoxFuture;
use crate::Flow;
use crate::core::Core;
use crate::http::Upgrade;
use crate::places::Place;
use crate::session::Session;
use crate::{relay, scratch};

/// Serves one WebSocket.
pub(crate) struct WebSocket {
    decoder: Decoder,
    side: Side,
    _place: Place,
}

/// All but the decoder, so that both can be borrowed at once.
struct Side {
    session: Arc<Session>,
    /// Taken at the end, which wants it for itself alone.
    stream: Option<Arc<Stream>>,
    phase: Phase,
    /// The application is busy: nothing is read.
    paused: bool,
    /// How the WebSocket ends when the reason of the session doesn't say.
    farewell: Option<Farewell>,
}

enum Phase {
    /// The session still polls.
    Probing(Pin<Box<Probe>>),
    /// The session is ours, and so is its end.
    Open,
    Ending(Last),
    /// The session was never ours.
    Leaving(Last),
}

/// Boxed once more, since its pointer has two words: few are in that phase, and all would pay.
type Last = Box<BoxFuture<()>>;

/// What a connection's task goes on with.
pub(crate) enum Next {
    WebSocket(Box<WebSocket>),
    Other(BoxFuture<()>),
}

/// Makes of a connection what its 101 promises. `early` is what came right behind the request.
pub(crate) fn start(
    core: &Arc<Core>,
    stream: Stream,
    place: Place,
    mut early: Vec<u8>,
    upgrade: Upgrade,
) -> Next {
    let stream = Arc::new(stream);
    let (session, phase) = match upgrade {
        Upgrade::Open { place: room, handshake, b64, accept } => {
            let session = Session::open(core, room, handshake, Transport::WebSocket);
            let greeting = match accept {
                Some(accept) => core.greeting.with_answer(&accept, session.sid()),
                None => core.greeting.alone(session.sid()),
            };
            session.connection().greet(Arc::clone(&stream), b64, &greeting);
            (session, Phase::Open)
        }
        Upgrade::Probe { guard, b64 } => {
            (Arc::clone(guard.session()), Phase::Probing(Box::pin(Probe::new(core, guard, b64))))
        }
        Upgrade::Relay(relay) => {
            let stream = Arc::into_inner(stream).expect("nobody else has it yet");
            let (core, early) = (Arc::clone(core), early.into());
            return Next::Other(Box::pin(relay::run(core, stream, place, early, relay)));
        }
        Upgrade::Superfluous => {
            core.metrics.count_upgrade("superfluous");
            return Next::Other(Box::pin(end::refuse(Arc::clone(core), stream, place)));
        }
    };
    let decoder = Decoder::server(core.config.max_payload);
    let side = Side { session, stream: Some(stream), phase, paused: false, farewell: None };
    let mut socket = Box::new(WebSocket { decoder, side, _place: place });
    if !early.is_empty() {
        socket.feed(&mut early);
    }
    Next::WebSocket(socket)
}

impl Future for WebSocket {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match &mut this.side.phase {
                Phase::Open => ready!(this.poll_open(cx)),
                Phase::Probing(_) => ready!(this.poll_probing(cx)),
                Phase::Ending(end) | Phase::Leaving(end) => return end.as_mut().as_mut().poll(cx),
            }
        }
    }
}

impl WebSocket {
    /// Ready when the phase has changed, or should be looked at again.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let side = &mut self.side;
        match side.session.connection().poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                side.end();
                return Poll::Ready(());
            }
            Poll::Ready(Err(_)) => {
                side.session.close(CloseReason::TransportError);
                return Poll::Ready(());
            }
            Poll::Pending => {}
        }
        if side.paused {
            ready!(side.session.poll_ready(cx));
            side.paused = false;
        }
        self.poll_read(cx)
    }

    fn poll_probing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Phase::Probing(probe) = &mut self.side.phase
            && probe.as_mut().poll_given_up(cx).is_ready()
        {
            self.side.leave("failed");
            return Poll::Ready(());
        }
        self.poll_read(cx)
    }

    /// Reads what is there and handles it; ready when something was done.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &self.side.stream else { return Poll::Ready(()) };
        if ready!(stream.poll_read_ready(cx)).is_err() {
            self.side.lost(CloseReason::TransportError);
            return Poll::Ready(());
        }
        scratch::with(|scratch| {
            let Some(stream) = &self.side.stream else { return };
            match stream.try_read(scratch) {
                Ok(0) => self.side.lost(CloseReason::TransportClose),
                Ok(length) => self.feed(&mut scratch[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // A client that is gone: the commonest end, and no failure of the transport.
                Err(_) => self.side.lost(CloseReason::TransportClose),
            }
        });
        Poll::Ready(())
    }

    fn feed(&mut self, input: &mut [u8]) {
        let Self { decoder, side, .. } = self;
        side.session.core().metrics.counts().bytes_received.inc_by(input.len() as u64);
        if let Err(error) = decoder.feed(input, |message| side.handle(message)) {
            side.broken(error);
        }
    }
}

impl Side {
    fn handle(&mut self, message: Message<'_>) -> ControlFlow<()> {
        match &mut self.phase {
            Phase::Open => self.handle_open(message),
            Phase::Probing(_) => self.handle_probing(message),
            Phase::Ending(_) | Phase::Leaving(_) => ControlFlow::Break(()),
        }
    }

    fn handle_open(&mut self, message: Message<'_>) -> ControlFlow<()> {
        let packet = match message {
            Message::Text(text) => {
                let Ok(packet) = Packet::decode(text) else {
                    self.session.close(CloseReason::ParseError);
                    return ControlFlow::Break(());
                };
                packet
            }
            Message::Binary(bytes) => Packet::Binary(bytes.into()),
            Message::Ping(payload) => {
                let pong = Frame::control(Opcode::Pong, payload);
                self.session.connection().send(&pong, Class::Lasting);
                return ControlFlow::Continue(());
            }
            Message::Pong(_) => return ControlFlow::Continue(()),
            Message::Close(code) => {
                self.farewell = Some(Farewell::Frame(code));
                self.session.close(CloseReason::TransportClose);
                return ControlFlow::Break(());
            }
        };
        match self.session.receive(packet) {
            Flow::Continue => ControlFlow::Continue(()),
            Flow::Pause => {
                self.paused = true;
                ControlFlow::Continue(())
            }
            Flow::Close(_) => ControlFlow::Break(()),
        }
    }

    fn handle_probing(&mut self, message: Message<'_>) -> ControlFlow<()> {
        let Phase::Probing(probe) = &mut self.phase else { return ControlFlow::Break(()) };
        let goes_on = match message {
            Message::Text("2probe") => {
                probe.as_mut().begin();
                self.say(&Frame::text("3probe"))
            }
            Message::Text("5") => self.switch(),
            Message::Ping(payload) => self.say(&Frame::control(Opcode::Pong, payload)),
            Message::Pong(_) => true,
            Message::Close(code) => {
                self.farewell = Some(Farewell::Frame(code));
                false
            }
            Message::Text(_) | Message::Binary(_) => false,
        };
        if goes_on {
            return ControlFlow::Continue(());
        }
        self.leave("failed");
        ControlFlow::Break(())
    }

    /// Writes past the outbox, which isn't attached yet. These few bytes fit, unless the client
    /// reads nothing and asks on and on.
    fn say(&self, frame: &Frame) -> bool {
        let Some(stream) = &self.stream else { return false };
        stream.try_write(frame.bytes()).is_ok_and(|written| written == frame.len())
    }

    fn switch(&mut self) -> bool {
        let (Phase::Probing(probe), Some(stream)) = (&self.phase, &self.stream) else {
            return false;
        };
        if !self.session.switch(Arc::clone(stream), probe.b64()) {
            return false;
        }
        self.session.core().metrics.count_upgrade("switched");
        self.phase = Phase::Open;
        true
    }

    /// The peer broke the WebSocket protocol.
    fn broken(&mut self, error: DecodeError) {
        self.farewell = Some(Farewell::Frame(Some(error.close_code())));
        let reason = match error {
            DecodeError::TooLarge => CloseReason::TooLarge,
            _ => CloseReason::TransportError,
        };
        self.over(reason);
    }

    /// The connection is gone.
    fn lost(&mut self, reason: CloseReason) {
        self.farewell = Some(Farewell::Silent);
        self.over(reason);
    }

    fn over(&mut self, reason: CloseReason) {
        match self.phase {
            Phase::Open => self.session.close(reason),
            Phase::Probing(_) => self.leave("failed"),
            Phase::Ending(_) | Phase::Leaving(_) => {}
        }
    }

    /// The session is closed: the application is told, then the client.
    fn end(&mut self) {
        self.session.finish();
        let code = self.session.closed().and_then(CloseReason::websocket_code);
        let farewell = self.farewell.take().unwrap_or(Farewell::Frame(code));
        let end = end::end(Arc::clone(&self.session), self.stream.take(), farewell);
        self.phase = Phase::Ending(Box::new(Box::pin(end)));
    }

    /// The upgrade came to nothing; the session polls on.
    fn leave(&mut self, outcome: &'static str) {
        let core = self.session.core();
        core.metrics.count_upgrade(outcome);
        let farewell = self.farewell.take().unwrap_or(Farewell::Frame(None));
        let leave = end::leave(Arc::clone(core), self.stream.take(), farewell);
        self.phase = Phase::Leaving(Box::new(Box::pin(leave)));
    }
}

/// A session ends also when its task panics.
impl Drop for WebSocket {
    fn drop(&mut self) {
        if let Phase::Open | Phase::Ending(_) = self.side.phase {
            self.side.session.finish();
            self.side.session.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one of each for every connection, most of them idle: growth is a decision.
    #[test]
    fn what_every_connection_has_stays_small() {
        assert_eq!(size_of::<WebSocket>(), 64);
        assert_eq!(size_of::<Session>(), 144);
        assert_eq!(size_of::<crate::Socket>(), 96);
        assert_eq!(size_of::<crate::layer::Namespaces>(), 80);
    }
}
