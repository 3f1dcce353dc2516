//! Who is in which room, over all instances. Each instance says of its own members what changed,
//! with a serial number; the others keep what it says, notice by the number what they missed, and
//! then ask for all of it. Values and the time in, effects out; no clock and no locks.
//!
//! A room's members are [`room`]'s matter, when its clients are told [`telling`]'s, and how far
//! another instance was heard [`neighbour`]'s.

mod member;
mod neighbour;
mod pack;
mod room;
mod telling;

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
    time::Duration,
};

use crate::signal::{RoomChange, Said, Word};
use member::Entry;
pub use member::Shown;
use neighbour::{Heard, Neighbour};
use pack::Packed;
pub use room::Change;
use room::Room;

/// How much is kept and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members of other instances that are known by name, in all rooms together; further ones are
    /// counted only.
    pub named: usize,
    /// Members of a room up to which clients are told who came and left; in a larger room they are
    /// told the count.
    pub told: usize,
    /// Frames that telling the clients of one room of who is there may cost an instance in a
    /// second: how often a large room is told follows from it.
    pub frames_per_second: usize,
    /// After so long a room is told in any case, as large as it may be.
    pub told_within: Duration,
    /// Changes of own members that wait to be said; beyond, all is said anew.
    pub unsaid: usize,
    /// About the bytes of one signal.
    pub part_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            named: 200_000,
            told: 200,
            frames_per_second: 10_000,
            told_within: Duration::from_secs(2),
            unsaid: 20_000,
            part_bytes: 32 * 1024,
        }
    }
}

/// How long changes are gathered before they are said and told: the time from one
/// [`Presence::tick`] with news to the next.
pub const GATHER: Duration = Duration::from_millis(200);

/// After how long without a word an instance says that it has nothing new.
pub const STILL_EVERY: Duration = Duration::from_secs(2);

/// How long an instance that was asked may take to answer; then it is asked again. It also says
/// all of it at most that often.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell the other instances.
    Say(Word),
    /// Tell the clients of a room.
    Tell(Change),
}

/// What one instance knows of all members of the rooms of a partition.
#[derive(Debug)]
pub struct Presence {
    me: Arc<str>,
    limits: Limits,
    rooms: HashMap<Arc<str>, Room>,
    waiting: Waiting,
    neighbours: HashMap<Arc<str>, Neighbour>,
    /// The number of what was said last.
    serial: u64,
    said_at: Duration,
    whole: Whole,
    /// Members of other instances that are held by name.
    named: usize,
}

/// What waits for the next tick.
#[derive(Debug, Default)]
struct Waiting {
    /// Rooms in which something is not yet said or told, each once.
    rooms: Vec<Arc<str>>,
    /// Own changes that are to be said, in all rooms.
    unsaid: usize,
    /// An own member changed while there was no other instance to hear of it.
    unheard: bool,
}

impl Waiting {
    /// Something in a room changes.
    fn add(&mut self, room: &mut Room) {
        if !mem::replace(&mut room.waits, true) {
            self.rooms.push(room.key.clone());
        }
    }

    /// An own member is about to change.
    fn add_own(&mut self, room: &mut Room, user: &Arc<str>, me: &str, is_heard: bool) {
        if is_heard {
            self.unsaid += usize::from(room.note_unsaid(user, me));
        } else {
            self.unheard = true;
        }
        self.add(room);
    }
}

/// Whether all own members must be said, and when that was done last.
#[derive(Debug, Default)]
struct Whole {
    wanted: bool,
    said_at: Option<Duration>,
}

impl Presence {
    /// Nobody anywhere. `me` names this life of the instance.
    pub fn new(me: Arc<str>, limits: Limits) -> Self {
        Self {
            me,
            limits,
            rooms: HashMap::new(),
            waiting: Waiting::default(),
            neighbours: HashMap::new(),
            serial: 0,
            said_at: Duration::ZERO,
            whole: Whole::default(),
            named: 0,
        }
    }

