//! The ring: the recent entries of one partition, kept in memory on every instance, so that who
//! comes back is given what it missed without asking the log.
//!
//! It is filled by the order, entry by entry. What somebody missed is taken out as a [`Stretch`]:
//! shared pieces, so that thousands who come back at once cost neither copies nor encoding. What
//! to do where the ring doesn't reach back is left to who asks.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, OnceLock},
    time::Duration,
};

use broker::{Epoch, Head, Record};
use foldhash::quality::RandomState;
use wire::Frame;

use super::{cursor, order::Audience};

/// What bounds a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long an entry is kept, by the log's clock: as compared with the newest entry.
    pub time: Duration,
    /// Bytes of entries and their frames.
    pub bytes: usize,
}

/// Entries in one piece. Pieces are handed out and dropped whole.
const PIECE: usize = 128;

/// Rooms of which is remembered up to where their entries were dropped. Beyond it all is
/// forgotten, and the ring reaches back only to its first entry until it has learnt anew.
const ROOMS_MAX: usize = 10_000;

/// What an entry costs beside its texts, as measured: allocations, pointers, the frame's head.
const ENTRY_BYTES: usize = 480;

/// A recent entry, and its frame for stock clients once somebody has needed it.
#[derive(Clone, Debug)]
pub struct Recent {
    epoch: Epoch,
    record: Arc<Record>,
    /// With the cursor of a log of one partition; `None` inside where stock clients get nothing.
    alone: OnceLock<Option<Frame>>,
}

impl Recent {
    /// An entry of which no frame was made yet.
    pub fn new(epoch: Epoch, record: Arc<Record>) -> Self {
        Self { epoch, record, alone: OnceLock::new() }
    }

    /// The entry.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The state of the partition behind it.
    pub fn head(&self) -> Head {
        Head { epoch: self.epoch, seq: self.record.seq }
    }

    /// The frame for stock clients of a log of one partition, made once for live and replay;
    /// `None` where they get nothing for this entry.
    pub fn frame_alone(&self) -> Option<Frame> {
        let make = || self.frame(Audience::Stock, &cursor::text(&[self.head()]));
        self.alone.get_or_init(make).clone()
    }

    /// The frame for stock clients, with this cursor where they take one.
    pub fn frame(&self, audience: Audience, cursor: &str) -> Option<Frame> {
        let text = chat::render::stock_text(&self.record.bytes).ok()??;
        Some(audience.event("chat message", &[&text], cursor))
    }

    fn weight(&self) -> usize {
        let Record { names, bytes, .. } = &*self.record;
        // The frame says the text once more.
        ENTRY_BYTES + names.len() + 2 * bytes.len()
    }
}

/// Entries that follow each other, ascending by seq, in shared pieces.
pub type Stretch = Vec<Arc<[Recent]>>;

/// The recent entries of one partition.
#[derive(Debug)]
pub struct Ring {
    limits: Limits,
    /// How long an entry is kept.
    millis: u64,
    epoch: Option<Epoch>,
    sealed: VecDeque<Piece>,
    /// The newest entries, fewer than a piece.
    open: Vec<Recent>,
    open_bytes: usize,
    bytes: usize,
    /// The newest seq.
    end: u64,
    /// Since this seq the ring has seen every entry, also those that it has dropped.
    since: u64,
    /// The last entry that was dropped of each room since then.
    dropped: HashMap<Box<[u8]>, u64, RandomState>,
}

#[derive(Debug)]
struct Piece {
    entries: Arc<[Recent]>,
    bytes: usize,
    /// When its last entry was stored.
    last_at: u64,
}

impl Ring {
    /// An empty ring, which reaches back nowhere.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            millis: u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
            epoch: None,
            sealed: VecDeque::new(),
            open: Vec::with_capacity(PIECE),
            open_bytes: 0,
            bytes: 0,
            end: 0,
            since: 0,
            dropped: HashMap::default(),
        }
    }

    /// Begins behind a head, unless that is where the ring ends already.
    pub fn begin(&mut self, head: Head) {
        if self.epoch != Some(head.epoch) || self.end != head.seq {
            let Head { epoch, seq } = head;
            *self = Self { epoch: Some(epoch), end: seq, since: seq, ..Self::new(self.limits) };
        }
    }

    /// Takes the next entry; what has become too old or too much is dropped.
    pub fn push(&mut self, epoch: Epoch, record: Arc<Record>) {
        let (seq, at) = (record.seq, record.at);
        if self.epoch != Some(epoch) || self.end + 1 != seq {
            self.begin(Head { epoch, seq: seq.saturating_sub(1) });
        }
        if self.open.len() == PIECE {
            self.seal();
        }
        let recent = Recent::new(epoch, record);
        let weight = recent.weight();
        self.open_bytes += weight;
        self.bytes += weight;
        self.open.push(recent);
        self.end = seq;
        self.shrink(at);
    }

    fn seal(&mut self) {
        let last_at = self.open.last().map_or(0, |last| last.record.at);
        let (entries, bytes) = (self.open.drain(..).collect(), self.open_bytes);
        self.sealed.push_back(Piece { entries, bytes, last_at });
        self.open_bytes = 0;
    }

    /// The entry that it took last.
    pub fn newest(&self) -> Option<&Recent> {
        self.open.last()
    }

    fn shrink(&mut self, newest_at: u64) {
        while let Some(oldest) = self.sealed.front() {
            let too_old = newest_at.saturating_sub(oldest.last_at) > self.millis;
            if !too_old && self.bytes <= self.limits.bytes {
                return;
            }
            if let Some(piece) = self.sealed.pop_front() {
                self.bytes -= piece.bytes;
                self.note_dropped(&piece);
            }
        }
    }

    fn note_dropped(&mut self, piece: &Piece) {
        for recent in piece.entries.iter() {
            let (room, seq) = (recent.record.names.room_bytes(), recent.record.seq);
            if let Some(last) = self.dropped.get_mut(room) {
                *last = seq;
            } else if self.dropped.len() < ROOMS_MAX {
                self.dropped.insert(room.into(), seq);
            } else {
                self.dropped = HashMap::default();
                self.since = seq;
            }
        }
    }

    /// All entries behind `after`, or more, up to the newest, if no entry of this room is missing
    /// among them; `None` where one may be.
    pub fn behind(&self, room: &str, after: Head) -> Option<Stretch> {
        let complete_behind = self.dropped.get(room.as_bytes()).copied().unwrap_or(self.since);
        if self.epoch != Some(after.epoch) || after.seq < complete_behind {
            return None;
        }
        let ends_before =
            |piece: &Piece| piece.entries.last().is_some_and(|last| last.record.seq <= after.seq);
        let skipped = self.sealed.partition_point(ends_before);
        let mut stretch: Stretch =
            self.sealed.range(skipped..).map(|piece| piece.entries.clone()).collect();
        if self.open.last().is_some_and(|last| last.record.seq > after.seq) {
            for recent in &self.open {
                // Made once here, and not by each of those who come back.
                recent.frame_alone();
            }
            stretch.push(Arc::from(&*self.open));
        }
        Some(stretch)
    }

    /// How many entries it holds.
    pub fn entries(&self) -> usize {
        self.sealed.len() * PIECE + self.open.len()
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
