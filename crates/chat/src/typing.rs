//! Who is typing now, by room, from what instances signal; and how often one socket may have it
//! signalled. The time is an argument, counted from any fixed moment on.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
    time::Duration,
};

use crate::signal;

/// After how long without renewal somebody types no more. Clients renew every three seconds.
pub const TYPING_LASTS: Duration = Duration::from_secs(6);

/// How often one socket's typing in one room is signalled.
pub const SIGNAL_EVERY: Duration = Duration::from_secs(1);

/// How many of a room clients are told.
pub const TOLD_MAX: usize = 20;

/// How many of a room are known; who begins while there are so many is not shown.
const TYPISTS_MAX: usize = 100;

/// Rooms in which somebody types; beyond, typing in further ones is not shown.
const ROOMS_MAX: usize = 10_000;

/// Who is typing.
#[derive(Debug, Default)]
pub struct Typing {
    /// In the order in which they began.
    rooms: HashMap<Arc<str>, Vec<Typist>>,
    changed: HashSet<Arc<str>>,
}

#[derive(Debug)]
struct Typist {
    user: Arc<str>,
    name: Arc<str>,
    until: Duration,
}

/// All who are typing in a room, or the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typists {
    /// The room's key.
    pub room: Arc<str>,
    /// User and display name.
    pub users: Vec<(Arc<str>, Arc<str>)>,
}

impl Typing {
    /// An instance has signalled that somebody types, or does no more.
    pub fn heard(&mut self, room: &str, signal: signal::Typing, now: Duration) {
        let signal::Typing { user, name, on } = signal;
        let Some(typists) = self.rooms.get_mut(room) else {
            if on && self.rooms.len() < ROOMS_MAX {
                let room: Arc<str> = room.into();
                let until = now + TYPING_LASTS;
                self.rooms.insert(room.clone(), vec![Typist { user, name, until }]);
                self.changed.insert(room);
            }
            return;
        };
        let changed = match typists.iter().position(|typist| typist.user == user) {
            Some(place) if on => {
                let typist = &mut typists[place];
                typist.until = now + TYPING_LASTS;
                mem::replace(&mut typist.name, name) != typist.name
            }
            Some(place) => {
                typists.remove(place);
                true
            }
            None if on && typists.len() < TYPISTS_MAX => {
                typists.push(Typist { user, name, until: now + TYPING_LASTS });
                true
            }
            None => false,
        };
        if changed {
            self.changed.insert(room.into());
        }
    }

    /// Whether [`Self::tick`] has something to do, now or later.
    pub fn has_news(&self) -> bool {
        !self.rooms.is_empty() || !self.changed.is_empty()
    }

    /// Who is typing where that has changed.
    pub fn tick(&mut self, now: Duration) -> Vec<Typists> {
        for (room, typists) in &mut self.rooms {
            let before = typists.len();
            typists.retain(|typist| typist.until > now);
            if typists.len() < before {
                self.changed.insert(room.clone());
            }
        }
        self.rooms.retain(|_, typists| !typists.is_empty());
        let changed = mem::take(&mut self.changed).into_iter();
        changed.map(|room| Typists { users: self.told(&room), room }).collect()
    }

    fn told(&self, room: &str) -> Vec<(Arc<str>, Arc<str>)> {
        let typists = self.rooms.get(room).into_iter().flatten().take(TOLD_MAX);
        typists.map(|typist| (typist.user.clone(), typist.name.clone())).collect()
    }
}

/// What was signalled of one socket in one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signalled {
    /// When it was last said to be typing.
    on_at: Option<Duration>,
    on: bool,
}

