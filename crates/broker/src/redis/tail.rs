//! What this instance knows of the newest entries of a partition, those that it heard and those
//! that it had acknowledged, and of the rooms that it made or read of. A Redis that takes over may
//! lack some, and gets them back from here.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use crate::{Appended, Draft, Epoch, Head, Names, Record};

/// The most entries that are kept.
const ENTRIES_MAX: usize = 10_000;

/// The most bytes of them. The oldest go first; what is needed and was dropped is lost, and
/// announced by a new epoch.
const BYTES_MAX: usize = 8 << 20;

/// The most rooms of which is kept what is known of them.
const ROOMS_MAX: usize = 512;

/// What an entry costs beside its bytes.
const OVERHEAD: usize = 256;

/// The newest entries of one partition, in one epoch.
#[derive(Debug, Default)]
pub(super) struct Tail {
    epoch: Option<Epoch>,
    /// The newest seq that is known to have been given.
    newest: u64,
    /// Ascending by seq. Nearly all come in that order; what was acknowledged may come late.
    kept: VecDeque<Kept>,
    bytes: usize,
    /// The latest ones that were made or read of, with what is known of them.
    rooms: VecDeque<(Box<str>, Bytes)>,
}

/// An entry as it can be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) record: Arc<Record>,
    /// What took the place of its target's text.
    pub(super) tombstone: Option<Bytes>,
}

impl Kept {
    fn cost(&self) -> usize {
        let tombstone = self.tombstone.as_ref().map_or(0, Bytes::len);
        OVERHEAD + self.record.bytes.len() + tombstone
    }
}

impl Tail {
    /// Takes note that the log reached to here.
    pub(super) fn reach(&mut self, Head { epoch, seq }: Head) {
        if self.epoch != Some(epoch) {
            *self = Self { epoch: Some(epoch), ..Self::default() };
        }
        self.newest = self.newest.max(seq);
    }

