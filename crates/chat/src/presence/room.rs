//! The members of one room: what each instance says of them, what the other instances do not
//! know yet, and what clients were not told yet.

use std::{collections::HashMap, mem, sync::Arc};

use super::pack::Item;
use crate::signal::Member;

/// Changes that are kept for clients; where there are more, they are told the count only.
const UNTOLD_MAX: usize = 1_000;

/// What one instance says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) instance: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) since: u64,
    /// Since when it bears that name.
    pub(super) named: u64,
    /// Sockets, where the instance is this one.
    pub(super) sockets: u32,
}

/// A member as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Who.
    pub user: Arc<str>,
    /// The display name: the one that was taken last, where instances disagree.
    pub name: Arc<str>,
    /// Since when, in milliseconds since 1970.
    pub since: u64,
    /// The ids of the instances where it is.
    pub instances: Vec<Arc<str>>,
}

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
#[derive(Debug, Default)]
pub(super) struct Room {
    /// By user; one entry for each instance, never empty.
    members: HashMap<Arc<str>, Vec<Entry>>,
    /// Members that are counted only, by instance.
    unnamed: HashMap<Arc<str>, usize>,
    /// Members that this instance speaks for.
    pub(super) own: usize,
    /// What the other instances know of those that changed: the entry, if they know one.
    unsaid: HashMap<Arc<str>, Option<Entry>>,
    /// What clients know of those that changed: the name, if they know one.
    untold: HashMap<Arc<str>, Option<Arc<str>>>,
    /// Too much changed for clients to be told who.
    untold_overflow: bool,
    told_count: usize,
}

impl Entry {
    pub(super) fn new(instance: Arc<str>, name: Arc<str>, since: u64, named: u64) -> Self {
        Self { instance, name, since, named, sockets: 1 }
    }

    /// What another instance said.
    pub(super) fn of(member: &Member, from: &Arc<str>) -> Self {
        let named = if member.named == 0 { member.since } else { member.named };
        Self::new(from.clone(), member.name.clone(), member.since, named)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        (&self.name, self.since, self.named) == (&other.name, other.since, other.named)
    }

    fn to_member(&self, user: &Arc<str>) -> Member {
        let named = if self.named == self.since { 0 } else { self.named };
        Member { user: user.clone(), name: self.name.clone(), since: self.since, named }
    }
}

impl Room {
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
        self.unsaid = HashMap::new();
    }

    /// Adds or replaces what this instance says of a user.
    pub(super) fn seat_own(&mut self, user: &Arc<str>, entry: Entry, told: usize) {
        if self.entry_of(user, &entry.instance).is_none() {
            self.own += 1;
        }
        self.seat(user, entry, told);
    }

    /// This instance has nobody of that user any more.
    pub(super) fn unseat_own(&mut self, user: &Arc<str>, me: &str, told: usize) {
        if self.unseat(user, me, told) {
            self.own -= 1;
        }
        if self.own == 0 {
            // Nobody is here who could be told.
            self.untold = HashMap::new();
            self.untold_overflow = false;
        }
    }

    /// Adds or replaces what an instance says of a user.
    pub(super) fn seat(&mut self, user: &Arc<str>, entry: Entry, told: usize) {
        self.note_untold(user, told);
        let Some(entries) = self.members.get_mut(user) else {
            self.members.insert(user.clone(), vec![entry]);
            return;
        };
        match entries.iter_mut().find(|known| known.instance == entry.instance) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }

    /// An instance has nobody of that user any more; `false` where it had none by name.
    pub(super) fn unseat(&mut self, user: &Arc<str>, instance: &str, told: usize) -> bool {
        if self.entry_of(user, instance).is_none() {
            return false;
        }
        self.note_untold(user, told);
        if let Some(entries) = self.members.get_mut(user) {
            entries.retain(|entry| *entry.instance != *instance);
            if entries.is_empty() {
                self.members.remove(user);
            }
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
        (users.len(), counted || !users.is_empty())
    }

    pub(super) fn count_unnamed(&mut self, instance: &Arc<str>, count: usize) {
        *self.unnamed.entry(instance.clone()).or_default() += count;
    }

    pub(super) fn discount_unnamed(&mut self, instance: &str) {
        if let Some(count) = self.unnamed.get_mut(instance) {
            *count -= 1;
            if *count == 0 {
                self.unnamed.remove(instance);
            }
        }
    }

    /// Keeps what clients know of a user before it changes.
    fn note_untold(&mut self, user: &Arc<str>, told: usize) {
        // Large rooms are told the count only, rooms with nobody here nothing.
        if self.own == 0 || self.untold_overflow || self.untold.contains_key(user) {
            return;
        }
        if self.untold.len() >= UNTOLD_MAX || self.members.len() > told + UNTOLD_MAX {
            self.untold = HashMap::new();
            self.untold_overflow = true;
            return;
        }
        let name = self.members.get(user).map(|entries| latest_name(entries));
        self.untold.insert(user.clone(), name);
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
    pub(super) fn take_untold(&mut self, key: &Arc<str>, told: usize) -> Option<Change> {
        let (count, overflow) = (self.count(), mem::take(&mut self.untold_overflow));
        let untold = mem::take(&mut self.untold);
        if self.own == 0 {
            return None;
        }
        let mut change = Change { room: key.clone(), joined: Vec::new(), left: Vec::new(), count };
        if count <= told && !overflow {
            for (user, known) in untold {
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
        if nothing && count == self.told_count {
            return None;
        }
        self.told_count = count;
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

fn since(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.since).min().unwrap_or_default()
}

/// All instances must choose the same one.
fn latest_name(entries: &[Entry]) -> Arc<str> {
    let latest = entries.iter().max_by_key(|entry| (entry.named, &entry.instance));
    latest.map(|entry| entry.name.clone()).unwrap_or_default()
}

fn shown(user: &Arc<str>, entries: &[Entry]) -> Shown {
    let mut instances: Vec<_> = entries.iter().map(|entry| entry.instance.clone()).collect();
    instances.sort_unstable();
    Shown { user: user.clone(), name: latest_name(entries), since: since(entries), instances }
}