    /// A socket of this instance has joined; `told` where its client is told who else comes and
    /// goes. `at` is in milliseconds since 1970.
    pub fn join(&mut self, room: &str, user: &Arc<str>, name: &Arc<str>, at: u64, told: bool) {
        let room = room_of(&mut self.rooms, room);
        let mut entry = Entry::new(self.me.clone(), name.clone(), at, at);
        match room.entry_of(user, &self.me) {
            None => room.own += 1,
            Some(known) => {
                entry.sockets = known.sockets + 1;
                entry.since = known.since;
                // A name that is taken later counts, also within the same millisecond.
                let taken_again = known.name == entry.name;
                entry.named = if taken_again { known.named } else { at.max(known.named + 1) };
            }
        }
        if told {
            room.telling.begin();
        }
        self.waiting.add_own(room, user, &self.me, !self.neighbours.is_empty());
        room.seat(user, entry, self.limits.told);
        self.bound_unsaid();
    }

    /// A socket of this instance has left, or gone; `told` as when it joined.
    pub fn leave(&mut self, room: &str, user: &Arc<str>, told: bool) {
        let Some(room) = self.rooms.get_mut(room) else { return };
        let Some(known) = room.entry_of(user, &self.me) else { return };
        let sockets = known.sockets - 1;
        if told {
            room.telling.end();
        }
        if sockets > 0 {
            room.set_sockets(user, &self.me, sockets);
            return;
        }
        self.waiting.add_own(room, user, &self.me, !self.neighbours.is_empty());
        room.unseat_own(user, &self.me, self.limits.told);
        self.bound_unsaid();
    }

    /// A user of this instance takes another display name. `at` is in milliseconds since 1970.
    pub fn rename(&mut self, room: &str, user: &Arc<str>, name: &Arc<str>, at: u64) {
        let Some(room) = self.rooms.get_mut(room) else { return };
        let Some(known) = room.entry_of(user, &self.me).cloned() else { return };
        if known.name == *name {
            return;
        }
        self.waiting.add_own(room, user, &self.me, !self.neighbours.is_empty());
        let entry = Entry { name: name.clone(), named: at.max(known.named + 1), ..known };
        room.seat(user, entry, self.limits.told);
        self.bound_unsaid();
    }

    /// Says all anew where too much waits to be said.
    fn bound_unsaid(&mut self) {
        if self.waiting.unsaid > self.limits.unsaid {
            self.rooms.values_mut().for_each(Room::forget_unsaid);
            self.waiting.unsaid = 0;
            self.serial += 1;
            self.whole.wanted = true;
        }
    }

