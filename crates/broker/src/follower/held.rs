//! What a follower keeps of the entries themselves: those that wait for what is missing before
//! them, and the marks of those that were handed on.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use foldhash::quality::RandomState;

use crate::{Epoch, Head, Record};

/// What an entry costs beside its bytes.
const ENTRY_OVERHEAD: usize = 256;

/// Entries that wait, in the order in which they were delivered.
#[derive(Debug, Default)]
pub(super) struct Held {
    entries: VecDeque<(Epoch, Arc<Record>)>,
    bytes: usize,
}

impl Held {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn oldest(&self) -> Option<Head> {
        self.entries.front().map(place)
    }

    pub(super) fn newest(&self) -> Option<Head> {
        self.entries.back().map(place)
    }

    /// Adds an entry, unless it is not behind the newest one: then it is a double.
    pub(super) fn push(&mut self, epoch: Epoch, record: Arc<Record>) {
        if self.newest().is_some_and(|newest| newest.epoch == epoch && record.seq <= newest.seq) {
            return;
        }
        self.bytes += cost(&record);
        self.entries.push_back((epoch, record));
    }

    /// Takes the oldest one if its seq is not greater.
    pub(super) fn take_up_to(&mut self, seq: u64) -> Option<Arc<Record>> {
        let (_, record) = self.entries.pop_front_if(|(_, record)| record.seq <= seq)?;
        self.bytes -= cost(&record);
        Some(record)
    }

    /// Drops everything but what follows this head in its epoch.
    pub(super) fn keep_behind(&mut self, head: Head) {
        self.entries.retain(|(epoch, record)| *epoch == head.epoch && record.seq > head.seq);
        self.bytes = self.entries.iter().map(|(_, record)| cost(record)).sum();
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn place((epoch, record): &(Epoch, Arc<Record>)) -> Head {
    Head { epoch: *epoch, seq: record.seq }
}

fn cost(record: &Record) -> usize {
    ENTRY_OVERHEAD + record.bytes.len()
}

/// The marks of the newest entries that were handed on; their seqs have no holes.
#[derive(Debug)]
pub(super) struct Recent {
    marks: VecDeque<u64>,
    /// Every entry is hashed once, so this is a quick one; nothing is looked up by it.
    hasher: RandomState,
    /// The seq of the newest mark.
    newest: u64,
    marks_max: usize,
}

impl Recent {
    pub(super) fn new(marks_max: usize) -> Self {
        Self { marks: VecDeque::new(), hasher: RandomState::default(), newest: 0, marks_max }
    }

    pub(super) fn remember(&mut self, record: &Record) {
        if self.marks.len() >= self.marks_max {
            self.marks.pop_front();
        }
        self.marks.push_back(self.mark(record));
        self.newest = record.seq;
    }

    /// Whether another entry was handed on at this place, as far as we remember.
    pub(super) fn contradicts(&self, record: &Record) -> bool {
        let Some(back) = self.newest.checked_sub(record.seq) else { return false };
        let Ok(back) = usize::try_from(back) else { return false };
        self.marks.iter().rev().nth(back).is_some_and(|ours| *ours != self.mark(record))
    }

    pub(super) fn clear(&mut self) {
        self.marks.clear();
    }

    /// What stays the same when an entry is redacted, and differs for any other entry.
    fn mark(&self, record: &Record) -> u64 {
        let (text, room_end, user_end) = record.names.as_key();
        let mut hasher = self.hasher.build_hasher();
        // Two are hashed as one, since each that is hashed costs as much as many bytes.
        hasher.write_u128(u128::from(record.offset) << 64 | u128::from(record.at));
        hasher.write_u64(u64::from(room_end) << 32 | u64::from(user_end));
        hasher.write(text);
        hasher.finish()
    }
}
