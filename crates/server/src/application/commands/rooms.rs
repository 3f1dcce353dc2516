//! Which rooms there are.

use std::collections::HashMap;

use broker::{ListedRoom, Range, Record};
use chat::{
    Refusal, RoomKey,
    about::About,
    command::Position,
    render::{self, RoomLine},
};

use super::{
    super::{Chat, member::Member},
    unreadable,
};
use crate::sequencer::order::entry_place;

/// Rooms that are looked through for those that a member may see.
const ROOMS_READ: usize = 400;

impl Chat {
    /// Lists the youngest rooms that a member may see; the lobby is always among them.
    pub(super) async fn rooms(
        &self,
        member: &Member,
        seen: Vec<(RoomKey, Position)>,
    ) -> Result<String, Refusal> {
        let list = self.0.broker.rooms(ROOMS_READ).await.map_err(|error| unreadable(&error))?;
        let seen: HashMap<RoomKey, Position> = seen.into_iter().collect();
        let lobby = self.0.lobby.as_str();
        let mut lines: Vec<RoomLine> = list
            .rooms
            .iter()
            .map(|listed| (listed, About::of(listed.about.as_deref())))
            .filter(|(listed, about)| *listed.room == *lobby || about.admits(&member.user))
            .map(|(listed, about)| self.line(listed, about, &seen))
            .collect();
        let listed_max = self.0.limits.rooms_listed;
        let more = list.more || lines.len() > listed_max;
        lines.truncate(listed_max);
        if !lines.iter().any(|line| *line.room == *lobby) {
            lines.truncate(listed_max - 1);
            lines.push(self.lobby_line(&seen).await?);
        }
        Ok(render::rooms(&lines, more))
    }

    /// The lobby, where it is none of the youngest rooms or nobody has written in it yet.
    async fn lobby_line(&self, seen: &HashMap<RoomKey, Position>) -> Result<RoomLine, Refusal> {
        let room = self.0.lobby.as_str();
        let page = self.0.broker.read_room(room, Range::Newest, 1).await;
        let mut page = page.map_err(|error| unreadable(&error))?;
        let about = About::of(page.about.as_deref());
        let newest = page.records.pop();
        let at = newest.as_ref().map_or(0, |record: &Record| record.at);
        let (epoch, head, about_bytes) = (page.epoch, page.head, page.about);
        let listed = ListedRoom { room: room.into(), epoch, head, at, about: about_bytes, newest };
        Ok(self.line(&listed, about, seen))
    }

    fn line(
        &self,
        listed: &ListedRoom,
        about: About,
        seen: &HashMap<RoomKey, Position>,
    ) -> RoomLine {
        let (room, epoch) = (&*listed.room, listed.epoch.as_str());
        let seen = RoomKey::parse(room).ok().and_then(|key| seen.get(&key));
        let rendered = |record: &Record| render::entry(&entry_place(epoch, record), &record.bytes);
        RoomLine {
            room: room.into(),
            title: about.title.unwrap_or_else(|| room.into()),
            epoch: epoch.into(),
            head: listed.head,
            unread: render::unread(epoch, listed.head, seen),
            last: listed.newest.as_ref().map(rendered),
            members: self.0.presence.count(room),
            private: about.private,
        }
    }
}
