//! The chat as the gateway's [`Application`]: who connects, what they ask for, what they are
//! answered. The rules are `chat`'s; the order of what is sent is the sequencer's.

mod commands;
mod connect;
pub mod identity;
mod member;
mod pages;
pub mod recovery;
mod welcome;

use std::sync::Arc;

use broker::Broker;
use chat::{Command, Message, Refusal, RoomKey};
use gateway::{Accepted, Ack, Application, BoxFuture, Connect, Event, Refused, Socket};
use hub::{CloseReason, Hub};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::{
    metrics::Metrics,
    presence::Presence,
    sequencer::{Sequencer, order::Audience},
    trace::Traces,
};
use identity::Signer;
use member::Member;
pub use welcome::Welcome;

/// The chat of one instance; clones share it.
#[derive(Clone)]
pub struct Chat(Arc<Shared>);

/// What the chat works with.
pub struct Shared {
    /// What clients are told first.
    pub welcome: Welcome,
    /// Where stock clients are.
    pub lobby: RoomKey,
    /// What clients may ask for.
    pub limits: chat::Limits,
    /// Whether joining a room that doesn't exist makes it.
    pub open_rooms: bool,
    /// Who is in which room.
    pub presence: Presence,
    /// The sessions that can be taken up, where that is switched on.
    pub keeper: Option<recovery::keeper::Keeper>,
    /// The log.
    pub broker: Arc<dyn Broker>,
    /// The way into the order.
    pub sequencer: Sequencer,
    /// Where held sockets are released.
    pub hub: Hub,
    /// Who notes how entries travel.
    pub traces: Traces,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where work goes that nobody awaits.
    pub tasks: TaskTracker,
    /// Signs guests' tokens, as soon as the deployment's secret is known.
    pub signer: watch::Receiver<Option<Signer>>,
}

impl Chat {
    /// The chat with all it needs.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Answers a command: through its acknowledgement, or an error as a notice where it has none.
    async fn answer(&self, socket: &Socket, ack: Option<Ack>, answer: Result<String, Refusal>) {
        match (ack, answer) {
            (Some(ack), Ok(answer)) => ack.send(&[&answer]),
            (Some(ack), Err(refusal)) => ack.send(&[&refusal.to_answer()]),
            (None, Ok(_)) => {}
            (None, Err(refusal)) => self.notify(socket, &refusal).await,
        }
    }

    async fn notify(&self, socket: &Socket, refusal: &Refusal) {
        if let Some(member) = socket.state::<Member>() {
            let json = refusal.to_notice();
            self.0.sequencer.tell(socket.key(), member.audience, "notice", json).await;
        }
    }

    /// Answers at once what was refused before anything was done.
    fn refuse(
        &self,
        socket: &Arc<Socket>,
        ack: Option<Ack>,
        refusal: Refusal,
    ) -> Option<BoxFuture<()>> {
        if let Some(ack) = ack {
            ack.send(&[&refusal.to_answer()]);
            return None;
        }
        let (chat, socket) = (self.clone(), socket.clone());
        Some(Box::pin(async move { chat.notify(&socket, &refusal).await }))
    }

    fn stock_event(&self, socket: &Arc<Socket>, event: Event) -> Option<BoxFuture<()>> {
        let args = event.args();
        if args.name != "chat message" {
            self.0.metrics.unknown_events.inc();
            return None;
        }
        let message = if event.attachments.is_empty() {
            Message::from_stock(args.texts(), &self.0.limits)
        } else {
            Err(Refusal::bad_request("a message is text, not binary"))
        };
        match message {
            Ok(message) => self.send(socket, &self.0.lobby, message, event.ack),
            Err(refusal) => self.refuse(socket, event.ack, refusal),
        }
    }

    fn palabre_event(&self, socket: &Arc<Socket>, event: Event) -> Option<BoxFuture<()>> {
        let args = event.args();
        match Command::parse(&args.name, args.texts(), &self.0.limits) {
            None => {
                self.0.metrics.unknown_events.inc();
                let refusal = Refusal::bad_request("this release has no such command");
                event.ack.and_then(|ack| self.refuse(socket, Some(ack), refusal))
            }
            Some(Err(refusal)) => self.refuse(socket, event.ack, refusal),
            Some(Ok(command)) => self.carry_out(socket, command, event.ack),
        }
    }
}

impl Application for Chat {
    fn connect(&self, request: Connect) -> BoxFuture<Result<Accepted, Refused>> {
        let chat = self.clone();
        Box::pin(async move { chat.admit(request).await })
    }

    fn event(&self, socket: &Arc<Socket>, event: Event) -> Option<BoxFuture<()>> {
        match socket.state::<Member>()?.audience {
            Audience::Palabre => self.palabre_event(socket, event),
            Audience::Stock | Audience::StockPlain => self.stock_event(socket, event),
        }
    }

    fn disconnected(&self, socket: &Arc<Socket>, reason: CloseReason) {
        if let Some(keeper) = &self.0.keeper {
            keeper.part(socket.key(), reason);
        }
        let Some(member) = socket.state::<Member>() else { return };
        tracing::debug!(user = %member.user, %reason, "socket left");
        let rooms = member.part(self.0.presence.now());
        for left in &rooms {
            self.0.presence.leave(left.room.as_str(), &member.user, member.audience);
        }
        let (chat, socket) = (self.clone(), socket.clone());
        self.0.tasks.spawn(async move {
            let Some(member) = socket.state::<Member>() else { return };
            for left in &rooms {
                let room = left.room.as_str().into();
                chat.0.sequencer.leave(socket.key(), member.audience, room).await;
            }
            for left in rooms.iter().filter(|left| left.typing) {
                chat.types_no_more(member, &left.room).await;
            }
        });
    }
}
