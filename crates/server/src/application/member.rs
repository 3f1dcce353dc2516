//! Who a socket belongs to and which rooms it is in: the chat's own state of a socket.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use chat::{Refusal, RoomKey, budget::Budget, typing::Signalled};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::sequencer::order::Audience;

/// The chat's state of one socket.
#[derive(Debug)]
pub(super) struct Member {
    /// Which frames it gets.
    pub(super) audience: Audience,
    /// The user that it speaks as.
    pub(super) user: Arc<str>,
    /// Held for a look or a change, never while something is awaited.
    state: Mutex<State>,
    /// Made for the first who needs it: sockets that only listen never do.
    turn: OnceLock<Box<tokio::sync::Mutex<()>>>,
}

/// There is one for each connection, so what few of them need is boxed.
#[derive(Debug)]
struct State {
    /// The display name.
    name: Arc<str>,
    joined: SmallVec<[Joined; 1]>,
    gone: bool,
    busy: Option<Box<Busy>>,
}

/// What sockets have that make rooms or send messages that must be looked at.
#[derive(Debug, Default)]
struct Busy {
    made: Budget,
    /// Ends when the message that was looked at last, before it is sent, has its place.
    looked_at: Option<oneshot::Receiver<()>>,
}

/// A room that the socket is in.
#[derive(Debug)]
struct Joined {
    room: RoomKey,
    /// None until its user types there.
    typing: Option<Box<Signalled>>,
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
        let (joined, gone, busy) = (SmallVec::new(), false, None);
        let state = Mutex::new(State { name: name.into(), joined, gone, busy });
        Self { audience, user: user.into(), state, turn: OnceLock::new() }
    }

    /// Waits for the socket's turn to join, leave or take a name, so that each of these gets its
    /// own place and answer. It lasts until what is returned is dropped.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.get_or_init(Box::default).lock().await
    }

    /// The display name at this moment.
    pub(super) fn name(&self) -> Arc<str> {
        self.state.lock().name.clone()
    }

    /// Takes another display name.
    pub(super) fn rename(&self, name: Arc<str>) {
        self.state.lock().name = name;
    }

    /// Whether it has joined a room.
    pub(super) fn is_in(&self, room: &RoomKey) -> bool {
        self.state.lock().joined.iter().any(|joined| joined.room == *room)
    }

    /// How many rooms it has joined.
    pub(super) fn rooms(&self) -> usize {
        self.state.lock().joined.len()
    }

    /// The rooms that it has joined.
    pub(super) fn joined(&self) -> Vec<RoomKey> {
        self.state.lock().joined.iter().map(|joined| joined.room.clone()).collect()
    }

    /// Notes that it is in a room, unless it has gone.
    pub(super) fn admit(&self, room: RoomKey) -> Admitted {
        let mut state = self.state.lock();
        if state.gone {
            return Admitted::Gone;
        }
        state.joined.push(Joined { room, typing: None });
        Admitted::Yes
    }

    /// Notes that it is no more in a room; `None` where it wasn't.
    pub(super) fn dismiss(&self, room: &RoomKey, now: Duration) -> Option<Left> {
        let mut state = self.state.lock();
        let place = state.joined.iter().position(|joined| joined.room == *room)?;
        Some(state.joined.swap_remove(place).left(now))
    }

    /// Notes that the socket has gone; gives the rooms that it was in.
    pub(super) fn part(&self, now: Duration) -> Vec<Left> {
        let mut state = self.state.lock();
        state.gone = true;
        std::mem::take(&mut state.joined).into_iter().map(|joined| joined.left(now)).collect()
    }

    /// Whether the others are to be told that its user types in a room, or does no more; `None`
    /// where it isn't in the room.
    pub(super) fn types(&self, room: &RoomKey, on: bool, now: Duration) -> Option<bool> {
        let mut state = self.state.lock();
        let joined = state.joined.iter_mut().find(|joined| joined.room == *room)?;
        Some(joined.typing.get_or_insert_default().take(on, now))
    }

    /// Takes one of the rooms that it may make in a while.
    pub(super) fn may_make_room(&self, size: u32, now: Duration) -> Result<(), Refusal> {
        self.state.lock().busy.get_or_insert_default().made.take(size, now)
    }

    /// The message before, where that one has no place yet because something has to be looked up
    /// first.
    pub(super) fn message_before(&self) -> Option<oneshot::Receiver<()>> {
        let mut before = self.state.lock().busy.as_mut()?.looked_at.take()?;
        matches!(before.try_recv(), Err(oneshot::error::TryRecvError::Empty)).then_some(before)
    }

    /// Lets messages after this one wait until what is returned is dropped.
    pub(super) fn keep_place(&self) -> oneshot::Sender<()> {
        let (placed, place) = oneshot::channel();
        self.state.lock().busy.get_or_insert_default().looked_at = Some(place);
        placed
    }
}

impl Joined {
    fn left(self, now: Duration) -> Left {
        let typing = self.typing.is_some_and(|mut typing| typing.take(false, now));
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

    /// There is one for every connection: growth is a decision.
    #[test]
    fn a_member_is_small() {
        assert_eq!(size_of::<Member>(), 112);
        let member = member();
        member.admit(room("a"));
        assert!(!member.state.lock().joined.spilled());
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
