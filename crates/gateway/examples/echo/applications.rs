//! The two applications that the protocols' public test suites talk to, and their settings.
//! The tests of this crate use them too.

use std::sync::Arc;
use std::time::Duration;

use gateway::{
    Accepted, Application, BoxFuture, Config, Connect, Cors, EngineApplication, EngineSession,
    Event, Flow, Message, Origins, Refused, Session, Socket,
};
use hub::{Class, CloseReason};
use wire::Frame;
use wire::socket::{self, Packet};

/// What the Engine.IO suite expects.
pub(crate) fn engine_config() -> Config {
    Config { path: "/engine.io/".into(), ..socket_config() }
}

/// What the Socket.IO suite expects.
pub(crate) fn socket_config() -> Config {
    Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_secs(1),
        cors: Cors { origins: Origins::Any, credentials: false },
        ..Config::default()
    }
}

/// Sends every Engine.IO message back.
pub(crate) struct EchoEngine;

impl EngineApplication for EchoEngine {
    fn open(&self, _session: &Arc<Session>) -> Arc<dyn EngineSession> {
        Arc::new(EchoSession)
    }
}

struct EchoSession;

impl EngineSession for EchoSession {
    fn message(&self, session: &Arc<Session>, message: Message<'_>) -> Flow {
        let frame = match message {
            Message::Text(text) => Frame::text(&format!("4{text}")),
            Message::Binary(bytes) => Frame::binary(&bytes),
        };
        session.connection().send(&frame, Class::Lasting);
        Flow::Continue
    }

    fn closed(&self, _session: &Arc<Session>, _reason: CloseReason) {}
}

/// Tells a socket its `auth`, and sends its events back.
pub(crate) struct EchoSocket;

impl Application for EchoSocket {
    fn connect(&self, request: Connect) -> BoxFuture<Result<Accepted, Refused>> {
        Box::pin(async move {
            if !matches!(&*request.namespace, "/" | "/custom") {
                return Err(Refused::invalid_namespace());
            }
            let auth = request.auth.as_deref().unwrap_or("{}");
            let first = vec![socket::event(&request.namespace, "auth", &[auth])];
            Ok(Accepted { sid: None, pid: None, first, missed: None, state: Box::new(()) })
        })
    }

    fn event(&self, socket: &Arc<Socket>, mut event: Event) -> Option<BoxFuture<()>> {
        let (ack, attachments) = (event.ack.take(), std::mem::take(&mut event.attachments));
        let args = event.args();
        match (&*args.name, ack) {
            ("message", _) => {
                let namespace = socket.namespace().to_owned();
                let mut packet = Packet::event(namespace, "message-back", args.texts(), None);
                packet.attachments = attachments;
                socket.connection().send(&socket::encode(&packet), Class::Lasting);
            }
            ("message-with-ack", Some(ack)) => ack.send_with(args.texts(), attachments),
            _ => {}
        }
        None
    }

    fn disconnected(&self, _socket: &Arc<Socket>, _reason: CloseReason) {}
}
