//! Coming back: a socket takes up an earlier session. It gets one place in all its rooms, and what
//! the rings know of what it missed up to exactly there.

use std::sync::Arc;

use broker::{Head, Partition, partition_of};
use hub::SocketKey;
use tokio::sync::oneshot;

use super::{Audience, Effect, Input, Order, Place};
use crate::sequencer::ring::Stretch;

/// A socket on its way back. Its frames wait already.
#[derive(Debug)]
pub struct Returning {
    /// Who comes back.
    pub key: SocketKey,
    /// Which frames it gets.
    pub audience: Audience,
    /// Its rooms.
    pub rooms: Arc<[Wanted]>,
    /// Where the answer goes.
    pub placed: oneshot::Sender<Returned>,
}

/// A room, and what somebody lacks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The room.
    pub room: Box<str>,
    /// Everything behind this is lacking, as far as it is in that epoch.
    pub after: Head,
}

/// Where somebody came back.
#[derive(Debug)]
pub struct Returned {
    /// The place in the order.
    pub place: Place,
    /// For each partition that one of the rooms is in: all its entries behind the oldest that is
    /// wanted, up to the place, and perhaps some before. `None` where the rings don't reach back.
    pub recent: Option<Vec<(Partition, Stretch)>>,
}

impl Order {
    /// Before the log is known nobody comes back: the answer is dropped.
    pub(super) fn come_back(&mut self, returning: Returning, effects: &mut Vec<Effect>) {
        let Returning { key, audience, rooms, placed } = returning;
        let Some(heads) = self.heads() else { return };
        if placed.is_closed() {
            return;
        }
        let recent = self.recent_of(&rooms);
        for Wanted { room, .. } in rooms.iter() {
            self.enter_room(key, audience, room.clone(), false, effects);
        }
        let undo = rooms.iter().map(|wanted| wanted.room.clone());
        let undo = undo.map(|room| Input::Leave { key, audience, room }).collect();
        let returned = Returned { place: Place { heads }, recent };
        effects.push(Effect::Returned { placed, returned, undo });
    }

    fn recent_of(&self, rooms: &[Wanted]) -> Option<Vec<(Partition, Stretch)>> {
        let partitions = self.heads.len() as u16;
        let mut recent: Vec<(Partition, Stretch)> = Vec::new();
        for Wanted { room, after } in rooms {
            let partition = partition_of(room, partitions);
            let stretch = self.rings[usize::from(partition.0)].behind(room, *after)?;
            match recent.iter_mut().find(|(other, _)| *other == partition) {
                // Both end at the place, so the one with more pieces begins earlier.
                Some((_, known)) if known.len() < stretch.len() => *known = stretch,
                Some(_) => {}
                None => recent.push((partition, stretch)),
            }
        }
        Some(recent)
    }
}
