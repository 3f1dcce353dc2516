//! What has arrived at a worker's clients, when, and what follows from it.

use std::collections::{BTreeMap, HashMap};
use std::mem;

use hdrhistogram::Histogram;

use crate::ledger::{Fate, Ledger, Receiver, Tally};
use crate::meter::{self, coarse, counted, fine};
use crate::pace::Loop;
use crate::packet::{Arrival, Phrase, Verdict};
use crate::plan::{Bin, Plan};

/// Points of a timeline; what comes later counts to the last of them.
const BINS_MAX: u64 = 100_000;

#[derive(Debug)]
pub(super) struct Score {
    pub(super) phrase: Phrase,
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    pub(super) strangers: u64,
    pub(super) sent: u64,
    /// When the unanswered ones were due.
    stamps: HashMap<u32, u64>,
    pub(super) answered: u64,
    pub(super) acknowledged: u64,
    pub(super) refused: BTreeMap<String, u64>,
    /// When the last message or answer came, in microseconds from the start.
    pub(super) last_us: u64,
    pub(super) delivery: Histogram<u64>,
    pub(super) answers: Histogram<u64>,
    /// How late messages went.
    pub(super) lag: Histogram<u64>,
    pub(super) chunk: Chunk,
    pub(super) closed: Option<Closed>,
    bin: Histogram<u64>,
    bin_at: u32,
    bin_end_us: u64,
    bin_us: u64,
    /// Finished ones that nobody was told of.
    pub(super) bins: Vec<Bin>,
}

/// The closed loop as this worker sees it.
#[derive(Debug, Default)]
pub(super) struct Closed {
    /// For a worker that decides by itself.
    pub(super) pace: Option<Loop>,
    /// Clients in each room.
    receivers: Vec<u32>,
    /// Deliveries that a message lacks, plus one; 0 before it arrived anywhere.
    lacking: Vec<u32>,
    /// Messages that have arrived somewhere and not everywhere.
    under_way: Vec<u32>,
    /// Messages that have arrived everywhere, for the others to hear.
    pub(super) reached: Vec<u32>,
    /// Messages that will never arrive.
    pub(super) void: Vec<u32>,
}

/// The last bytes that held nothing but messages of this run, and which.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    arrivals: Vec<Arrival>,
    is_spoilt: bool,
}

impl Score {
    pub(super) fn new(plan: &Plan) -> Self {
        let has_rooms = plan.rooms.is_some();
        let course = &plan.course;
        let bin_us = u64::from(plan.bin_seconds) * 1_000_000;
        let closed = Loop::of(course).map(|pace| Closed {
            pace: plan.is_alone.then_some(pace),
            receivers: vec![0; plan.room_count() as usize],
            ..Closed::default()
        });
        Self {
            phrase: Phrase::new(&plan.run, plan.size as usize, has_rooms),
            ledger: Ledger::new(course.messages_max, plan.senders, plan.room_count()),
            tally: Tally::default(),
            strangers: 0,
            sent: 0,
            stamps: HashMap::new(),
            answered: 0,
            acknowledged: 0,
            refused: BTreeMap::new(),
            last_us: 0,
            delivery: fine(),
            answers: fine(),
            lag: fine(),
            chunk: Chunk::default(),
            closed,
            bin: fine(),
            bin_at: 0,
            bin_end_us: bin_us,
            bin_us,
            bins: Vec::new(),
        }
    }

    /// A message goes.
    pub(super) fn note_sent(&mut self, message: Arrival, now_us: u64) {
        self.sent += 1;
        self.lag.saturating_record(now_us.saturating_sub(message.stamp_us).max(1));
        self.stamps.insert(message.number, message.stamp_us);
    }

    pub(super) fn arrive(&mut self, arrival: Arrival, receiver: &mut Receiver, now_us: u64) {
        if !receiver.take(arrival.number, &mut self.ledger, &mut self.tally) {
            return;
        }
        self.bin.saturating_record(now_us.saturating_sub(arrival.stamp_us).max(1));
        self.last_us = now_us;
        if let Some(closed) = &mut self.closed {
            closed.arrive(arrival.number, receiver.room(), now_us);
        }
    }

    /// Takes bytes that somebody else got before, if they are those.
    pub(super) fn repeat(&mut self, bytes: &[u8], receiver: &mut Receiver, now_us: u64) -> bool {
        if self.chunk.bytes != bytes {
            return false;
        }
        let arrivals = mem::take(&mut self.chunk.arrivals);
        for arrival in &arrivals {
            self.arrive(*arrival, receiver, now_us);
        }
        self.chunk.arrivals = arrivals;
        true
    }

