//! Who a socket belongs to and which rooms it is in: the chat's own state of a socket.

use std::{sync::Arc, time::Duration};

use chat::{Refusal, RoomKey, budget::Budget, typing::Signalled};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::sequencer::order::Audience;

/// The chat's state of one socket.
#[derive(Debug)]
pub(super) struct Member {
    /// Which frames it gets.
    pub(super) audience: Audience,
    /// The user that it speaks as.
    pub(super) user: Arc<str>,
    /// The display name; held only to be copied or replaced.
    name: Mutex<Arc<str>>,
    /// Held for a look or a change, never while something is awaited.
    rooms: Mutex<Rooms>,
    /// Held while the socket joins, leaves or takes a name, so that each gets its own place and
    /// answer.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Ends when the message that was looked at last, before it is sent, has its place. Held only
    /// to be replaced.
    looked_at: Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Debug, Default)]
struct Rooms {
    joined: Vec<Joined>,
    gone: bool,
    made: Budget,
}

/// A room that the socket is in.
#[derive(Debug)]
struct Joined {
    room: RoomKey,
    typing: Signalled,
}

/// What became of a room that a socket was given a place in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is in the room now.
    Yes,
    /// The socket had gone meanwhile: the place must be given back.
    Gone,
}

/// A room that a socket has left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Which one.
    pub(super) room: RoomKey,
    /// Whether the others think that its user types there.
    pub(super) typing: bool,
}

impl Member {
    /// A member of no room yet.
    pub(super) fn new(
        audience: Audience,
        user: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            audience,
            user: user.into(),
            name: Mutex::new(name.into()),
            rooms: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            looked_at: Mutex::default(),
        }
    }

    /// The display name at this moment.
    pub(super) fn name(&self) -> Arc<str> {
        self.name.lock().clone()
    }

    /// Takes another display name.
    pub(super) fn rename(&self, name: Arc<str>) {
        *self.name.lock() = name;
    }

    /// Whether it has joined a room.
    pub(super) fn is_in(&self, room: &RoomKey) -> bool {
        self.rooms.lock().joined.iter().any(|joined| joined.room == *room)
    }

    /// How many rooms it has joined.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.lock().joined.len()
    }

    /// The rooms that it has joined.
    pub(super) fn joined(&self) -> Vec<RoomKey> {
        self.rooms.lock().joined.iter().map(|joined| joined.room.clone()).collect()
    }

    /// Notes that it is in a room, unless it has gone.
    pub(super) fn admit(&self, room: RoomKey) -> Admitted {
        let mut rooms = self.rooms.lock();
        if rooms.gone {
            return Admitted::Gone;
        }
        rooms.joined.push(Joined { room, typing: Signalled::default() });
        Admitted::Yes
    }

    /// Notes that it is no more in a room; `None` where it wasn't.
    pub(super) fn dismiss(&self, room: &RoomKey, now: Duration) -> Option<Left> {
        let mut rooms = self.rooms.lock();
        let place = rooms.joined.iter().position(|joined| joined.room == *room)?;
        Some(rooms.joined.swap_remove(place).left(now))
    }

    /// Notes that the socket has gone; gives the rooms that it was in.
    pub(super) fn part(&self, now: Duration) -> Vec<Left> {
        let mut rooms = self.rooms.lock();
        rooms.gone = true;
        std::mem::take(&mut rooms.joined).into_iter().map(|joined| joined.left(now)).collect()
    }

    /// Whether the others are to be told that its user types in a room, or does no more; `None`
    /// where it isn't in the room.
    pub(super) fn types(&self, room: &RoomKey, on: bool, now: Duration) -> Option<bool> {
        let mut rooms = self.rooms.lock();
        let joined = rooms.joined.iter_mut().find(|joined| joined.room == *room)?;
        Some(joined.typing.take(on, now))
    }

    /// Takes one of the rooms that it may make in a while.
    pub(super) fn may_make_room(&self, size: u32, now: Duration) -> Result<(), Refusal> {
        self.rooms.lock().made.take(size, now)
    }

    /// The message before, where that one has no place yet because something has to be looked up
    /// first.
    pub(super) fn message_before(&self) -> Option<oneshot::Receiver<()>> {
        let mut before = self.looked_at.lock().take()?;
        matches!(before.try_recv(), Err(oneshot::error::TryRecvError::Empty)).then_some(before)
    }

    /// Lets messages after this one wait until what is returned is dropped.
    pub(super) fn keep_place(&self) -> oneshot::Sender<()> {
        let (placed, place) = oneshot::channel();
        *self.looked_at.lock() = Some(place);
        placed
    }
}

impl Joined {
    fn left(mut self, now: Duration) -> Left {
        let typing = self.typing.take(false, now);
        Left { room: self.room, typing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn member() -> Member {
        Member::new(Audience::Palabre, "u", "Ada")
    }

    fn room(name: &str) -> RoomKey {
        RoomKey::parse(name).unwrap()
    }

    #[test]
    fn who_has_gone_is_admitted_nowhere() {
        let member = member();
        assert_eq!(member.admit(room("a")), Admitted::Yes);
        assert_eq!(member.admit(room("b")), Admitted::Yes);
        assert!(member.dismiss(&room("b"), NOW).is_some());
        assert!(member.dismiss(&room("b"), NOW).is_none());
        assert_eq!(member.part(NOW), [Left { room: room("a"), typing: false }]);
        assert_eq!(member.admit(room("a")), Admitted::Gone);
        assert_eq!(member.rooms(), 0);
    }

    #[test]
    fn who_leaves_types_no_more() {
        let member = member();
        assert_eq!(member.types(&room("a"), true, NOW), None);
        member.admit(room("a"));
        member.admit(room("b"));
        assert_eq!(member.types(&room("a"), true, NOW), Some(true));
        assert_eq!(member.types(&room("a"), true, NOW), Some(false), "too soon");
        assert!(member.dismiss(&room("a"), NOW).unwrap().typing);
        assert!(!member.dismiss(&room("b"), NOW).unwrap().typing);
    }

    #[test]
    fn messages_wait_for_one_that_is_looked_at() {
        let member = member();
        assert!(member.message_before().is_none());
        let placed = member.keep_place();
        let before = member.message_before().expect("it has no place yet");
        drop(before);
        let again = member.keep_place();
        drop((placed, again));
        assert!(member.message_before().is_none(), "it has its place");
    }
}
