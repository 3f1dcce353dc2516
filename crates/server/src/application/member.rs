//! Who a socket belongs to and which rooms it is in: the chat's own state of a socket.

use chat::RoomKey;
use parking_lot::Mutex;

use crate::sequencer::order::Audience;

/// The chat's state of one socket.
#[derive(Debug)]
pub(super) struct Member {
    /// Which frames it gets.
    pub(super) audience: Audience,
    /// The user that it speaks as.
    pub(super) user: Box<str>,
    /// The display name; held only to be copied or replaced.
    name: Mutex<Box<str>>,
    /// Held for a look or a change, never while something is awaited.
    rooms: Mutex<Rooms>,
    /// Held while the socket joins or leaves, so that each gets its own place and answer.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Rooms {
    joined: Vec<RoomKey>,
    gone: bool,
}

/// What became of a room that a socket was given a place in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is in the room now.
    Yes,
    /// The socket had gone meanwhile: the place must be given back.
    Gone,
}

impl Member {
    /// A member of no room yet.
    pub(super) fn new(audience: Audience, user: Box<str>, name: Box<str>) -> Self {
        let (rooms, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { audience, user, name: Mutex::new(name), rooms, turn }
    }

    /// The display name at this moment.
    pub(super) fn name(&self) -> Box<str> {
        self.name.lock().clone()
    }

    /// Takes another display name.
    pub(super) fn rename(&self, name: Box<str>) {
        *self.name.lock() = name;
    }

    /// Whether it has joined a room.
    pub(super) fn is_in(&self, room: &RoomKey) -> bool {
        self.rooms.lock().joined.contains(room)
    }

    /// How many rooms it has joined.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.lock().joined.len()
    }

    /// Notes that it is in a room, unless it has gone.
    pub(super) fn admit(&self, room: RoomKey) -> Admitted {
        let mut rooms = self.rooms.lock();
        if rooms.gone {
            return Admitted::Gone;
        }
        rooms.joined.push(room);
        Admitted::Yes
    }

    /// Notes that it is no more in a room; `false` where it wasn't.
    pub(super) fn dismiss(&self, room: &RoomKey) -> bool {
        let mut rooms = self.rooms.lock();
        let before = rooms.joined.len();
        rooms.joined.retain(|joined| joined != room);
        rooms.joined.len() < before
    }

    /// Notes that the socket has gone; gives the rooms that it was in.
    pub(super) fn part(&self) -> Vec<RoomKey> {
        let mut rooms = self.rooms.lock();
        rooms.gone = true;
        std::mem::take(&mut rooms.joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_gone_is_admitted_nowhere() {
        let member = Member::new(Audience::Palabre, "u".into(), "Ada".into());
        let room = |name| RoomKey::parse(name).unwrap();
        assert_eq!(member.admit(room("a")), Admitted::Yes);
        assert_eq!(member.admit(room("b")), Admitted::Yes);
        assert!(member.dismiss(&room("b")));
        assert!(!member.dismiss(&room("b")));
        assert_eq!(member.part(), [room("a")]);
        assert_eq!(member.admit(room("a")), Admitted::Gone);
        assert_eq!(member.rooms(), 0);
    }
}
