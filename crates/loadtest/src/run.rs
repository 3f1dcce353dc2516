//! What all clients of one run share.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ledger::Ledger;
use crate::meter::Meter;
use crate::packet::Phrase;

/// What the clients are to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Phase {
    /// Connect, and stay connected.
    Gather,
    /// Send, by the clock of the run.
    Send,
    /// Go.
    Leave,
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) phrase: Phrase,
    pub(crate) ledger: Ledger,
    pub(crate) meter: Meter,
    /// When the clock of the messages began. Set before the phase that sends them.
    pub(crate) start: OnceLock<Instant>,
    pub(crate) rate: f64,
    pub(crate) messages: u32,
    pub(crate) senders: u32,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) counts: Counts,
    /// Codes with which messages were refused.
    pub(crate) refusals: Mutex<BTreeMap<String, u64>>,
}

/// What the clients have done so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connected: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) answered: AtomicU64,
    /// First arrivals of a message at a client.
    pub(crate) received: AtomicU64,
    pub(crate) strangers: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// When the last of them came, in microseconds from the start.
    pub(crate) last_us: AtomicU64,
}

impl Run {
    /// When a message should be sent: the clock goes on whether or not the server keeps up, so
    /// that a server that stalls can't hide it by slowing the generator down. None before the
    /// clock has begun.
    pub(crate) fn due(&self, number: u32) -> Option<Instant> {
        let after_start = Duration::from_secs_f64(f64::from(number) / self.rate);
        self.start.get().map(|start| *start + after_start)
    }

    /// Microseconds from when a message should have been sent to `now`, at least 1.
    pub(crate) fn since_due(&self, number: u32, now: Instant) -> u64 {
        let due = self.due(number).unwrap_or(now);
        let took = now.saturating_duration_since(due).as_micros();
        u64::try_from(took).unwrap_or(u64::MAX).max(1)
    }
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
