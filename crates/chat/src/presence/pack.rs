//! Changes put together into signals of bounded size.

use std::{mem, sync::Arc};

use crate::signal::{Member, RoomChange};

/// One change of an instance's own members.
#[derive(Debug)]
pub(super) enum Item {
    /// Somebody came.
    Joined(Member),
    /// Somebody is called otherwise.
    Renamed(Member),
    /// Somebody left.
    Left(Arc<str>),
}

/// Changes, each part fit for one signal.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) parts: Vec<Vec<RoomChange>>,
    part_bytes: usize,
    /// Bytes of the last part.
    bytes: usize,
}

impl Packed {
    /// No changes yet; about as many bytes in one part, but a single change in any case.
    pub(super) fn new(part_bytes: usize) -> Self {
        Self { parts: Vec::new(), part_bytes, bytes: 0 }
    }

    /// Adds a change; those of one room come one after the other.
    pub(super) fn add(&mut self, room: &Arc<str>, item: Item) {
        let bytes = weight(&item);
        if self.parts.is_empty() || self.bytes + bytes > self.part_bytes {
            self.parts.push(Vec::new());
            self.bytes = 0;
        }
        let part = self.parts.last_mut().expect("one was pushed above");
        if part.last().is_none_or(|change| change.room != *room) {
            part.push(RoomChange { room: room.clone(), ..RoomChange::default() });
            self.bytes += room.len() + mem::size_of::<RoomChange>();
        }
        let change = part.last_mut().expect("one was pushed above");
        self.bytes += bytes;
        match item {
            Item::Joined(member) => change.joined.push(member),
            Item::Renamed(member) => change.renamed.push(member),
            Item::Left(user) => change.left.push(user),
        }
    }
}

/// About the bytes of a change as JSON.
fn weight(item: &Item) -> usize {
    match item {
        Item::Joined(member) | Item::Renamed(member) => member.user.len() + member.name.len() + 80,
        Item::Left(user) => user.len() + 3,
    }
}
