//! The members of one room: what each instance says of them, and what the other instances do not
//! know yet. What clients were not told yet is kept by [`super::telling`].

use std::{
    collections::{
        HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    mem,
    sync::Arc,
    time::Duration,
};

use foldhash::fast::FixedState;

use super::{
    Limits,
    member::{Entry, Shown, latest_name, shown, since},
    pack::Item,
    telling::Telling,
};
use crate::signal::Member;

/// By user. The server makes these ids, so nobody can choose some that collide.
pub(super) type ByUser<T> = HashMap<Arc<str>, T, FixedState>;

/// What changed in a room since its clients were last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The room's key.
    pub room: Arc<str>,
    /// Who came, or is called otherwise now.
    pub joined: Vec<Shown>,
    /// Who left.
    pub left: Vec<Arc<str>>,
    /// How many there are.
    pub count: usize,
}

/// One room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) key: Arc<str>,
    /// By user; one entry for each instance, never empty.
    members: ByUser<Vec<Entry>>,
    /// Members that are counted only, by instance.
    unnamed: HashMap<Arc<str>, usize>,
    /// Members that this instance speaks for.
    pub(super) own: usize,
    /// What the other instances know of those that changed: the entry, if they know one.
    unsaid: ByUser<Option<Entry>>,
    pub(super) telling: Telling,
    /// Whether the room is among those in which something is not yet said or told.
    pub(super) waits: bool,
}

impl Room {
    pub(super) fn new(key: Arc<str>) -> Self {
        Self {
            key,
            members: ByUser::default(),
            unnamed: HashMap::new(),
            own: 0,
            unsaid: ByUser::default(),
            telling: Telling::default(),
            waits: false,
        }
    }

    /// What an instance says of a user.
    pub(super) fn entry_of(&self, user: &str, instance: &str) -> Option<&Entry> {
        self.members.get(user)?.iter().find(|entry| *entry.instance == *instance)
    }

    pub(super) fn set_sockets(&mut self, user: &str, instance: &str, sockets: u32) {
        let entries = self.members.get_mut(user).into_iter().flatten();
        for entry in entries.filter(|entry| *entry.instance == *instance) {
            entry.sockets = sockets;
        }
    }

    /// Keeps what the others know of an own member before it changes; `true` where that is new.
    pub(super) fn note_unsaid(&mut self, user: &Arc<str>, me: &str) -> bool {
        if self.unsaid.contains_key(user) {
            return false;
        }
        let known = self.entry_of(user, me).cloned();
        self.unsaid.insert(user.clone(), known);
        true
    }

    /// All will be said anew.
    pub(super) fn forget_unsaid(&mut self) {
        self.unsaid = ByUser::default();
    }

    /// This instance has nobody of that user any more.
    pub(super) fn unseat_own(&mut self, user: &Arc<str>, me: &str, told: usize) {
        if self.unseat(user, me, told) {
            self.own -= 1;
        }
    }

    /// Adds or replaces what an instance says of a user.
    pub(super) fn seat(&mut self, user: &Arc<str>, entry: Entry, told: usize) {
        let there = self.members.len();
        match self.members.entry(user.clone()) {
            Vacant(place) => {
                self.telling.note(user, there, told, None);
                self.telling.moved = true;
                place.insert(vec![entry]);
            }
            Occupied(mut place) => {
                let entries = place.get_mut();
                self.telling.note(user, there, told, Some(entries));
                match entries.iter_mut().find(|known| known.instance == entry.instance) {
                    Some(known) => *known = entry,
                    None => entries.push(entry),
                }
            }
        }
    }

    /// An instance has nobody of that user any more; `false` where it had none by name.
    pub(super) fn unseat(&mut self, user: &Arc<str>, instance: &str, told: usize) -> bool {
        let there = self.members.len();
        let Occupied(mut place) = self.members.entry(user.clone()) else { return false };
        let entries = place.get_mut();
        let Some(of) = entries.iter().position(|entry| *entry.instance == *instance) else {
            return false;
        };
        self.telling.note(user, there, told, Some(entries));
        if entries.len() == 1 {
            self.telling.moved = true;
            place.remove();
        } else {
            entries.remove(of);
        }
        true
    }

