//! Sending: a message becomes an entry of the log.

use std::sync::Arc;

use broker::{AppendError, Appended, Draft, Range};
use chat::{Code, Entry, Message, Refusal, RoomKey, command::Position, render};
use gateway::{Ack, BoxFuture, Socket};
use tokio::time::Instant;

use super::{
    super::{Chat, identity, member::Member},
    unavailable, unreadable,
};
use crate::clock::wall_ms;

impl Chat {
    /// Puts a message into the log. Its place among the sender's messages is taken before this
    /// returns; the answer comes from the log.
    pub(in super::super) fn send(
        &self,
        socket: &Arc<Socket>,
        room: &RoomKey,
        message: Message,
        ack: Option<Ack>,
    ) -> Option<BoxFuture<()>> {
        let member = socket.state::<Member>()?;
        let now = self.0.presence.now();
        let Some(was_typing) = member.types(room, false, now) else {
            let refusal = Refusal::new(Code::Forbidden, "join the room before you send to it");
            return self.refuse(socket, ack, refusal);
        };
        let (chat, socket, room) = (self.clone(), socket.clone(), room.clone());
        let before = member.message_before();
        let reply_to = message.reply_to.clone();
        let draft = draft(member, &room, message);
        let id = draft.id.clone();
        if before.is_none() && reply_to.is_none() {
            let (asked, appended) = (Asked::now(), self.0.broker.append(draft));
            return Some(Box::pin(async move {
                let answer = chat.appended(&room, &id, asked, appended.await);
                chat.answer(&socket, ack, answer).await;
                chat.sent(&socket, &room, was_typing).await;
            }));
        }
        let place = member.keep_place();
        Some(Box::pin(async move {
            if let Some(before) = before {
                // It ends by being dropped.
                let _ = before.await;
            }
            let found = match &reply_to {
                Some(reply_to) => chat.find(&room, reply_to).await,
                None => Ok(()),
            };
            let answer = match found {
                Ok(()) => {
                    let (asked, appended) = (Asked::now(), chat.0.broker.append(draft));
                    drop(place);
                    chat.appended(&room, &id, asked, appended.await)
                }
                Err(refusal) => {
                    drop(place);
                    Err(refusal)
                }
            };
            chat.answer(&socket, ack, answer).await;
            chat.sent(&socket, &room, was_typing).await;
        }))
    }

    /// Whoever has sent a message types no more.
    async fn sent(&self, socket: &Socket, room: &RoomKey, was_typing: bool) {
        if let Some(member) = socket.state::<Member>().filter(|_| was_typing) {
            self.types_no_more(member, room).await;
        }
    }

    /// Checks that a room has the entry that is replied to. One that is kept no more counts.
    async fn find(&self, room: &RoomKey, reply_to: &Position) -> Result<(), Refusal> {
        let page = self.0.broker.read_room(room.as_str(), Range::Newest, 1).await;
        let page = page.map_err(|error| unreadable(&error))?;
        if *page.epoch.as_str() != *reply_to.epoch {
            let message = "'replyTo' is of another epoch: join again";
            return Err(Refusal::new(Code::Conflict, message));
        }
        if reply_to.offset > page.head {
            return Err(Refusal::new(Code::NotFound, "the room has no entry 'replyTo' yet"));
        }
        Ok(())
    }

    /// What the log's answer means for the sender.
    fn appended(
        &self,
        room: &RoomKey,
        id: &str,
        asked: Asked,
        appended: Result<Appended, AppendError>,
    ) -> Result<String, Refusal> {
        self.0.metrics.append_seconds.observe(asked.at.elapsed().as_secs_f64());
        match appended {
            Ok(at) => {
                self.0.traces.accepted(room.as_str(), asked.wall_ms, &at);
                self.0.metrics.count_appended(at.duplicate);
                let Appended { epoch, offset, at, duplicate, seq: _ } = at;
                let (room, epoch) = (room.as_str(), epoch.as_str());
                let place = render::Place { room, epoch, offset, id, user: "", at };
                Ok(render::appended(&place, duplicate))
            }
            Err(error) => {
                let refusal = refusal_of(&error);
                if !matches!(error, AppendError::Conflict) {
                    tracing::warn!(%room, %error, "an entry was not appended");
                }
                self.0.metrics.count_not_appended(refusal.code);
                Err(refusal)
            }
        }
    }
}

/// When the log was asked: to measure by, and to be shown.
#[derive(Clone, Copy)]
struct Asked {
    at: Instant,
    wall_ms: u64,
}

impl Asked {
    fn now() -> Self {
        Self { at: Instant::now(), wall_ms: wall_ms() }
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

fn draft(member: &Member, room: &RoomKey, message: Message) -> Draft {
    let Message { id, text, reply_to } = message;
    // A text has no NUL, so no text and reply can be taken for another one's.
    let replies = reply_to.as_ref().map(|Position { epoch, offset }| format!("\0{epoch}.{offset}"));
    let bytes = Entry::message(&member.name(), &text).in_reply_to(reply_to).encode();
    let content = match replies {
        Some(replies) => [text.into(), replies].concat(),
        None => text.into(),
    };
    Draft {
        room: room.as_str().into(),
        user: (*member.user).into(),
        id: id.map_or_else(|| identity::random_text::<15>().into(), Into::into),
        bytes,
        target: None,
        redact: None,
        content: Some(content.into()),
    }
}