    /// Which instances live, this one included. The members of one that lives no more have left;
    /// one that is new is asked for its members.
    pub fn live<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        let live: HashSet<&str> = ids.into_iter().filter(|id| **id != *self.me).collect();
        let known = self.neighbours.keys();
        let gone: Vec<Arc<str>> = known.filter(|id| !live.contains(&***id)).cloned().collect();
        for id in gone {
            self.neighbours.remove(&id);
            self.drop_members_of(&id);
        }
        for id in live {
            if !self.neighbours.contains_key(id) {
                self.neighbours.insert(id.into(), Neighbour::default());
            }
        }
    }

    /// An instance has said something. What comes from an instance that doesn't live, an earlier
    /// life of one for instance, is passed over.
    pub fn heard(&mut self, word: Word) {
        if let Said::Ask { of } = &word.said {
            self.whole.wanted |= of.contains(&self.me);
        }
        let Some(neighbour) = self.neighbours.get_mut(&word.from) else { return };
        match neighbour.hear(word.serial, word.said, self.limits.named) {
            Heard::Nothing => {}
            Heard::Changed(rooms) => self.apply(&word.from, rooms),
            Heard::Whole(rooms, uncounted) => {
                self.drop_members_of(&word.from);
                self.apply(&word.from, rooms);
                for (room, count) in uncounted {
                    let room = room_of(&mut self.rooms, &room);
                    room.count_unnamed(&word.from, count);
                    self.waiting.add(room);
                }
            }
        }
    }

    fn apply(&mut self, from: &Arc<str>, changes: Vec<RoomChange>) {
        let told = self.limits.told;
        for RoomChange { room, joined, renamed, left } in changes {
            let room = room_of(&mut self.rooms, &room);
            for member in joined {
                let known = room.entry_of(&member.user, from).is_some();
                if known || self.named < self.limits.named {
                    self.named += usize::from(!known);
                    room.seat(&member.user, Entry::of(&member, from), told);
                } else {
                    room.count_unnamed(from, 1);
                }
            }
            for member in renamed {
                if room.entry_of(&member.user, from).is_some() {
                    room.seat(&member.user, Entry::of(&member, from), told);
                }
            }
            for user in left {
                if room.unseat(&user, from, told) {
                    self.named -= 1;
                } else {
                    room.discount_unnamed(from);
                }
            }
            self.waiting.add(room);
        }
    }

    fn drop_members_of(&mut self, id: &str) {
        for room in self.rooms.values_mut() {
            let (named, any) = room.drop_instance(id, self.limits.told);
            self.named -= named;
            if any {
                self.waiting.add(room);
            }
        }
    }

    /// Whether [`Self::tick`] has something to do before [`STILL_EVERY`] is over.
    pub fn has_news(&self) -> bool {
        let out_of_step = |neighbour: &Neighbour| !neighbour.is_in_step();
        !self.waiting.rooms.is_empty()
            || self.whole.wanted
            || self.neighbours.values().any(out_of_step)
    }

    /// Gathers what is to be said and told at this time, counted from any fixed moment on.
    pub fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let mut unsaid = Packed::new(self.limits.part_bytes);
        let mut waiting = mem::take(&mut self.waiting);
        waiting.rooms.retain(|key| {
            let Some(room) = self.rooms.get_mut(key) else { return false };
            room.take_unsaid(&self.me, |change| unsaid.add(key, change));
            room.waits = !room.telling.is_due(now, &self.limits);
            if room.waits {
                return true;
            }
            effects.extend(room.take_untold(now, &self.limits).map(Effect::Tell));
            if room.is_empty() {
                self.rooms.remove(key);
            }
            false
        });
        self.waiting.rooms = waiting.rooms;
        let spoken = self.serial;
        // Who knows of an own member all the same finds a gap, and asks.
        self.serial += u64::from(waiting.unheard);
        for rooms in unsaid.parts {
            self.serial += 1;
            // Who comes later finds a gap, and asks.
            if !self.neighbours.is_empty() {
                self.say(Said::Changed(rooms), effects);
            }
        }
        self.say_whole(now, effects);
        self.ask(now, effects);
        if self.serial != spoken {
            self.said_at = now;
        } else if !self.neighbours.is_empty() && now.saturating_sub(self.said_at) >= STILL_EVERY {
            self.said_at = now;
            self.say(Said::Still, effects);
        }
    }

    fn say_whole(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let lately = self.whole.said_at.is_some_and(|at| now.saturating_sub(at) < ASK_AGAIN);
        if !self.whole.wanted || lately {
            return;
        }
        self.whole = Whole { wanted: false, said_at: Some(now) };
        let mut packed = Packed::new(self.limits.part_bytes);
        for (key, room) in &self.rooms {
            room.own_members(&self.me, |member| packed.add(key, pack::Item::Joined(member)));
        }
        if packed.parts.is_empty() {
            packed.parts.push(Vec::new());
        }
        let count = packed.parts.len();
        for (part, rooms) in packed.parts.into_iter().enumerate() {
            self.serial += 1;
            let last = part + 1 == count;
            let part = u32::try_from(part).unwrap_or(u32::MAX);
            self.say(Said::Whole { part, last, rooms }, effects);
        }
    }

    fn ask(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let mut of = Vec::new();
        for (id, neighbour) in &mut self.neighbours {
            if neighbour.wants_asking(now) {
                of.push(id.clone());
            }
        }
        if !of.is_empty() {
            self.say(Said::Ask { of }, effects);
        }
    }

    fn say(&self, said: Said, effects: &mut Vec<Effect>) {
        effects.push(Effect::Say(Word { from: self.me.clone(), serial: self.serial, said }));
    }

    /// How many distinct users are in a room.
    pub fn count(&self, room: &str) -> usize {
        self.rooms.get(room).map_or(0, Room::count)
    }

    /// Whether a user is known to be in a room.
    pub fn has(&self, room: &str, user: &str) -> bool {
        self.rooms.get(room).is_some_and(|room| room.has(user))
    }

    /// The members of a room that are known by name, those first who are there the longest, at
    /// most `limit`.
    pub fn members(&self, room: &str, limit: usize) -> Vec<Shown> {
        self.rooms.get(room).map(|room| room.oldest(limit)).unwrap_or_default()
    }
}

fn room_of<'a>(rooms: &'a mut HashMap<Arc<str>, Room>, name: &str) -> &'a mut Room {
    if !rooms.contains_key(name) {
        let key: Arc<str> = name.into();
        rooms.insert(key.clone(), Room::new(key));
    }
    rooms.get_mut(name).expect("it was put there")
}

#[cfg(test)]
mod tests;
