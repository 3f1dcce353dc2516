//! One life of one partition.

use std::{collections::BTreeMap, sync::Arc};

use broker::{
    AppendError, Appended, Draft, Epoch, Head, Names, PartitionPage, Range, Record, RoomPage,
    TARGETING_MAX,
};
use bytes::Bytes;

use super::Kept;

/// One epoch of a partition. Nothing is ever thrown away; what is trimmed is not shown.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    epoch: Epoch,
    /// By seq, from 1.
    log: Vec<Arc<Record>>,
    trimmed: u64,
    rooms: BTreeMap<Box<str>, Room>,
}

#[derive(Clone, Debug, Default)]
struct Room {
    /// The seqs of its entries, by offset from 1.
    seqs: Vec<u64>,
    trimmed: u64,
    about: Option<Bytes>,
    made_at: u64,
    ids: BTreeMap<(Box<str>, Box<str>), Before>,
}

/// What an id stands for.
#[derive(Clone, Debug)]
struct Before {
    content: Bytes,
    target: Option<u64>,
    redact: Option<Bytes>,
    seq: u64,
}

/// A room as a list shows it, with what it is sorted by.
pub(crate) struct Shown {
    pub(crate) room: Box<str>,
    pub(crate) head: u64,
    pub(crate) at: u64,
    pub(crate) about: Option<Bytes>,
    pub(crate) newest: Option<Record>,
}