    /// Keeps an entry that was heard.
    pub(super) fn keep(&mut self, epoch: Epoch, record: Arc<Record>, tombstone: Option<Bytes>) {
        let seq = record.seq;
        self.reach(Head { epoch, seq });
        let kept = Kept { record, tombstone };
        if self.kept.back().is_none_or(|newest| newest.record.seq < seq) {
            self.bytes += kept.cost();
            self.kept.push_back(kept);
        } else {
            let place = self.place_of(seq);
            if self.kept.get(place).is_some_and(|kept| kept.record.seq == seq) {
                return;
            }
            self.bytes += kept.cost();
            self.kept.insert(place, kept);
        }
        while self.kept.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.bytes -= oldest.cost();
        }
    }

    /// Keeps what this instance was told to be stored.
    pub(super) fn keep_appended(&mut self, draft: Draft, appended: &Appended) {
        let &Appended { epoch, seq, offset, at, duplicate } = appended;
        if duplicate {
            // The bytes may be others than those that were stored first.
            return self.reach(Head { epoch, seq });
        }
        let Draft { room, user, id, bytes, target, redact, content: _ } = draft;
        let names = Names::new(&room, &user, &id);
        let record = Record { seq, offset, at, names, target, bytes };
        self.keep(epoch, Arc::new(record), redact);
    }

    /// Keeps what is known of a room, which never changes.
    pub(super) fn keep_room(&mut self, epoch: Epoch, room: &str, about: &Bytes) {
        if self.epoch != Some(epoch) || self.rooms.iter().any(|(name, _)| **name == *room) {
            return;
        }
        if self.rooms.len() >= ROOMS_MAX {
            self.rooms.pop_front();
        }
        self.rooms.push_back((room.into(), about.clone()));
    }

    /// The rooms of an epoch, with what is known of them.
    pub(super) fn rooms(&self, epoch: Epoch) -> Vec<(Box<str>, Bytes)> {
        if self.epoch != Some(epoch) {
            return Vec::new();
        }
        self.rooms.iter().cloned().collect()
    }

    /// The newest seq that is known in an epoch.
    pub(super) fn newest(&self, epoch: Epoch) -> u64 {
        if self.epoch == Some(epoch) { self.newest } else { 0 }
    }

    /// The epoch that it is about, and the newest seq there.
    pub(super) fn known(&self) -> Option<Head> {
        self.epoch.map(|epoch| Head { epoch, seq: self.newest })
    }

    /// What is kept from a head on, that one included: it shows whether both are of one past.
    pub(super) fn from(&self, head: Head) -> Vec<Kept> {
        if self.epoch != Some(head.epoch) {
            return Vec::new();
        }
        self.kept.range(self.place_of(head.seq)..).cloned().collect()
    }

    /// Where the entry of a seq is, or belongs.
    fn place_of(&self, seq: u64) -> usize {
        self.kept.partition_point(|kept| kept.record.seq < seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64, bytes: Bytes) -> Arc<Record> {
        let names = Names::new("r", "u", "some-id1");
        Arc::new(Record { seq, offset: seq, at: 1, names, target: None, bytes })
    }

    fn seqs(tail: &Tail, epoch: Epoch, seq: u64) -> Vec<u64> {
        tail.from(Head { epoch, seq }).iter().map(|kept| kept.record.seq).collect()
    }

    #[test]
    fn it_keeps_what_was_heard_and_what_was_acknowledged() {
        let (epoch, other) = (Epoch::from_random([1; 16]), Epoch::from_random([2; 16]));
        let mut tail = Tail::default();
        for seq in [3, 4, 4, 6] {
            tail.keep(epoch, record(seq, Bytes::new()), None);
        }
        let draft = Draft {
            room: "r".into(),
            user: "u".into(),
            id: "some-id1".into(),
            bytes: "text".into(),
            target: Some(2),
            redact: Some("gone".into()),
            content: Some("what is compared".into()),
        };
        let appended = Appended { epoch, seq: 5, offset: 5, at: 9, duplicate: false };
        tail.keep_appended(draft.clone(), &appended);
        tail.keep_appended(draft, &Appended { seq: 7, duplicate: true, ..appended });
        tail.reach(Head { epoch, seq: 2 });
        assert_eq!(seqs(&tail, epoch, 4), [4, 5, 6]);
        assert_eq!((tail.newest(epoch), tail.newest(other)), (7, 0));
        let kept = &tail.from(Head { epoch, seq: 5 })[0];
        assert_eq!((&kept.record.bytes[..], kept.record.target), (&b"text"[..], Some(2)));
        assert_eq!(kept.tombstone, Some("gone".into()));
        assert_eq!(seqs(&tail, other, 0), [0; 0]);
        tail.reach(Head { epoch: other, seq: 1 });
        assert_eq!(tail.known(), Some(Head { epoch: other, seq: 1 }));
        assert_eq!(seqs(&tail, other, 0), [0; 0], "another epoch is another past");
    }

    #[test]
    fn it_keeps_the_rooms_of_the_epoch() {
        let (epoch, other) = (Epoch::from_random([1; 16]), Epoch::from_random([2; 16]));
        let mut tail = Tail::default();
        tail.keep_room(epoch, "too early", &Bytes::new());
        tail.reach(Head { epoch, seq: 0 });
        for number in 0..ROOMS_MAX + 2 {
            tail.keep_room(epoch, &format!("room {}", number.max(1)), &Bytes::from("about"));
        }
        let rooms = tail.rooms(epoch);
        assert_eq!((rooms.len(), &*rooms[0].0), (ROOMS_MAX, "room 2"));
        assert_eq!(tail.rooms(other), []);
        tail.reach(Head { epoch: other, seq: 0 });
        assert_eq!(tail.rooms(other), []);
    }

    #[test]
    fn it_is_bounded_in_entries_and_in_bytes() {
        let epoch = Epoch::from_random([1; 16]);
        let mut tail = Tail::default();
        for seq in 1..=ENTRIES_MAX as u64 + 5 {
            tail.keep(epoch, record(seq, Bytes::new()), None);
        }
        assert_eq!(seqs(&tail, epoch, 0)[0], 6);
        let large = Bytes::from(vec![0; BYTES_MAX / 4]);
        for seq in 20_001..=20_009 {
            tail.keep(epoch, record(seq, large.clone()), None);
        }
        assert_eq!(seqs(&tail, epoch, 0), [20_007, 20_008, 20_009]);
        assert!(tail.bytes <= BYTES_MAX);
    }
}
