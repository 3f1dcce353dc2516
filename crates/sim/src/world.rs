//! What all parts of a run share: the virtual time, what is to happen at which moment, the store
//! and the lines to it, the log, and what was found wrong.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use broker::Limits;
use parking_lot::Mutex;

use crate::{chance::Chance, journal::Journal, line::Line, store::Store};

/// Something that happens at its moment.
pub(crate) type Action = Box<dyn FnOnce(&mut World) + Send>;

/// A defect that is put into the store on purpose, to see that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// It forgets ids, so that a retry makes a second entry.
    ForgetsIds,
    /// It says that it stored what it didn't, now and then.
    LosesAcknowledged,
    /// One of the lines swaps the texts of entries now and then.
    Swaps,
    /// It trims its log without saying so.
    TrimsInSilence,
}

impl Plant {
    /// All of them, with their names on the command line.
    pub const ALL: [(&'static str, Self); 4] = [
        ("forgets-ids", Self::ForgetsIds),
        ("loses-acknowledged", Self::LosesAcknowledged),
        ("swaps", Self::Swaps),
        ("trims-in-silence", Self::TrimsInSilence),
    ];
}

/// Everything outside of the instances and their clients.
pub struct World {
    pub(crate) now: Duration,
    pub(crate) chance: Chance,
    pub(crate) journal: Journal,
    pub(crate) store: Store,
    pub(crate) lines: Vec<Line>,
    /// Until then the store does nothing.
    pub(crate) frozen_until: Duration,
    /// Whether everything happens at once, without delays: for tests of the store alone.
    pub(crate) prompt: bool,
    /// A defect that is there on purpose.
    pub(crate) plant: Option<Plant>,
    /// Whether the log ever lost anything.
    pub(crate) forgot: bool,
    /// Whether the log could not be asked at some time.
    pub(crate) was_away: bool,
    /// Promises that were broken.
    pub(crate) violations: Vec<String>,
    waiting: BTreeMap<(Duration, u64), Action>,
    number: u64,
    appends: u64,
}

impl World {
    /// An empty log, and nobody there.
    pub(crate) fn new(seed: u64, partitions: u16, limits: Limits) -> Self {
        let mut chance = Chance::new(seed);
        let store = Store::new(partitions, limits, chance.fork());
        Self {
            now: Duration::ZERO,
            chance,
            journal: Journal::default(),
            store,
            lines: Vec::new(),
            frozen_until: Duration::ZERO,
            prompt: false,
            plant: None,
            forgot: false,
            was_away: false,
            violations: Vec::new(),
            waiting: BTreeMap::new(),
            number: 0,
            appends: 0,
        }
    }

    /// A world without delays, whose time is moved on by [`Self::tick`]: for tests of the store.
    pub fn prompt(partitions: u16) -> Arc<Mutex<Self>> {
        let mut world = Self::new(0, partitions, Limits::default());
        world.prompt = true;
        Arc::new(Mutex::new(world))
    }

    /// Lets some time pass.
    pub fn tick(&mut self, long: Duration) {
        self.pass(self.now + long);
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        self.journal.note(self.now, what);
    }

    /// Notes that a promise was broken.
    pub(crate) fn violated(&mut self, promise: &str, what: fmt::Arguments<'_>) {
        self.note(format_args!("VIOLATION {promise}: {what}"));
        self.violations.push(format!("at {} ms, {promise}: {what}", self.now.as_millis()));
    }

    /// Lets something happen at a moment, behind what was said before for the same one.
    pub(crate) fn at(&mut self, moment: Duration, action: impl FnOnce(&mut Self) + Send + 'static) {
        self.number += 1;
        self.waiting.insert((moment, self.number), Box::new(action));
    }

    /// The same, but not while the store is frozen. What arrived first is worked on first.
    pub(crate) fn at_store(
        &mut self,
        moment: Duration,
        action: impl FnOnce(&mut Self) + Send + 'static,
    ) {
        self.at(moment, move |world| {
            if world.now < world.frozen_until {
                return world.at_store(world.frozen_until, action);
            }
            action(world);
        });
    }

    /// Lets the time pass, with all that happens until then.
    pub(crate) fn pass(&mut self, until: Duration) {
        while let Some(next) = self.waiting.first_entry() {
            if next.key().0 > until {
                break;
            }
            let ((moment, _), action) = next.remove_entry();
            self.now = self.now.max(moment);
            action(self);
        }
        self.now = self.now.max(until);
        self.wake_laggards();
    }

    /// Where nothing is delayed, does what is due.
    pub(crate) fn settle(&mut self) {
        if self.prompt {
            self.pass(self.now);
        }
    }

    /// The number of the next append, over all lines.
    pub(crate) fn next_append(&mut self) -> u64 {
        self.appends += 1;
        self.appends
    }
}
