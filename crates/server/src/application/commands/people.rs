//! Who is there, and who types.

use std::time::Duration;

use chat::{
    Code, Refusal, RoomKey, render,
    signal::{Signal, Typing},
};
use tokio::time::timeout;

use super::{
    super::{Chat, member::Member},
    done, unavailable,
};

/// How long the log may take for a signal.
const SIGNAL_WAIT: Duration = Duration::from_secs(1);

impl Chat {
    pub(super) async fn who(&self, member: &Member, room: &RoomKey) -> Result<String, Refusal> {
        self.look_in(member, room).await?;
        let limit = self.0.limits.members_listed;
        let (members, count) = self.0.presence.members(room.as_str(), limit);
        Ok(render::who(&members, count))
    }

    pub(super) async fn typing(
        &self,
        member: &Member,
        room: &RoomKey,
        on: bool,
    ) -> Result<String, Refusal> {
        let Some(worth_telling) = member.types(room, on, self.0.presence.now()) else {
            return Err(Refusal::new(Code::Forbidden, "join the room before you type in it"));
        };
        if worth_telling && !self.signal_typing(member, room, on).await {
            return Err(unavailable("the other instances can't be reached now"));
        }
        Ok(done())
    }

    /// Lets the others know that somebody types no more; where that fails, it ends by itself.
    pub(in super::super) async fn types_no_more(&self, member: &Member, room: &RoomKey) {
        self.signal_typing(member, room, false).await;
    }

    async fn signal_typing(&self, member: &Member, room: &RoomKey, on: bool) -> bool {
        let typing = Typing { user: member.user.clone(), name: member.name(), on };
        let signal = self.0.broker.signal(room.as_str(), Signal::Typing(typing).encode());
        matches!(timeout(SIGNAL_WAIT, signal).await, Ok(Ok(())))
    }
}