impl Signalled {
    /// Whether to signal that the socket's user types, or does no more. What comes too soon is
    /// merged with what was signalled: the next renewal says it.
    pub fn take(&mut self, on: bool, now: Duration) -> bool {
        if !on {
            let shown = self.on_at.is_some_and(|at| now.saturating_sub(at) < TYPING_LASTS);
            return mem::take(&mut self.on) && shown;
        }
        let lately = self.on_at.is_some_and(|at| now.saturating_sub(at) < SIGNAL_EVERY);
        if !lately {
            (self.on, self.on_at) = (true, Some(now));
        }
        !lately
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn heard(typing: &mut Typing, user: &str, on: bool, now: Duration) {
        let (user, name) = (user.into(), user.to_uppercase().into());
        typing.heard("lobby", signal::Typing { user, name, on }, now);
    }

    /// Who is told to be typing, if anything is told.
    fn told(typing: &mut Typing, now: Duration) -> Option<Vec<String>> {
        let mut told = typing.tick(now);
        assert!(told.len() <= 1, "{told:?}");
        let users = told.pop()?.users.into_iter();
        Some(users.map(|(user, name)| format!("{user}={name}")).collect())
    }

    #[test]
    fn typing_is_told_when_it_begins_and_ends() {
        let mut typing = Typing::default();
        heard(&mut typing, "u", true, Duration::ZERO);
        heard(&mut typing, "v", true, Duration::ZERO);
        assert_eq!(told(&mut typing, Duration::ZERO), Some(vec!["u=U".into(), "v=V".into()]));
        heard(&mut typing, "u", true, SECOND);
        assert_eq!(told(&mut typing, SECOND), None, "nothing is new");
        heard(&mut typing, "v", false, SECOND);
        heard(&mut typing, "v", false, SECOND);
        assert_eq!(told(&mut typing, SECOND), Some(vec!["u=U".into()]));
    }

    #[test]
    fn typing_that_is_not_renewed_ends_by_itself() {
        let mut typing = Typing::default();
        heard(&mut typing, "u", true, Duration::ZERO);
        told(&mut typing, Duration::ZERO);
        heard(&mut typing, "u", true, SECOND * 3);
        assert_eq!(told(&mut typing, TYPING_LASTS), None);
        assert!(typing.has_news());
        assert_eq!(told(&mut typing, TYPING_LASTS + SECOND * 3), Some(vec![]));
        assert!(!typing.has_news());
    }

    #[test]
    fn another_name_is_told() {
        let mut typing = Typing::default();
        heard(&mut typing, "u", true, Duration::ZERO);
        told(&mut typing, Duration::ZERO);
        let renamed = signal::Typing { user: "u".into(), name: "Ada".into(), on: true };
        typing.heard("lobby", renamed, SECOND);
        assert_eq!(told(&mut typing, SECOND), Some(vec!["u=Ada".into()]));
    }

    #[test]
    fn no_more_are_told_or_known_than_the_limits_say() {
        let mut typing = Typing::default();
        for number in 0..2 * TYPISTS_MAX {
            heard(&mut typing, &format!("u{number}"), true, Duration::ZERO);
        }
        assert_eq!(told(&mut typing, Duration::ZERO).unwrap().len(), TOLD_MAX);
        assert_eq!(typing.rooms["lobby"].len(), TYPISTS_MAX);
        for number in 0..2 * ROOMS_MAX {
            let typist = signal::Typing { user: "u".into(), name: "U".into(), on: true };
            typing.heard(&number.to_string(), typist, Duration::ZERO);
        }
        assert_eq!(typing.rooms.len(), ROOMS_MAX);
    }

    #[test]
    fn a_socket_is_signalled_once_a_second_and_its_end_at_once() {
        let mut signalled = Signalled::default();
        assert!(!signalled.take(false, Duration::ZERO), "there is nothing to end");
        assert!(signalled.take(true, Duration::ZERO));
        assert!(!signalled.take(true, SECOND / 2), "too soon");
        assert!(signalled.take(false, SECOND / 2));
        assert!(!signalled.take(false, SECOND / 2), "it has ended");
        assert!(!signalled.take(true, SECOND / 2), "too soon");
        assert!(signalled.take(true, SECOND));
        assert!(!signalled.take(false, SECOND + TYPING_LASTS), "it has ended by itself");
    }
}
