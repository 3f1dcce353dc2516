//! What a follower says: the stream itself, and the questions to the log; and what bounds it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{Epoch, Head, Record};

/// What a follower hands on, in the order in which it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The first of all: the stream begins behind this head.
    Start(Head),
    /// The next entry: its seq is one more than that of what came before.
    Entry(Epoch, Arc<Record>),
    /// Something ephemeral for a room; it has no place in the order.
    Signal {
        /// The room's key.
        room: Box<str>,
        /// What was signalled.
        bytes: Bytes,
    },
    /// An instance's heartbeat was heard; it has no place in the order.
    Watermark {
        /// Whose.
        instance: Box<str>,
        /// The head of the log when it was sent.
        head: Head,
    },
    /// The stream has a break: what lies between can't be had any more, or was never so. It goes
    /// on behind this head.
    Reset(Head),
    /// Deliveries broke off, or entries are missing and being read from the log; until `CaughtUp`
    /// there may be a delay.
    Behind,
    /// After `Behind`: the stream has reached all that is known of the log.
    CaughtUp {
        /// Where the stream stands.
        head: Head,
        /// How many entries were read from the log since `Behind`.
        repaired: u64,
    },
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hand it on.
    HandOn(Followed),
    /// Read the partition and bring the answer to [`page_answer`](super::Follower::page_answer).
    Read {
        /// Which question this is.
        ticket: u64,
        /// Entries behind this seq,
        after: u64,
        /// up to this one,
        to: u64,
        /// at most so many.
        limit: usize,
    },
    /// Read the head and bring the answer to [`head_answer`](super::Follower::head_answer).
    ReadHead {
        /// Which question this is.
        ticket: u64,
    },
}

/// The limits of a follower.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Entries that are held while the log is read. Beyond, they are dropped and read as well.
    pub held_entries: usize,
    /// Bytes of entries that are held. Beyond, they are dropped and read as well.
    pub held_bytes: usize,
    /// How long entries are held without any progress. Beyond, the gap before them is given up
    /// and the stream is reset.
    pub hold: Duration,
    /// Entries that are read at once.
    pub page: usize,
    /// How long the store may take for an answer; then it is asked again.
    pub read_wait: Duration,
    /// How soon a failed read is tried again; the wait doubles each time.
    pub retry_first: Duration,
    /// The longest wait before the next try.
    pub retry_max: Duration,
    /// Entries that are remembered, to see whether what comes twice is the same.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_entries: 10_000,
            held_bytes: 16 << 20,
            hold: Duration::from_mins(1),
            page: 1_000,
            read_wait: Duration::from_secs(10),
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_secs(5),
            remembered: 1_000,
        }
    }
}