    /// Drops all that an instance says: how many it had by name, and whether it had any.
    pub(super) fn drop_instance(&mut self, instance: &str, told: usize) -> (usize, bool) {
        let is_of = |entries: &[Entry]| entries.iter().any(|entry| *entry.instance == *instance);
        let members = self.members.iter().filter(|(_, entries)| is_of(entries));
        let users: Vec<Arc<str>> = members.map(|(user, _)| user.clone()).collect();
        for user in &users {
            self.unseat(user, instance, told);
        }
        let counted = self.unnamed.remove(instance).is_some();
        self.telling.moved |= counted;
        (users.len(), counted || !users.is_empty())
    }

    pub(super) fn count_unnamed(&mut self, instance: &Arc<str>, count: usize) {
        *self.unnamed.entry(instance.clone()).or_default() += count;
        self.telling.moved = true;
    }

    pub(super) fn discount_unnamed(&mut self, instance: &str) {
        if let Some(count) = self.unnamed.get_mut(instance) {
            *count -= 1;
            self.telling.moved = true;
            if *count == 0 {
                self.unnamed.remove(instance);
            }
        }
    }

    /// Gives what the other instances don't know yet.
    pub(super) fn take_unsaid(&mut self, me: &str, mut say: impl FnMut(Item)) {
        for (user, known) in mem::take(&mut self.unsaid) {
            let item = match (known, self.entry_of(&user, me)) {
                (None, Some(entry)) => Item::Joined(entry.to_member(&user)),
                (Some(known), Some(entry)) if !known.says_the_same(entry) => {
                    Item::Renamed(entry.to_member(&user))
                }
                (Some(_), None) => Item::Left(user),
                (Some(_), Some(_)) | (None, None) => continue,
            };
            say(item);
        }
    }

    /// Gives what clients were not told yet, if there is something.
    pub(super) fn take_untold(&mut self, now: Duration, limits: &Limits) -> Option<Change> {
        if self.telling.hearing == 0 {
            return None;
        }
        let (count, untold) = (self.count(), self.telling.take());
        let mut change =
            Change { room: self.key.clone(), joined: Vec::new(), left: Vec::new(), count };
        let by_name = count <= limits.told && !untold.count_only;
        if by_name {
            for (user, known) in untold.members {
                match (known, self.members.get(&user)) {
                    (known, Some(entries)) if known != Some(latest_name(entries)) => {
                        change.joined.push(shown(&user, entries));
                    }
                    (Some(_), None) => change.left.push(user),
                    (_, Some(_)) | (None, None) => {}
                }
            }
        }
        let nothing = change.joined.is_empty() && change.left.is_empty();
        // Who came in may have been shown a count that nobody was told; in a small room it is told
        // itself.
        let all_know = self.telling.is_told(count) && (by_name || !untold.confused);
        if nothing && all_know {
            return None;
        }
        self.telling.told(count, now);
        change.joined.sort_by(|a, b| (a.since, &a.user).cmp(&(b.since, &b.user)));
        change.left.sort();
        Some(change)
    }

    /// The members that this instance speaks for.
    pub(super) fn own_members(&self, me: &str, mut say: impl FnMut(Member)) {
        if self.own == 0 {
            return;
        }
        for (user, entries) in &self.members {
            if let Some(entry) = entries.iter().find(|entry| *entry.instance == *me) {
                say(entry.to_member(user));
            }
        }
    }

    /// Distinct users.
    pub(super) fn count(&self) -> usize {
        self.members.len() + self.unnamed.values().sum::<usize>()
    }

    /// Whether a user is there, by name.
    pub(super) fn has(&self, user: &str) -> bool {
        self.members.contains_key(user)
    }

    /// Those who are there the longest.
    pub(super) fn oldest(&self, limit: usize) -> Vec<Shown> {
        let ages = self.members.iter().map(|(user, entries)| (since(entries), user, entries));
        let mut ages: Vec<_> = ages.collect();
        if ages.len() > limit {
            ages.select_nth_unstable_by_key(limit, |(since, user, _)| (*since, *user));
            ages.truncate(limit);
        }
        ages.sort_unstable_by_key(|(since, user, _)| (*since, *user));
        ages.into_iter().map(|(_, user, entries)| shown(user, entries)).collect()
    }

    /// Whether nothing is known of it any more.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.unnamed.is_empty() && self.unsaid.is_empty()
    }
}
