//! Commands carried out: each one ends in an answer.

use std::sync::Arc;

use broker::{AppendError, Draft, Range};
use chat::{
    Code, Command, Entry, Message, Refusal, RoomKey,
    command::{Page, Position},
    render,
};
use gateway::{Ack, BoxFuture, Socket};
use serde_json::json;
use tokio::time::Instant;

use super::{
    Chat, identity,
    member::{Admitted, Member},
    pages,
};
use crate::metrics::Outcome;

/// When a client should try again what the log could not take, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;

impl Chat {
    pub(super) fn carry_out(
        &self,
        socket: &Arc<Socket>,
        command: Command,
        ack: Option<Ack>,
    ) -> Option<BoxFuture<()>> {
        let (chat, on) = (self.clone(), socket.clone());
        Some(match command {
            Command::Send { room, message } => return self.send(socket, &room, message, ack),
            Command::Join { room, after, limit } => {
                Box::pin(async move { chat.join(&on, room, after, limit, ack).await })
            }
            Command::Leave { room } => Box::pin(async move {
                let answer = chat.leave(&on, &room).await;
                chat.answer(&on, ack, answer).await;
            }),
            Command::History { room, range, limit } => Box::pin(async move {
                let answer = chat.history(&room, range, limit).await;
                chat.answer(&on, ack, answer).await;
            }),
            Command::Rename { name } => Box::pin(async move {
                chat.answer(&on, ack, Ok(rename(&on, name))).await;
            }),
        })
    }

    /// Puts a message into the log. Its place among the sender's messages is taken before this
    /// returns; the answer comes from the log.
    pub(super) fn send(
        &self,
        socket: &Arc<Socket>,
        room: &RoomKey,
        message: Message,
        ack: Option<Ack>,
    ) -> Option<BoxFuture<()>> {
        let member = socket.state::<Member>()?;
        if !member.is_in(room) {
            let refusal = Refusal::new(Code::Forbidden, "join the room before you send to it");
            return self.refuse(socket, ack, refusal);
        }
        let id = message.id.map_or_else(identity::random_text::<15>, |id| id.as_str().to_owned());
        let draft = Draft {
            room: room.as_str().into(),
            user: member.user.clone(),
            id: id.into(),
            bytes: Entry::message(&member.name(), &message.text).encode(),
            target: None,
            redact: None,
            content: Some(message.text.into_string().into()),
        };
        let asked = Instant::now();
        let appended = self.0.broker.append(draft.clone());
        let (chat, socket) = (self.clone(), socket.clone());
        Some(Box::pin(async move {
            let appended = appended.await;
            chat.0.metrics.append_seconds.observe(asked.elapsed().as_secs_f64());
            let answer = chat.appended(&draft, appended);
            chat.answer(&socket, ack, answer).await;
        }))
    }

    /// What the log's answer means for the sender.
    fn appended(
        &self,
        draft: &Draft,
        appended: Result<broker::Appended, AppendError>,
    ) -> Result<String, Refusal> {
        let (outcome, answer) = match appended {
            Ok(at) => {
                let place = render::Place {
                    room: &draft.room,
                    epoch: at.epoch.as_str(),
                    offset: at.offset,
                    id: &draft.id,
                    user: &draft.user,
                    at: at.at,
                };
                let outcome = if at.duplicate { "duplicate" } else { "stored" };
                (outcome, Ok(render::appended(&place, at.duplicate)))
            }
            Err(error) => {
                let refusal = refusal_of(&error);
                if !matches!(error, AppendError::Conflict) {
                    tracing::warn!(room = %draft.room, %error, "an entry was not appended");
                }
                (refusal.code.as_str(), Err(refusal))
            }
        };
        self.0.metrics.appends.get_or_create(&Outcome { outcome }).inc();
        answer
    }

    async fn join(
        &self,
        socket: &Arc<Socket>,
        room: RoomKey,
        after: Option<Position>,
        limit: usize,
        ack: Option<Ack>,
    ) {
        let Some(member) = socket.state::<Member>() else { return };
        let _turn = member.turn.lock().await;
        let again = member.is_in(&room);
        if !again && member.rooms() >= self.0.limits.rooms_per_socket {
            let refusal = Refusal::new(Code::TooLarge, "this connection is in too many rooms");
            return self.answer(socket, ack, Err(refusal)).await;
        }
        let joined = self.0.sequencer.join(socket.key(), member.audience, room.as_str(), again);
        let Some(place) = joined.await else { return };
        let shown =
            pages::join(&*self.0.broker, room.as_str(), after, limit, place.head_of(room.as_str()));
        let answer = match shown.await {
            Ok(shown) => {
                Ok(render::joined(room.as_str(), &shown.stretch, shown.reset, place.members))
            }
            Err(error) => Err(unreadable(&error)),
        };
        let admitted = match answer {
            _ if again => Admitted::Yes,
            Ok(_) => member.admit(room.clone()),
            Err(_) => Admitted::Gone,
        };
        if admitted == Admitted::Gone {
            let room = room.as_str().into();
            self.0.sequencer.leave(socket.key(), member.audience, room).await;
        }
        let text = answer.unwrap_or_else(|refusal| refusal.to_answer());
        let first = ack.map(|ack| ack.into_frame(&[&text])).into_iter().collect();
        self.0.hub.release(socket.key(), first).await;
    }

    async fn leave(&self, socket: &Arc<Socket>, room: &RoomKey) -> Result<String, Refusal> {
        let Some(member) = socket.state::<Member>() else { return Ok(done()) };
        let _turn = member.turn.lock().await;
        if member.dismiss(room) {
            let room = room.as_str().into();
            self.0.sequencer.leave(socket.key(), member.audience, room).await;
        }
        Ok(done())
    }

    async fn history(&self, room: &RoomKey, range: Page, limit: usize) -> Result<String, Refusal> {
        let range = match range {
            Page::Newest => Range::Newest,
            Page::Before(offset) => Range::Before(offset),
            Page::After(offset) => Range::After(offset),
        };
        let page = pages::history(&*self.0.broker, room.as_str(), range, limit).await;
        page.map(|page| render::history(&page)).map_err(|error| unreadable(&error))
    }
}

fn rename(socket: &Socket, name: Box<str>) -> String {
    let Some(member) = socket.state::<Member>() else { return done() };
    let answer = json!({ "ok": true, "user": member.user, "name": name }).to_string();
    member.rename(name);
    answer
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

fn refusal_of(error: &AppendError) -> Refusal {
    match error {
        AppendError::Conflict => {
            Refusal::new(Code::Conflict, "this id was used before, with other content")
        }
        AppendError::Fenced => unavailable("the log is being repaired; send it again"),
        AppendError::Unavailable { perhaps_stored: true } => {
            unavailable("the log did not answer; it may be stored: send it again with the same id")
        }
        AppendError::Unavailable { perhaps_stored: false } => {
            unavailable("the log can't be reached; nothing was stored")
        }
        AppendError::Refused(_) => unavailable("the log's store refused it; nothing was stored"),
    }
}
