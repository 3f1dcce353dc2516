//! One member of a room: what each instance says of it, and what clients see of that.

use std::sync::Arc;

use crate::signal::Member;

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

impl Entry {
    pub(super) fn new(instance: Arc<str>, name: Arc<str>, since: u64, named: u64) -> Self {
        Self { instance, name, since, named, sockets: 1 }
    }

    /// What another instance said.
    pub(super) fn of(member: &Member, from: &Arc<str>) -> Self {
        let named = if member.named == 0 { member.since } else { member.named };
        Self::new(from.clone(), member.name.clone(), member.since, named)
    }

    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        (&self.name, self.since, self.named) == (&other.name, other.since, other.named)
    }

    pub(super) fn to_member(&self, user: &Arc<str>) -> Member {
        let named = if self.named == self.since { 0 } else { self.named };
        Member { user: user.clone(), name: self.name.clone(), since: self.since, named }
    }
}

pub(super) fn since(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.since).min().unwrap_or_default()
}

/// All instances must choose the same one.
pub(super) fn latest_name(entries: &[Entry]) -> Arc<str> {
    let latest = entries.iter().max_by_key(|entry| (entry.named, &entry.instance));
    latest.map(|entry| entry.name.clone()).unwrap_or_default()
}

pub(super) fn shown(user: &Arc<str>, entries: &[Entry]) -> Shown {
    let mut instances: Vec<_> = entries.iter().map(|entry| entry.instance.clone()).collect();
    instances.sort_unstable();
    Shown { user: user.clone(), name: latest_name(entries), since: since(entries), instances }
}
