//! What a packet of a joined namespace does.

use std::sync::Arc;

use hub::{Class, CloseReason, SocketKey};
use smallvec::smallvec;
use wire::Frame;
use wire::socket::{Packet, PacketKind, disconnect};

use super::join::PanicCloses;
use super::{Attached, Membership, Namespaces, name_of};
use crate::{Ack, BoxFuture, Event, Flow, Reply, Session, Socket};

impl Namespaces {
    /// Handles one packet; they come one at a time.
    pub(super) fn handle(&self, session: &Arc<Session>, packet: Packet) -> Flow {
        if packet.kind == PacketKind::Connect {
            return self.connect(session, packet);
        }
        let state = self.state.lock();
        let Some(place) = state.place_of(&packet.namespace) else {
            return Flow::Close(CloseReason::ForcedServerClose);
        };
        let socket = match &state.namespaces[place] {
            Membership::Joined(socket) => Arc::clone(socket),
            // The answer to its CONNECT isn't out yet: the client can't have seen it.
            Membership::Joining(_) => return Flow::Close(CloseReason::ForcedServerClose),
            Membership::Ended(_) => return Flow::Continue,
        };
        drop(state);
        match packet.kind {
            PacketKind::Event => self.event(session, &socket, packet),
            PacketKind::Ack => {
                let args = packet.data.unwrap_or_else(|| "[]".into());
                if let Some(id) = packet.id {
                    socket.acknowledged(id, Reply { args, attachments: packet.attachments });
                }
                Flow::Continue
            }
            PacketKind::Disconnect => {
                let socket = self.state.lock().remove(socket.key());
                if let Some(socket) = socket {
                    let _afterwards = Attached { namespaces: self, keys: smallvec![socket.key()] };
                    self.tell_disconnected(&socket, CloseReason::ClientDisconnect);
                }
                Flow::Continue
            }
            PacketKind::Connect | PacketKind::ConnectError => {
                Flow::Close(CloseReason::ForcedServerClose)
            }
        }
    }

    fn event(&self, session: &Arc<Session>, socket: &Arc<Socket>, packet: Packet) -> Flow {
        // An event without even a name is accepted, and nothing happens.
        let Some(data) = packet.data else { return Flow::Continue };
        let ack = packet.id.map(|id| Ack { socket: Arc::clone(socket), id });
        let event = Event { data, attachments: packet.attachments, ack };
        self.shared.metrics.counts().events.inc();
        let Some(future) = self.shared.application.event(socket, event) else {
            return Flow::Continue;
        };
        let mut state = self.state.lock();
        state.in_flight += 1;
        let is_full = state.in_flight >= self.shared.limits.commands;
        drop(state);
        self.shared.tasks.spawn(run(self.me(), Arc::clone(session), future));
        if !is_full {
            return Flow::Continue;
        }
        self.shared.metrics.counts().events_waiting.inc();
        Flow::Pause
    }

    fn landed(&self) {
        let mut state = self.state.lock();
        state.in_flight -= 1;
        let reader = state.behind.as_mut().and_then(|behind| behind.reader.take());
        state.wake_idle();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The server ends one socket of a session, or all of them and the transport.
    pub(crate) fn disconnect(&self, session: &Arc<Session>, key: SocketKey, close_transport: bool) {
        let mut leaving = Vec::new();
        for membership in &mut self.state.lock().namespaces {
            let Membership::Joined(socket) = membership else { continue };
            if socket.key() == key || close_transport {
                let ended = Membership::Ended(name_of(socket.namespace()));
                if let Membership::Joined(socket) = std::mem::replace(membership, ended) {
                    leaving.push(socket);
                }
            }
        }
        if leaving.is_empty() {
            return;
        }
        let farewell = farewell(self.me(), Arc::clone(session), key, close_transport, leaving);
        self.shared.tasks.spawn(farewell);
    }

    /// Registers what a client may acknowledge; the limit of a socket.
    pub(crate) fn acks_max(&self) -> usize {
        self.shared.limits.acks
    }

    pub(crate) fn hub(&self) -> &hub::Hub {
        &self.shared.hub
    }

    pub(crate) fn count_given_up_ack(&self) {
        self.shared.metrics.counts().given_up_acks.inc();
    }
}

/// Runs the future of an event.
async fn run(namespaces: Arc<Namespaces>, session: Arc<Session>, event: BoxFuture<()>) {
    let _landed = Landed(&namespaces);
    let _guard = PanicCloses(&session);
    event.await;
}

struct Landed<'a>(&'a Namespaces);

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        self.0.landed();
    }
}

/// Not done at once: the application may be in the middle of something when it disconnects.
async fn farewell(
    namespaces: Arc<Namespaces>,
    session: Arc<Session>,
    key: SocketKey,
    close_transport: bool,
    leaving: Vec<Arc<Socket>>,
) {
    let _guard = PanicCloses(&session);
    let keys = leaving.iter().map(|socket| socket.key()).collect();
    let _afterwards = Attached { namespaces: &namespaces, keys };
    session.while_quiet(|| {
        for socket in &leaving {
            namespaces.tell_disconnected(socket, CloseReason::ServerDisconnect);
        }
    });
    let hub = namespaces.hub();
    // In one place of the order, so that none of them comes behind the end of the transport.
    let packets: Vec<Frame> = leaving.iter().map(|socket| disconnect(socket.namespace())).collect();
    hub.send(key, Frame::join(&packets), Class::Lasting).await;
    if close_transport {
        hub.close(key, CloseReason::ServerDisconnect).await;
    }
}
