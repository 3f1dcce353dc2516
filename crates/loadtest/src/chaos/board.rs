//! What all clients of a run share: the messages that were made, what became of them, and how
//! recent the newest one is that each client has got.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// Messages of one run at most; then nobody makes a new one.
const MESSAGES_MAX: usize = 1_000_000;

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Messages are made, sent, and sent again until they are answered.
    Talk,
    /// No new messages; what is unanswered is sent again.
    Finish,
    /// The run is over.
    Leave,
}

/// The shared knowledge of one run.
#[derive(Debug)]
pub(crate) struct Board {
    /// What each text begins with: names the run.
    start: String,
    /// Fills texts up to their size.
    padding: String,
    began: Instant,
    /// By number. Locked to look at or to change one.
    messages: Mutex<Vec<Made>>,
    /// By client: when the newest of the messages that it got was made, in milliseconds, plus one.
    freshest: Box<[AtomicU64]>,
    pub(crate) phase: watch::Sender<Phase>,
}

/// A message that a client made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) at: u64,
    pub(crate) fate: Fate,
}

/// What the sender knows of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It may be in the log or not.
    Unanswered,
    /// It is in the log, since so many milliseconds from the start.
    Acknowledged(u64),
    /// It is not in the log.
    Refused,
    /// It may be in the log or not, and the sender can't ask any more.
    Abandoned,
}

impl Board {
    pub(crate) fn new(run: &str, size: usize, clients: usize) -> Self {
        Self {
            start: format!("chaos-{run}-"),
            padding: "x".repeat(size),
            began: Instant::now(),
            messages: Mutex::default(),
            freshest: (0..clients).map(|_| AtomicU64::new(0)).collect(),
            phase: watch::Sender::new(Phase::Talk),
        }
    }

    /// Milliseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Makes a message; none when there are too many.
    pub(crate) fn make(&self) -> Option<u32> {
        let at = self.now();
        let mut messages = self.messages.lock();
        let number = messages.len();
        (number < MESSAGES_MAX).then(|| {
            messages.push(Made { at, fate: Fate::Unanswered });
            number as u32
        })
    }

    /// The id of a message, with which it is sent again.
    pub(crate) fn id(&self, number: u32) -> String {
        format!("{}{number}", self.start)
    }

    /// The text of a message.
    pub(crate) fn text(&self, number: u32) -> String {
        format!("{}{number}-{}", self.start, self.padding)
    }

    /// The number of a text of this run.
    pub(crate) fn number_of(&self, text: &str) -> Option<u32> {
        let (number, _) = text.strip_prefix(&self.start)?.split_once('-')?;
        number.parse().ok()
    }

    /// Notes what became of a message.
    pub(crate) fn settle(&self, number: u32, fate: Fate) {
        if let Some(made) = self.messages.lock().get_mut(number as usize) {
            made.fate = fate;
        }
    }

    /// Notes that a client got a message.
    pub(crate) fn delivered(&self, client: usize, number: u32) {
        let made = self.messages.lock().get(number as usize).map(|made| made.at);
        if let (Some(at), Some(freshest)) = (made, self.freshest.get(client)) {
            freshest.fetch_max(at + 1, Ordering::Relaxed);
        }
    }

    /// How many clients have got nothing that was made at this time or later.
    pub(crate) fn waiting_since(&self, at: u64) -> usize {
        self.freshest.iter().filter(|seen| seen.load(Ordering::Relaxed) <= at).count()
    }

    /// How many messages are unanswered.
    pub(crate) fn unanswered(&self) -> usize {
        let messages = self.messages.lock();
        messages.iter().filter(|made| made.fate == Fate::Unanswered).count()
    }

    /// All messages.
    pub(crate) fn messages(&self) -> Vec<Made> {
        self.messages.lock().clone()
    }
}