    pub(super) fn answer(&mut self, number: u32, verdict: Verdict, now_us: u64) {
        if self.ledger.fate(number) != Fate::Unanswered {
            return;
        }
        if let Some(stamp_us) = self.stamps.remove(&number) {
            self.answers.saturating_record(now_us.saturating_sub(stamp_us).max(1));
        }
        self.answered += 1;
        self.last_us = now_us;
        match verdict {
            Verdict::Acknowledged => {
                self.ledger.note(number, Fate::Acknowledged);
                self.acknowledged += 1;
            }
            Verdict::Refused(code) => {
                self.ledger.note(number, Fate::Refused);
                *self.refused.entry(code).or_default() += 1;
                self.give_up(number, now_us);
            }
        }
    }

    /// In a closed loop, doesn't wait for this message.
    pub(super) fn give_up(&mut self, number: u32, now_us: u64) {
        if let Some(closed) = &mut self.closed {
            closed.give_up(number, now_us);
        }
    }

    pub(super) fn enter(&mut self, room: u32) {
        if let Some(closed) = &mut self.closed {
            closed.receivers[room as usize] += 1;
        }
    }

    pub(super) fn leave(&mut self, receiver: &Receiver, now_us: u64) {
        if let Some(closed) = &mut self.closed {
            closed.leave(receiver, &self.ledger, now_us);
        }
    }

    /// Ends the stretch of the timeline that is over by now.
    pub(super) fn turn_page(&mut self, now_us: u64) {
        if now_us < self.bin_end_us {
            return;
        }
        self.close_bin();
        let at = (now_us / self.bin_us).min(BINS_MAX);
        self.bin_at = at as u32;
        self.bin_end_us = if at == BINS_MAX { u64::MAX } else { (at + 1) * self.bin_us };
    }

    /// Adds what came lately to the whole.
    pub(super) fn close_bin(&mut self) {
        if self.bin.is_empty() {
            return;
        }
        let times = counted(&self.bin);
        meter::add(&mut self.delivery, &times);
        let mut rough = coarse();
        meter::add(&mut rough, &times);
        let deliveries = self.bin.len();
        self.bins.push(Bin { at: self.bin_at, deliveries, times: counted(&rough) });
        self.bin.reset();
    }
}

impl Closed {
    fn arrive(&mut self, number: u32, room: u32, now_us: u64) {
        let at = number as usize;
        if at >= self.lacking.len() {
            self.lacking.resize(at + 1, 0);
        }
        let lacking = &mut self.lacking[at];
        if *lacking == 0 {
            *lacking = self.receivers[room as usize] + 1;
            self.under_way.push(number);
        }
        *lacking = lacking.saturating_sub(1).max(1);
        if *lacking == 1 {
            self.reach(number, now_us);
        }
    }

    fn reach(&mut self, number: u32, now_us: u64) {
        let Some(at) = self.under_way.iter().position(|other| *other == number) else { return };
        self.under_way.swap_remove(at);
        match &mut self.pace {
            Some(pace) => pace.reach(now_us),
            None => self.reached.push(number),
        }
    }

    fn give_up(&mut self, number: u32, now_us: u64) {
        let has_arrived = self.lacking.get(number as usize).is_some_and(|lacking| *lacking > 0);
        match &mut self.pace {
            Some(_) if has_arrived => self.reach(number, now_us),
            Some(pace) => pace.reach(now_us),
            None => self.void.push(number),
        }
    }

    /// What somebody who is gone has not got is waited for no more.
    fn leave(&mut self, receiver: &Receiver, ledger: &Ledger, now_us: u64) {
        let room = receiver.room();
        self.receivers[room as usize] = self.receivers[room as usize].saturating_sub(1);
        for number in self.under_way.clone() {
            if ledger.room_of(number) == room && !receiver.has(number, ledger) {
                self.arrive(number, room, now_us);
            }
        }
    }
}

impl Chunk {
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.arrivals.clear();
        self.is_spoilt = false;
    }

    pub(super) fn add(&mut self, arrival: Arrival) {
        self.arrivals.push(arrival);
    }

    /// There is something else in it.
    pub(super) fn spoil(&mut self) {
        self.is_spoilt = true;
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if !self.is_spoilt {
            self.bytes.extend_from_slice(bytes);
        }
    }
}
