//! How recent entries travelled through this instance: whether it accepted them, when and how it
//! heard of them, and to how many sockets it handed them. What all instances know together is put
//! together in [`journey`].
//!
//! It is kept for the newest entries only and in memory only: a look at what happens now, not a
//! history.

pub mod journey;

use std::{collections::VecDeque, hash::BuildHasher, ops::Range, sync::Arc};

use broker::{Appended, Epoch, Record};
use foldhash::quality::RandomState;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::clock::wall_ms;

/// Entries of which is known how they were received, and as many of which how they were accepted;
/// the oldest one goes when one more comes.
const KNOWN_MAX: usize = 10_000;

/// The way of recent entries through this instance; clones share it.
#[derive(Clone, Default)]
pub struct Traces {
    known: Arc<Mutex<Known>>,
    /// Names rooms by numbers: nearly no entry is ever asked for, so that noting one must cost
    /// next to nothing, and no memory of its own.
    rooms: RandomState,
}

#[derive(Default)]
struct Known {
    /// In the order in which they came, and so are the others.
    received: VecDeque<(u64, Heard)>,
    accepted: VecDeque<(u64, Place, Epoch, Accepted)>,
    /// Counts all that was ever noted.
    noted: u64,
}

/// A room, by its number, and an offset.
type Place = (u64, u64);

/// An entry that has just taken its place in the order of this instance.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    place: Place,
    epoch: Epoch,
    received: Received,
}

/// The way of one entry through one instance. Times are milliseconds since 1970 by its clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The life of the log that the entry belongs to.
    pub epoch: String,
    /// Where it was accepted from its sender, if here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// When and how it was heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Received>,
}

/// An instance put the entry into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// When the log was asked.
    pub asked: u64,
    /// When it had answered.
    pub answered: u64,
    /// Whether the sender had sent it before.
    pub duplicate: bool,
}

/// An instance heard of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// Place in its partition.
    pub seq: u64,
    /// When the log stored it, by the log's clock.
    pub stored: u64,
    /// When it took its place in the order.
    pub at: u64,
    /// How it came.
    pub by: By,
    /// Sockets of the instance that it was handed to.
    pub sockets: usize,
    /// When it had been handed to the fan-out, if that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fanned_out: Option<u64>,
}

/// How an entry came to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// As it was published.
    Live,
    /// Read from the log, because what was published did not come through.
    Repaired,
}

impl Heard {
    /// Notes to how many sockets it is handed.
    #[must_use]
    pub fn handed_to(mut self, sockets: usize) -> Self {
        self.received.sockets = sockets;
        self
    }

    /// Whether anybody gets it here.
    pub fn is_for_some(&self) -> bool {
        self.received.sockets > 0
    }
}

impl Traces {
    /// This instance asked the log at `asked`, and the log has just answered.
    pub fn accepted(&self, room: &str, asked: u64, at: &Appended) {
        let (answered, duplicate) = (wall_ms(), at.duplicate);
        let accepted = Accepted { asked, answered, duplicate };
        let place = self.place(room.as_bytes(), at.offset);
        let mut known = self.known.lock();
        let number = known.count();
        make_room(&mut known.accepted);
        known.accepted.push_back((number, place, at.epoch, accepted));
    }

    /// An entry as it is received at the time `at`; for nobody, as far as is known.
    pub fn heard(&self, epoch: Epoch, record: &Record, by: By, at: u64) -> Heard {
        let (sockets, fanned_out) = (0, None);
        let Record { seq, at: stored, .. } = *record;
        let received = Received { seq, stored, at, by, sockets, fanned_out };
        Heard { place: self.place(record.names.room_bytes(), record.offset), epoch, received }
    }

    /// Takes note of entries that were heard together. What is given back names them.
    pub fn received(&self, all: &mut Vec<Heard>) -> Range<u64> {
        let mut known = self.known.lock();
        let first = known.noted;
        for heard in all.drain(..) {
            let number = known.count();
            make_room(&mut known.received);
            known.received.push_back((number, heard));
        }
        first..known.noted
    }

    /// Entries that were heard together have just been handed to the fan-out.
    pub fn fanned_out(&self, those: &Range<u64>) {
        let now = wall_ms();
        let mut known = self.known.lock();
        let newest_first = known.received.iter_mut().rev();
        let of_them = newest_first
            .skip_while(|(number, _)| *number >= those.end)
            .take_while(|(number, _)| *number >= those.start);
        for (_, heard) in of_them.filter(|(_, heard)| heard.is_for_some()) {
            heard.received.fanned_out = Some(now);
        }
    }

