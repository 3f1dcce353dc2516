//! What the coordinator knows of a load test, from what its workers tell.

mod closing;

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;

use crate::args::BenchArgs;
use crate::clock::now_us;
use crate::footprint;
use crate::generator::{Generator, was_busy};
use crate::ledger::{Fate, Ledger, Receiver, Settlement, Tally};
use crate::meter::{add, coarse, fine};
use crate::pace::Loop;
use crate::plan::{Bin, Effort, Findings, News, Plan, Progress, Remains};
use crate::progress::Display;
use crate::report::{Connect, Latency, Point, Report};

/// How often the servers' memory is looked at.
const MEMORY_EVERY_US: u64 = 100_000;

pub(crate) struct Board {
    plans: Vec<Plan>,
    pids: Vec<u32>,
    patience_us: u64,
    display: Display,
    progress: Vec<Progress>,
    connecting: Vec<Effort>,
    start_us: Option<u64>,
    /// The closed loop, where several workers share it.
    pace: Option<Loop>,
    /// How many workers a message has reached.
    reached: HashMap<u32, u32>,
    bins: BTreeMap<u32, (u64, Histogram<u64>)>,
    memory: BTreeMap<u32, u64>,
    memory_peak: u64,
    memory_next_us: u64,
    remains: Vec<Option<Remains>>,
    findings: Vec<Option<Findings>>,
    settlement: Settlement,
    /// Deliveries of several workers that were in another order.
    disordered: u64,
    /// What had happened, and when it last did.
    moved: ((u64, u64, u64), u64),
}

impl Board {
    pub(crate) fn new(args: &BenchArgs, plans: &[Plan]) -> Self {
        let pace = Loop::of(&plans[0].course).filter(|_| plans.len() > 1);
        Self {
            plans: plans.to_vec(),
            pids: args.pid.clone(),
            #[expect(clippy::cast_sign_loss, reason = "it is positive")]
            patience_us: (args.patience * 1e6) as u64,
            display: Display::new(),
            progress: vec![Progress::default(); plans.len()],
            connecting: Vec::new(),
            start_us: None,
            pace,
            reached: HashMap::new(),
            bins: BTreeMap::new(),
            memory: BTreeMap::new(),
            memory_peak: 0,
            memory_next_us: 0,
            remains: vec![None; plans.len()],
            findings: vec![None; plans.len()],
            settlement: Settlement::default(),
            disordered: 0,
            moved: ((0, 0, 0), 0),
        }
    }

    fn sum(&self, of: impl Fn(&Progress) -> u64) -> u64 {
        self.progress.iter().map(of).sum()
    }

    pub(crate) fn connected(&self) -> u64 {
        self.sum(|progress| progress.connected)
    }

    fn clients(&self) -> u64 {
        self.plans.iter().map(|plan| u64::from(plan.clients)).sum()
    }

    /// Whether each client is connected or has failed.
    pub(crate) fn has_gathered(&mut self) -> bool {
        let clients = self.clients();
        let is_over = self.sum(|progress| progress.connected + progress.failed) >= clients;
        let failed = self.sum(|progress| progress.failed);
        let line = format!("{} of {clients} connected, {failed} failed", self.connected());
        self.display.show(&line, self.connected() as f64 / clients as f64, now_us(), is_over);
        is_over
    }

    /// The messages begin.
    pub(crate) fn start(&mut self, start_us: u64) {
        self.connecting = self.progress.iter().map(|progress| progress.effort).collect();
        self.start_us = Some(start_us);
        self.moved.1 = start_us;
        // What is done from here on is another matter.
        self.progress.iter_mut().for_each(|progress| progress.effort = Effort::default());
    }

    pub(crate) fn start_us(&self) -> u64 {
        self.start_us.unwrap_or_default()
    }

    pub(crate) fn was_busy_connecting(&self) -> bool {
        was_busy(&self.connecting)
    }

    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak
    }

    /// Takes news of a worker in; answers which messages may go now, where that has changed.
    pub(crate) fn take(&mut self, worker: usize, news: News) -> Option<u32> {
        match news {
            News::Progress(progress) => self.progress[worker] = progress,
            News::Bin(Bin { at, deliveries, times }) => {
                let (sum, histogram) = self.bins.entry(at).or_insert_with(|| (0, coarse()));
                *sum += deliveries;
                add(histogram, &times);
            }
            News::Reached(numbers) => return self.reach(&numbers, false),
            News::Void(numbers) => return self.reach(&numbers, true),
            News::Stopped(remains) => self.remains[worker] = Some(*remains),
            News::Settled(findings) => self.findings[worker] = Some(*findings),
            News::Broken(_) => {}
        }
        None
    }

    fn reach(&mut self, numbers: &[u32], by_all: bool) -> Option<u32> {
        let after_us = now_us().saturating_sub(self.start_us());
        let before = self.allowed()?;
        for number in numbers {
            let room = number % self.plans[0].senders % self.plans[0].room_count();
            let needed = self.plans.iter().filter(|plan| plan.is_in(room)).count() as u32;
            let count = self.reached.entry(*number).or_default();
            *count += 1;
            if by_all || *count == needed {
                self.reached.remove(number);
                self.pace.as_mut()?.reach(after_us);
            }
        }
        self.allowed().filter(|allowed| *allowed != before)
    }

    /// Messages below this number may go, where the workers are told.
    pub(crate) fn allowed(&self) -> Option<u32> {
        self.pace.map(|pace| pace.allowed())
    }

    /// Looks at what doesn't come by itself.
    pub(crate) fn look(&mut self, now: u64) -> anyhow::Result<()> {
        if now < self.memory_next_us {
            return Ok(());
        }
        self.memory_next_us = now + MEMORY_EVERY_US;
        if let Some(memory) = footprint::memory(&self.pids)? {
            self.memory_peak = self.memory_peak.max(memory);
            if let Some(start_us) = self.start_us {
                let at = (now - start_us) / 1_000_000 / u64::from(self.plans[0].bin_seconds);
                self.memory.insert(at as u32, memory);
            }
        }
        Ok(())
    }
}
