//! A client joins a namespace: from its CONNECT to the answer.

use std::borrow::Cow;
use std::sync::Arc;

use hub::{Class, CloseReason, Connection, SocketKey};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use smallvec::smallvec;
use wire::Frame;
use wire::socket::{Packet, connect_answer, connect_error};

use super::{Attached, Membership, Namespaces, name_of};
use crate::{Accepted, Connect, Flow, Frames, Refused, Session, Socket, SocketId};

/// What a frame counts beside its bytes while missed frames are handed over: about the memory of
/// its place in the outbox, so that a thousand tiny frames don't fill that.
const HAND_OVER_PLACE_BYTES: usize = 64;

impl Namespaces {
    /// Handles a CONNECT packet. The rest of the session goes on while the application decides.
    pub(super) fn connect(&self, session: &Arc<Session>, packet: Packet) -> Flow {
        let namespace = packet.namespace;
        let mut state = self.state.lock();
        match state.place_of(&namespace) {
            Some(place) if matches!(state.namespaces[place], Membership::Ended(_)) => {
                state.namespaces[place] = Membership::Joining(name_of(&namespace));
            }
            Some(_) => return Flow::Close(CloseReason::ForcedServerClose),
            None if state.namespaces.len() >= self.shared.limits.namespaces => {
                drop(state);
                let json = error_json("Too many namespaces", None);
                let answer = connect_error(&namespace, &json);
                session.connection().send(&answer, Class::Lasting);
                return Flow::Continue;
            }
            None => {
                state.namespaces.push(Membership::Joining(name_of(&namespace)));
            }
        }
        drop(state);
        // Boxed: while a task is made its future is copied several times.
        let join = Box::pin(self.me().join(Arc::clone(session), namespace, packet.data));
        self.shared.tasks.spawn(join);
        Flow::Continue
    }

    async fn join(
        self: Arc<Self>,
        session: Arc<Session>,
        namespace: Cow<'static, str>,
        auth: Option<Box<str>>,
    ) {
        let _guard = PanicCloses(&session);
        let hub = &self.shared.hub;
        let key = hub.attach(Arc::clone(session.connection())).await;
        let mut attached = Attached { namespaces: &self, keys: smallvec![key] };
        let sid = SocketId::random();
        let request = Connect {
            namespace: namespace.clone(),
            auth,
            handshake: Arc::clone(session.handshake()),
            sid,
            key,
            connection: Arc::clone(session.connection()),
        };
        match self.shared.application.connect(request).await {
            Ok(accepted) => {
                attached.keys.clear();
                self.accept(&session, namespace, sid, key, accepted).await;
            }
            Err(refused) => {
                self.give_up(&namespace);
                match refused {
                    Refused::Close(reason) => session.close(reason),
                    Refused::Error { message, data } => {
                        let json = error_json(&message, data.as_deref());
                        let answer = connect_error(&namespace, &json);
                        session.connection().send(&answer, Class::Lasting);
                    }
                }
            }
        }
    }

    async fn accept(
        self: &Arc<Self>,
        session: &Arc<Session>,
        namespace: Cow<'static, str>,
        sid: SocketId,
        key: SocketKey,
        accepted: Accepted,
    ) {
        let sid = accepted.sid.unwrap_or(sid);
        let answer = connect_answer(&namespace, sid.as_str(), accepted.pid.as_deref());
        let socket = Arc::new(Socket::new(sid, &namespace, key, session, self, accepted.state));
        self.shared.metrics.socket_gauge(socket.namespace()).inc();
        if let Err(reason) = self.enlist(&socket) {
            self.tell_disconnected(&socket, reason);
            return self.detach(smallvec![key]);
        }
        // In one piece, which one write sends.
        let first = Frame::join(std::iter::once(&answer).chain(&accepted.first));
        let Some(missed) = accepted.missed else {
            return self.shared.hub.release(key, vec![first]).await;
        };
        // The socket is held, so nothing from its topics can come in between.
        session.connection().send(&first, Class::Lasting);
        // Boxed: few come back, and all would pay for its size.
        Box::pin(hand_over(session.connection(), missed)).await;
        self.shared.hub.release(key, Vec::new()).await;
    }

    /// From here on the socket gets its events; `Err` if the session has ended meanwhile.
    fn enlist(&self, socket: &Arc<Socket>) -> Result<(), CloseReason> {
        let mut state = self.state.lock();
        if let Some(reason) = state.ended {
            return Err(reason);
        }
        state.has_joined = true;
        let place = state.place_of(socket.namespace()).expect("joining until now");
        state.namespaces[place] = Membership::Joined(Arc::clone(socket));
        Ok(())
    }

    fn give_up(&self, namespace: &str) {
        let mut state = self.state.lock();
        if let Some(place) = state.place_of(namespace) {
            state.namespaces.swap_remove(place);
        }
    }
}

/// Sends frames as fast as the client takes them: so much may have been missed that the outbox
/// could not hold it. Returns when there is room again behind the last, or at the end of the
/// connection, which the heartbeat brings about where a client takes nothing.
async fn hand_over(connection: &Connection, missed: Frames) {
    let mut missed = missed.peekable();
    loop {
        connection.room().await;
        if connection.closed().is_some() {
            return;
        }
        let mut batch = Vec::new();
        let mut left = connection.room_bytes();
        while let Some(frame) = missed.next_if(|frame| batch.is_empty() || frame.len() < left) {
            left = left.saturating_sub(frame.len() + HAND_OVER_PLACE_BYTES);
            batch.push(frame);
        }
        if batch.is_empty() {
            return;
        }
        connection.send_all(&batch, Class::Lasting);
        tokio::task::yield_now().await;
    }
}

/// Ends the session of a future that panicked.
pub(super) struct PanicCloses<'a>(pub(super) &'a Session);

impl Drop for PanicCloses<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close(CloseReason::Internal);
        }
    }
}

/// The payload of `CONNECT_ERROR`.
fn error_json(message: &str, data: Option<&str>) -> String {
    let mut error = Map::new();
    error.insert("message".to_owned(), Value::from(message));
    let text = Value::Object(error).to_string();
    match data.and_then(|data| serde_json::from_str::<&RawValue>(data).ok()) {
        Some(data) => format!("{},\"data\":{data}}}", text.trim_end_matches('}')),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::error_json;

    #[test]
    fn an_error_carries_its_data_as_it_is() {
        assert_eq!(error_json("no \"x\" }", None), r#"{"message":"no \"x\" }"}"#);
        let with_data = error_json("no", Some(r#"{"b":1,"a":2}"#));
        assert_eq!(with_data, r#"{"message":"no","data":{"b":1,"a":2}}"#);
        assert_eq!(error_json("no", Some("not json")), r#"{"message":"no"}"#);
    }
}