    /// What is known here of an entry.
    pub fn way(&self, room: &str, offset: u64) -> Option<Way> {
        let wanted = self.place(room.as_bytes(), offset);
        let known = self.known.lock();
        let received = known.received.iter().rev().find(|(_, heard)| heard.place == wanted);
        let accepted = known.accepted.iter().rev().find(|(_, place, ..)| *place == wanted);
        // Where they are of two lives of the log, what was noted last is of the present one.
        let epoch = match (received, accepted) {
            (Some((one, _)), Some((other, _, epoch, _))) if other > one => *epoch,
            (Some((_, heard)), _) => heard.epoch,
            (None, Some((_, _, epoch, _))) => *epoch,
            (None, None) => return None,
        };
        Some(Way {
            epoch: epoch.to_string(),
            accepted: accepted.filter(|(_, _, of, _)| *of == epoch).map(|(.., accepted)| *accepted),
            received: received
                .filter(|(_, heard)| heard.epoch == epoch)
                .map(|(_, heard)| heard.received),
        })
    }

    fn place(&self, room: &[u8], offset: u64) -> Place {
        (self.rooms.hash_one(room), offset)
    }
}

impl Known {
    fn count(&mut self) -> u64 {
        self.noted += 1;
        self.noted - 1
    }
}

fn make_room<T>(notes: &mut VecDeque<T>) {
    if notes.len() >= KNOWN_MAX {
        notes.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64) -> Record {
        let names = broker::Names::new("garden", "u1", "id-of-entry");
        let bytes = bytes::Bytes::new();
        Record { seq: offset + 5, offset, at: 7, names, target: None, bytes }
    }

    fn epoch(byte: u8) -> Epoch {
        Epoch::from_random([byte; 16])
    }

    fn received(traces: &Traces, of: u8, offset: u64, sockets: usize) -> Range<u64> {
        let heard = traces.heard(epoch(of), &record(offset), By::Live, 9);
        traces.received(&mut vec![heard.handed_to(sockets)])
    }

    #[test]
    fn both_ends_of_a_way_are_known_whichever_comes_first() {
        let traces = Traces::default();
        let at = Appended { epoch: epoch(1), seq: 6, offset: 1, at: 7, duplicate: false };
        let those = received(&traces, 1, 1, 3);
        traces.accepted("garden", 5, &at);
        traces.fanned_out(&those);
        let way = traces.way("garden", 1).unwrap();
        assert_eq!(way.accepted.map(|accepted| accepted.asked), Some(5));
        let received = way.received.unwrap();
        assert_eq!((received.seq, received.sockets, received.by), (6, 3, By::Live));
        assert!(received.fanned_out.is_some());
        assert_eq!(traces.way("garden", 2), None);
        assert_eq!(traces.way("gardens", 1), None);
    }

    #[test]
    fn what_was_heard_together_is_fanned_out_together_where_it_is_for_somebody() {
        let traces = Traces::default();
        received(&traces, 1, 1, 1);
        let heard = |offset, sockets| {
            let heard = traces.heard(epoch(1), &record(offset), By::Repaired, 9);
            heard.handed_to(sockets)
        };
        let those = traces.received(&mut vec![heard(2, 1), heard(3, 0), heard(4, 2)]);
        received(&traces, 1, 5, 1);
        traces.fanned_out(&those);
        let is_out = |offset| {
            let way = traces.way("garden", offset).unwrap();
            way.received.unwrap().fanned_out.is_some()
        };
        assert_eq!([1, 2, 3, 4, 5].map(is_out), [false, true, false, true, false]);
    }

    #[test]
    fn another_life_of_the_log_has_other_entries() {
        let traces = Traces::default();
        let at = Appended { epoch: epoch(1), seq: 6, offset: 1, at: 7, duplicate: false };
        traces.accepted("garden", 5, &at);
        received(&traces, 2, 1, 0);
        let way = traces.way("garden", 1).unwrap();
        assert_eq!(way.accepted, None);
        assert_eq!(way.epoch, epoch(2).as_str());
        traces.accepted("garden", 5, &Appended { epoch: epoch(3), ..at });
        let way = traces.way("garden", 1).unwrap();
        assert_eq!((way.received, way.accepted.is_some()), (None, true));
        assert_eq!(way.epoch, epoch(3).as_str());
    }

    #[test]
    fn only_the_newest_are_known() {
        let traces = Traces::default();
        let last = KNOWN_MAX as u64 + 10;
        for offset in 1..=last {
            received(&traces, 1, offset, 0);
            let (epoch, seq) = (epoch(1), offset + 5);
            traces.accepted("garden", 5, &Appended { epoch, seq, offset, at: 7, duplicate: false });
        }
        assert_eq!(traces.way("garden", 10), None);
        for known in [11, last] {
            let way = traces.way("garden", known).unwrap();
            assert!(way.received.is_some() && way.accepted.is_some());
        }
        let known = traces.known.lock();
        assert_eq!((known.received.len(), known.accepted.len()), (KNOWN_MAX, KNOWN_MAX));
    }
}
