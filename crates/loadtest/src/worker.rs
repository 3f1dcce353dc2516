//! A worker: one thread, or one process, that plays a part of the clients in one loop over their
//! connections.
//!
//! It shares its core with the server on a small machine, so it does as little as it can: a read
//! for each delivery, no allocation, and bytes that several clients get are looked at once.

mod alarm;
mod client;
mod closing;
mod desk;
mod link;
mod pipe;
mod polling;
mod score;
mod turns;
mod websocket;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver as OrderBox, SyncSender};
use std::time::Duration;

use hdrhistogram::Histogram;
use mio::{Events, Poll, Registry, Token, Waker};

use self::alarm::{ALARM, Alarm, ORDERS};
use self::client::{Client, Readiness, Stage};
use self::score::Score;
use crate::clock::now_us;
use crate::crew::From;
use crate::footprint::own_effort;
use crate::ledger::Receiver;
use crate::meter::fine;
use crate::plan::{Effort, News, Order, Plan, Progress};

/// How often news are sent, and slow things looked at.
const LOOK_EVERY_US: u64 = 50_000;

/// How long a client may take to be connected.
const CONNECT_TIMEOUT_US: u64 = 30_000_000;

/// What all clients read into, one after the other.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Connections that are looked at before the loop comes round.
const EVENTS_MAX: usize = 1024;

/// Connections after which it is looked whether a message is due.
const EVENTS_PER_SEND: usize = 32;

/// A wait that took longer than this was one, and not only a question.
const WAIT_US_MIN: u64 = 100;

pub(crate) struct Worker {
    plan: Plan,
    poll: Poll,
    registry: Arc<Registry>,
    alarm: Alarm,
    orders: OrderBox<Order>,
    news: SyncSender<From>,
    clients: Vec<Client>,
    score: Score,
    scratch: Vec<u8>,
    /// Tokens of connections that may have more to read than they were given time for.
    again: Vec<usize>,
    /// The slot that connects next, of those that have not tried yet.
    next_slot: usize,
    /// Those that are connecting, in which life, and until when.
    connecting: VecDeque<(usize, u32, u64)>,
    connecting_count: u32,
    /// When the clock of the messages began.
    start_us: Option<u64>,
    /// The message that is considered next.
    cursor: u32,
    /// Messages below this may go, in a closed loop that somebody else closes.
    allowed: u32,
    /// Receivers that have left and lack something that came before their last message.
    departed: Vec<Receiver>,
    failures: BTreeMap<String, u64>,
    progress: Progress,
    told: Progress,
    effort_at_start: Effort,
    /// How long arrivals may have lain unread.
    unread: Histogram<u64>,
    churn: turns::Churn,
    /// Nothing is sent any more.
    has_stopped: bool,
    is_over: bool,
}

impl Worker {
    /// Prepares a worker; the waker tells it that there are orders.
    pub(crate) fn new(
        plan: Plan,
        orders: OrderBox<Order>,
        news: SyncSender<From>,
    ) -> anyhow::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), ORDERS)?;
        let numbers = plan.first..plan.first + plan.clients;
        let clients = numbers
            .map(|number| Client::new(number, Receiver::new(plan.room_of(number))))
            .collect();
        let worker = Self {
            alarm: Alarm::new(poll.registry(), ALARM)?,
            score: Score::new(&plan),
            churn: turns::Churn::new(&plan),
            plan,
            registry: Arc::new(poll.registry().try_clone()?),
            poll,
            orders,
            news,
            clients,
            scratch: vec![0; SCRATCH_BYTES],
            again: Vec::new(),
            next_slot: 0,
            connecting: VecDeque::new(),
            connecting_count: 0,
            start_us: None,
            cursor: 0,
            allowed: 0,
            departed: Vec::new(),
            failures: BTreeMap::new(),
            progress: Progress::default(),
            told: Progress::default(),
            effort_at_start: Effort::default(),
            unread: fine(),
            has_stopped: false,
            is_over: false,
        };
        Ok((worker, waker))
    }

    /// Plays its part until it is told to go, or nobody listens any more.
    pub(crate) fn work(mut self) {
        if let Err(error) = self.run() {
            // Whoever doesn't listen any more needs no reason either.
            let _ = self.say(News::Broken(format!("{error:#}")));
        }
    }

    fn say(&self, news: News) -> anyhow::Result<()> {
        self.news.send((0, news)).map_err(|_| anyhow::anyhow!("nobody listens any more"))
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let (mut woke_us, mut look_us, mut since_us) = (now_us(), 0, 0);
        let mut events_before = 0;
        self.effort_at_start = own_effort(woke_us);
        while !self.is_over {
            let before_us = now_us();
            if before_us >= look_us {
                look_us = before_us + LOOK_EVERY_US;
                self.look(before_us)?;
                // Whoever gives orders and ends takes the waker along, and its last call with it.
                self.take_orders()?;
            }
            self.wait(&mut events, look_us.saturating_sub(before_us), before_us)?;
            let now = now_us();
            // What is found without having waited may have been there since the last time.
            // Where not all fitted in then, it may have been there even longer.
            let has_waited = now - before_us > WAIT_US_MIN;
            let had_all = events_before < EVENTS_MAX;
            since_us = match (has_waited, had_all) {
                (true, _) => now,
                (false, true) => woke_us,
                (false, false) => since_us,
            };
            (woke_us, events_before) = (now, events.iter().count());
            for token in std::mem::take(&mut self.again) {
                self.serve(token, Readiness::MORE, since_us);
            }
            for (at, event) in events.iter().enumerate() {
                if at % EVENTS_PER_SEND == EVENTS_PER_SEND - 1 {
                    self.send_what_is_due()?;
                }
                match event.token() {
                    ALARM => {}
                    ORDERS => self.take_orders()?,
                    Token(token) => self.serve(token, Readiness::of(event), since_us),
                }
            }
            self.send_what_is_due()?;
            self.tell_reached()?;
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, wait_us: u64, now: u64) -> anyhow::Result<()> {
        let wait_us = if self.again.is_empty() { self.alarm.wait_us(wait_us, now) } else { 0 };
        match self.poll.poll(events, Some(Duration::from_micros(wait_us))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }
}
