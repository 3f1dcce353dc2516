//! How recent entries travelled through this instance: whether it accepted them, when and how it
//! heard of them, and to how many sockets it handed them. What all instances know together is put
//! together in [`journey`].
//!
//! It is kept for the newest entries only and in memory only: a look at what happens now, not a
//! history.

pub mod journey;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use broker::{Appended, Epoch, Record};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::clock::wall_ms;

/// Entries whose way is known; the oldest one goes when one more comes.
const KNOWN_MAX: usize = 10_000;

/// The way of recent entries through this instance; clones share it.
#[derive(Clone, Default)]
pub struct Traces(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    ways: HashMap<Place, Way>,
    /// In the order in which they came.
    order: VecDeque<Place>,
}

/// Room and offset.
type Place = (Box<str>, u64);

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

impl Traces {
    /// This instance asked the log at `asked`, and the log has just answered.
    pub fn accepted(&self, room: &str, asked: u64, at: &Appended) {
        let (answered, duplicate) = (wall_ms(), at.duplicate);
        let accepted = Accepted { asked, answered, duplicate };
        self.change(room, at.offset, &at.epoch, |way| way.accepted = Some(accepted));
    }

    /// An entry has just taken its place in the order of this instance.
    pub fn received(&self, epoch: &Epoch, record: &Record, by: By, sockets: usize) {
        let (at, fanned_out) = (wall_ms(), None);
        let Record { seq, at: stored, .. } = *record;
        let received = Received { seq, stored, at, by, sockets, fanned_out };
        self.change(&record.room, record.offset, epoch, |way| way.received = Some(received));
    }

    /// An entry has just been handed to the fan-out.
    pub fn fanned_out(&self, record: &Record) {
        let now = wall_ms();
        let place = (record.room.clone(), record.offset);
        if let Some(way) = self.0.lock().ways.get_mut(&place)
            && let Some(received) = &mut way.received
        {
            received.fanned_out = Some(now);
        }
    }

    /// What is known here of an entry.
    pub fn way(&self, room: &str, offset: u64) -> Option<Way> {
        self.0.lock().ways.get(&(room.into(), offset)).cloned()
    }

    fn change(&self, room: &str, offset: u64, epoch: &Epoch, change: impl FnOnce(&mut Way)) {
        let place: Place = (room.into(), offset);
        let mut known = self.0.lock();
        if !known.ways.contains_key(&place) {
            if known.order.len() >= KNOWN_MAX
                && let Some(oldest) = known.order.pop_front()
            {
                known.ways.remove(&oldest);
            }
            known.order.push_back(place.clone());
        }
        let way = known.ways.entry(place).or_default();
        if way.epoch != epoch.as_str() {
            *way = Way { epoch: epoch.to_string(), ..Way::default() };
        }
        change(way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64) -> Record {
        let [room, user, id] = ["garden", "u1", "id-of-entry"].map(Box::from);
        let bytes = bytes::Bytes::new();
        Record { seq: offset + 5, offset, at: 7, room, user, id, target: None, bytes }
    }

    fn epoch(byte: u8) -> Epoch {
        Epoch::from_random([byte; 16])
    }

    #[test]
    fn both_ends_of_a_way_are_known_whichever_comes_first() {
        let traces = Traces::default();
        let at = Appended { epoch: epoch(1), seq: 6, offset: 1, at: 7, duplicate: false };
        traces.received(&epoch(1), &record(1), By::Live, 3);
        traces.accepted("garden", 5, &at);
        traces.fanned_out(&record(1));
        let way = traces.way("garden", 1).unwrap();
        assert_eq!(way.accepted.map(|accepted| accepted.asked), Some(5));
        let received = way.received.unwrap();
        assert_eq!((received.seq, received.sockets, received.by), (6, 3, By::Live));
        assert!(received.fanned_out.is_some());
        assert_eq!(traces.way("garden", 2), None);
        assert_eq!(traces.way("gardens", 1), None);
    }

    #[test]
    fn another_life_of_the_log_has_other_entries() {
        let traces = Traces::default();
        let at = Appended { epoch: epoch(1), seq: 6, offset: 1, at: 7, duplicate: false };
        traces.accepted("garden", 5, &at);
        traces.received(&epoch(2), &record(1), By::Repaired, 0);
        let way = traces.way("garden", 1).unwrap();
        assert_eq!(way.accepted, None);
        assert_eq!(way.epoch, epoch(2).as_str());
    }

    #[test]
    fn only_the_newest_are_known() {
        let traces = Traces::default();
        let last = KNOWN_MAX as u64 + 10;
        for offset in 1..=last {
            traces.received(&epoch(1), &record(offset), By::Live, 0);
        }
        assert_eq!(traces.way("garden", 10), None);
        assert!(traces.way("garden", 11).is_some());
        assert!(traces.way("garden", last).is_some());
        assert_eq!(traces.0.lock().ways.len(), KNOWN_MAX);
    }
}