impl Part {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self { epoch, log: Vec::new(), trimmed: 0, rooms: BTreeMap::new() }
    }

    pub(crate) fn head(&self) -> Head {
        Head { epoch: self.epoch, seq: self.log.len() as u64 }
    }

    /// Every entry of this life, by seq.
    pub(crate) fn log(&self) -> &[Arc<Record>] {
        &self.log
    }

    pub(super) fn has_room(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    /// A room's newest offset.
    pub(crate) fn room_head(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, |room| room.seqs.len() as u64)
    }

    /// Up to which offset nothing of a room is kept any more.
    pub(super) fn floor_of(&self, room: &str, kept: &Kept) -> u64 {
        self.rooms.get(room).map_or(0, |room| self.room_floor(room, kept))
    }

    pub(crate) fn entry(&self, room: &str, offset: u64) -> Option<&Record> {
        let index = usize::try_from(offset.checked_sub(1)?).ok()?;
        let seq = *self.rooms.get(room)?.seqs.get(index)?;
        Some(self.at(seq))
    }

    fn at(&self, seq: u64) -> &Record {
        &self.log[usize::try_from(seq - 1).expect("a seq of this log")]
    }

    pub(super) fn append(
        &mut self,
        draft: &Draft,
        now: u64,
        kept: &Kept,
    ) -> Result<(Appended, Option<Arc<Record>>), AppendError> {
        let content = draft.content.clone().unwrap_or_else(|| draft.bytes.clone());
        let key = (draft.user.clone(), draft.id.clone());
        let room = self.rooms.get(&draft.room);
        if let Some(before) = room.and_then(|room| room.ids.get(&key))
            && self.at(before.seq).at >= kept.ids_since
        {
            let same = (&before.content, before.target, &before.redact)
                == (&content, draft.target, &draft.redact);
            let found = self.at(before.seq);
            return if same { Ok((self.appended(found, true), None)) } else { conflict() };
        }
        self.redact(draft, kept)?;
        let seq = self.log.len() as u64 + 1;
        let at = now.max(self.log.last().map_or(0, |last| last.at));
        let room = self.rooms.entry(draft.room.clone()).or_default();
        room.seqs.push(seq);
        let (target, redact) = (draft.target, draft.redact.clone());
        room.ids.insert(key, Before { content, target, redact, seq });
        let record = Arc::new(Record {
            seq,
            offset: room.seqs.len() as u64,
            at,
            names: Names::new(&draft.room, &draft.user, &draft.id),
            target,
            bytes: draft.bytes.clone(),
        });
        self.log.push(record.clone());
        Ok((self.appended(&record, false), Some(record)))
    }

    fn appended(&self, record: &Record, duplicate: bool) -> Appended {
        let Record { seq, offset, at, .. } = *record;
        Appended { epoch: self.epoch, seq, offset, at, duplicate }
    }

    /// Checks the target, and replaces its bytes if that is wanted.
    fn redact(&mut self, draft: &Draft, kept: &Kept) -> Result<(), AppendError> {
        let refused = |why: &str| Err(AppendError::Refused(why.to_owned()));
        let Some(target) = draft.target else {
            return if draft.redact.is_none() { Ok(()) } else { refused("nothing is named") };
        };
        let is_kept = self.rooms.get(&draft.room).is_some_and(|room| {
            target > self.room_floor(room, kept) && target <= room.seqs.len() as u64
        });
        let Some(found) = self.entry(&draft.room, target).filter(|_| is_kept) else {
            return refused("the room has no such entry");
        };
        if let Some(redact) = &draft.redact {
            let tombstone = Record { bytes: redact.clone(), ..found.clone() };
            let index = usize::try_from(tombstone.seq - 1).expect("a seq of this log");
            self.log[index] = Arc::new(tombstone);
        }
        Ok(())
    }

    fn floor(&self, kept: &Kept) -> u64 {
        let head = self.log.len() as u64;
        let floor = self.trimmed.max(head.saturating_sub(kept.partition_entries));
        let old = |seq: &u64| self.at(*seq).at < kept.partition_since;
        floor + (floor + 1..=head).take_while(old).count() as u64
    }

    fn room_floor(&self, room: &Room, kept: &Kept) -> u64 {
        let head = room.seqs.len() as u64;
        let floor = room.trimmed.max(head.saturating_sub(kept.room_entries));
        let old = |seq: &&u64| self.at(**seq).at < kept.room_since;
        let first = usize::try_from(floor).expect("an index");
        floor + room.seqs[first..].iter().take_while(old).count() as u64
    }

    pub(super) fn read(&self, after: u64, to: u64, limit: usize, kept: &Kept) -> PartitionPage {
        let (head, floor) = (self.head(), self.floor(kept));
        let first = after.max(floor).saturating_add(1);
        let seqs = (first..=to.min(head.seq)).take(limit);
        let records = seqs.map(|seq| self.at(seq).clone()).collect();
        PartitionPage { head, records, reaches_back: floor <= after }
    }

    pub(super) fn read_room(
        &self,
        name: &str,
        range: Range,
        limit: usize,
        kept: &Kept,
    ) -> RoomPage {
        let unknown = Room::default();
        let room = self.rooms.get(name).unwrap_or(&unknown);
        let (head, floor) = (room.seqs.len() as u64, self.room_floor(room, kept));
        let most = limit as u64;
        let (first, last, more) = match range {
            Range::After(after) => {
                let first = after.max(floor).saturating_add(1);
                let last = head.min(after.max(floor).saturating_add(most));
                (first, last, last < head && first <= head)
            }
            Range::Newest | Range::Before(_) => {
                let before = if let Range::Before(before) = range { before } else { u64::MAX };
                let last = head.min(before.saturating_sub(1));
                let first = (floor + 1).max((last + 1).saturating_sub(most));
                (first, last, first > floor + 1 && first <= last)
            }
        };
        let records: Vec<Record> =
            (first..=last).filter_map(|offset| self.entry(name, offset)).cloned().collect();
        let reaches_back =
            if let Range::After(after) = range { floor <= after } else { floor == 0 };
        let targeting = self.targeting(room, floor, &records);
        let (Head { epoch, seq }, about) = (self.head(), room.about.clone());
        RoomPage { epoch, head, about, seq, records, targeting, more, reaches_back }
    }

    fn targeting(&self, room: &Room, floor: u64, page: &[Record]) -> Vec<Record> {
        let (Some(first), Some(last)) = (page.first(), page.last()) else { return Vec::new() };
        let within = first.offset..=last.offset;
        let mut found: Vec<Record> = room
            .seqs
            .iter()
            .map(|seq| self.at(*seq))
            .filter(|record| record.offset > floor && !within.contains(&record.offset))
            .filter(|record| record.target.is_some_and(|target| within.contains(&target)))
            .cloned()
            .collect();
        found.drain(..found.len().saturating_sub(TARGETING_MAX));
        found
    }

    /// Makes a room; `false` where it exists.
    pub(super) fn create_room(&mut self, name: &str, about: Bytes, now: u64) -> bool {
        if self.rooms.contains_key(name) {
            return false;
        }
        let room = Room { about: Some(about), made_at: now, ..Room::default() };
        self.rooms.insert(name.into(), room);
        true
    }

    /// The rooms of this partition.
    pub(super) fn rooms(&self, kept: &Kept) -> Vec<Shown> {
        let shown = |name: &str, room: &Room| {
            let newest = room.seqs.last().map(|seq| self.at(*seq));
            let head = room.seqs.len() as u64;
            Shown {
                room: name.into(),
                head,
                at: newest.map_or(room.made_at, |record| record.at),
                about: room.about.clone(),
                newest: newest.filter(|_| self.room_floor(room, kept) < head).cloned(),
            }
        };
        self.rooms.iter().map(|(name, room)| shown(name, room)).collect()
    }

    /// A defect, on purpose.
    pub(super) fn forget_ids(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.ids.clear();
        }
    }

    /// What is left when all behind a seq is lost.
    pub(super) fn rolled_back(&self, epoch: Epoch, up_to: u64) -> Self {
        let mut left = self.clone();
        left.epoch = epoch;
        left.log.truncate(usize::try_from(up_to).unwrap_or(usize::MAX));
        // What was trimmed can't reach beyond what there is.
        left.trimmed = left.trimmed.min(left.log.len() as u64);
        for room in left.rooms.values_mut() {
            room.seqs.retain(|seq| *seq <= up_to);
            room.ids.retain(|_, before| before.seq <= up_to);
            room.trimmed = room.trimmed.min(room.seqs.len() as u64);
        }
        left.rooms.retain(|_, room| !room.seqs.is_empty());
        left
    }

    pub(super) fn trim(&mut self, up_to: u64) {
        self.trimmed = self.trimmed.max(up_to.min(self.log.len() as u64));
        for room in self.rooms.values_mut() {
            let gone = room.seqs.iter().take_while(|seq| **seq <= up_to).count() as u64;
            // A store that trims by number keeps the newest one, however old it is.
            let gone = gone.min(room.seqs.len().saturating_sub(1) as u64);
            room.trimmed = room.trimmed.max(gone);
        }
    }
}

fn conflict<T>() -> Result<T, AppendError> {
    Err(AppendError::Conflict)
}
