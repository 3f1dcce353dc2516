//! Commands carried out: each one ends in an answer. Who may enter and read a room is decided in
//! [`doors`].

mod doors;
mod enter;
mod people;
mod rooms;
mod send;

use std::sync::Arc;

use chat::{Code, Command, Refusal, RoomKey, command::Page, render};
use gateway::{Ack, BoxFuture, Socket};
use serde_json::json;

use super::{Chat, member::Member, pages};

/// When a client should try again what the log could not take, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;

impl Chat {
    pub(super) fn carry_out(
        &self,
        socket: &Arc<Socket>,
        command: Command,
        ack: Option<Ack>,
    ) -> Option<BoxFuture<()>> {
        // The place among a sender's messages is taken before anything is awaited.
        if let Command::Send { room, message } = command {
            return self.send(socket, &room, message, ack);
        }
        let (chat, on) = (self.clone(), socket.clone());
        Some(Box::pin(async move {
            if let Some(member) = on.state::<Member>() {
                chat.perform(&on, member, command, ack).await;
            }
        }))
    }

    async fn perform(&self, socket: &Socket, member: &Member, command: Command, ack: Option<Ack>) {
        let answer = match command {
            // These answer at their place in the order.
            Command::Join { room, after, limit } => {
                return self.join(socket, member, room, after, limit, ack).await;
            }
            Command::Create { room, title, private } => {
                return self.create(socket, member, room, title, private, ack).await;
            }
            Command::Leave { room } => Ok(self.leave(socket, member, &room).await),
            Command::History { room, range, limit } => {
                self.history(member, &room, range, limit).await
            }
            Command::Rename { name } => Ok(self.rename(member, name).await),
            Command::Rooms { seen } => self.rooms(member, seen).await,
            Command::Who { room } => self.who(member, &room).await,
            Command::Typing { room, on } => self.typing(member, &room, on).await,
            Command::Send { .. } => unreachable!("it was sent above"),
        };
        self.answer(socket, ack, answer).await;
    }

    async fn leave(&self, socket: &Socket, member: &Member, room: &RoomKey) -> String {
        let _turn = member.turn().await;
        if let Some(left) = member.dismiss(room, self.0.presence.now()) {
            self.0.presence.leave(room.as_str(), &member.user, member.audience);
            let key = room.as_str().into();
            self.0.sequencer.leave(socket.key(), member.audience, key).await;
            if left.typing {
                self.types_no_more(member, room).await;
            }
        }
        done()
    }

    async fn history(
        &self,
        member: &Member,
        room: &RoomKey,
        range: Page,
        limit: usize,
    ) -> Result<String, Refusal> {
        let read = pages::history(&*self.0.broker, room.as_str(), range, limit).await;
        let read = read.map_err(|error| unreadable(&error))?;
        self.check_door(member, room, read.exists, read.about.as_deref())?;
        Ok(render::history(&read.stretch))
    }

    async fn rename(&self, member: &Member, name: Box<str>) -> String {
        let _turn = member.turn().await;
        let name: Arc<str> = name.into();
        member.rename(name.clone());
        for room in member.joined() {
            self.0.presence.rename(room.as_str(), &member.user, &name);
        }
        json!({ "ok": true, "user": member.user, "name": name }).to_string()
    }
}

/// The answer of a command that has nothing to tell.
fn done() -> String {
    json!({ "ok": true }).to_string()
}

fn unreadable(error: &broker::Error) -> Refusal {
    tracing::warn!(%error, "a room could not be read");
    unavailable("the log can't be read now")
}

fn unavailable(message: &str) -> Refusal {
    Refusal {
        code: Code::Unavailable,
        message: message.to_owned(),
        retry_after_ms: Some(RETRY_AFTER_MS),
    }
}
