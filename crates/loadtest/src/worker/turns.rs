//! What a worker does at each turn of its loop: connects, reads, sends, lets clients come and go.

use std::sync::mpsc::TryRecvError;

use super::client::Readiness;
use super::{
    CONNECT_TIMEOUT_US, Client, News, Order, Progress, Receiver, Stage, Worker, now_us, own_effort,
};
use crate::ledger::Fate;
use crate::packet::Arrival;
use crate::plan::{Effort, Pace, Plan};

/// Clients that leave and come anew, one after the other.
#[derive(Debug)]
pub(super) struct Churn {
    /// Between one and the next; none where nobody leaves.
    every_us: Option<u64>,
    next_us: u64,
    /// The slot whose turn it is.
    slot: usize,
}

impl Churn {
    pub(super) fn new(plan: &Plan) -> Self {
        #[expect(clippy::cast_sign_loss, reason = "it is positive")]
        let every_us = (plan.churn > 0.0).then(|| (60e6 / plan.churn) as u64);
        Self { every_us, next_us: 0, slot: 0 }
    }
}

impl Worker {
    /// Connects those whose turn it is, gives up on what takes too long, tells how far it is.
    pub(super) fn look(&mut self, now: u64) -> anyhow::Result<()> {
        while let Some((slot, life, until_us)) = self.connecting.front().copied() {
            let client = &self.clients[slot];
            let is_pending = client.life == life && client.stage == Stage::Outside;
            if is_pending && until_us > now {
                break;
            }
            self.connecting.pop_front();
            if is_pending {
                self.fail(slot, "no connection in time");
            }
        }
        self.connect_more(now);
        self.let_some_go(now);
        if let Some(start) = self.start_us {
            self.score.turn_page(now - start);
        }
        self.tell(now)
    }

    fn connect_more(&mut self, now: u64) {
        while self.connecting_count < self.plan.connecting_max
            && self.next_slot < self.clients.len()
        {
            self.next_slot += 1;
            self.connect(self.next_slot - 1, now);
        }
    }

    fn connect(&mut self, slot: usize, now: u64) {
        let client = &mut self.clients[slot];
        self.connecting_count += 1;
        let opened = client.open(&self.plan, &self.registry, slot);
        self.connecting.push_back((slot, client.life, now + CONNECT_TIMEOUT_US));
        if let Err(error) = opened {
            self.fail(slot, &format!("{error:#}"));
        }
    }

    pub(super) fn serve(&mut self, token: usize, readiness: Readiness, unread_since: u64) {
        let now = now_us();
        if self.start_us.is_some() {
            self.unread.saturating_record(now.saturating_sub(unread_since).max(1));
        }
        self.read(token, readiness, now);
    }

    fn read(&mut self, token: usize, readiness: Readiness, now: u64) {
        let after_us = now - self.start_us.unwrap_or(now);
        let (slot, side) = (token / 2, token % 2);
        let Some(client) = self.clients.get_mut(slot) else { return };
        if client.stage == Stage::Gone {
            return;
        }
        self.score.turn_page(after_us);
        match client.look(side, readiness, &mut self.scratch, &mut self.score, after_us) {
            Err(error) => self.fail(slot, &format!("{error:#}")),
            Ok(look) => {
                if look.has_more {
                    self.again.push(token);
                }
                if look.has_entered {
                    self.enter(slot, now);
                }
            }
        }
    }

    fn enter(&mut self, slot: usize, now: u64) {
        self.connecting_count -= 1;
        let client = &self.clients[slot];
        if client.life == 1 {
            self.progress.connected += 1;
        } else {
            self.progress.came += 1;
        }
        self.score.enter(client.receiver.room());
        self.connect_more(now);
    }

    /// Notes that a client could not connect, or lost its connection.
    fn fail(&mut self, slot: usize, why: &str) {
        let after_us = self.start_us.map_or(0, |start| now_us() - start);
        let client = &mut self.clients[slot];
        let stage = std::mem::replace(&mut client.stage, Stage::Gone);
        let held = client.drop_link();
        *self.failures.entry(why.to_owned()).or_default() += 1;
        if stage == Stage::Outside {
            self.connecting_count -= 1;
            self.progress.failed += 1;
            return;
        }
        self.progress.dropped += 1;
        self.score.leave(&self.clients[slot].receiver, after_us);
        for message in held {
            self.score.give_up(message.number, after_us);
        }
    }

    pub(super) fn send_what_is_due(&mut self) -> anyhow::Result<()> {
        let course = self.plan.course;
        let Some(start) = self.start_us else { return Ok(()) };
        if self.plan.first >= self.plan.senders {
            return Ok(());
        }
        while self.cursor < course.messages_max {
            let after_us = now_us() - start;
            let stamp_us = match (course.due_us(self.cursor), course.pace) {
                (Some(due_us), _) if due_us > after_us => {
                    return self.alarm.set(start + due_us);
                }
                (Some(due_us), _) => due_us,
                (None, Pace::InFlight(_)) if self.cursor < self.allowed() => after_us,
                (None, _) => return Ok(()),
            };
            let number = self.cursor;
            self.cursor += 1;
            if let Some(slot) = self.plan.sender_of(number) {
                self.send(slot, Arrival { number, stamp_us }, after_us);
            }
        }
        Ok(())
    }

    /// Messages below this number may go.
    fn allowed(&self) -> u32 {
        let own = self.score.closed.as_ref().and_then(|closed| closed.pace);
        own.map_or(self.allowed, |pace| pace.allowed())
    }

    fn send(&mut self, slot: usize, message: Arrival, after_us: u64) {
        let client = &mut self.clients[slot];
        if client.stage != Stage::In {
            self.score.give_up(message.number, after_us);
            return;
        }
        self.score.ledger.note(message.number, Fate::Unanswered);
        if let Err(error) = client.send(message, &mut self.score, after_us) {
            self.fail(slot, &format!("{error:#}"));
        }
    }

    fn let_some_go(&mut self, now: u64) {
        let (Some(_), Some(every_us)) = (self.start_us, self.churn.every_us) else { return };
        if self.has_stopped {
            return;
        }
        while self.churn.next_us <= now {
            self.churn.next_us += every_us;
            let slots = self.clients.len();
            let senders = self.plan.senders.saturating_sub(self.plan.first) as usize;
            self.churn.slot = (self.churn.slot + 1) % slots;
            if self.churn.slot < senders {
                self.churn.slot = senders % slots;
            }
            let slot = self.churn.slot;
            if self.clients[slot].stage == Stage::In && slot >= senders {
                self.renew(slot, now);
            }
        }
    }

    /// Lets a client leave, and another one come in its place.
    fn renew(&mut self, slot: usize, now: u64) {
        let client = &mut self.clients[slot];
        client.leave();
        let late = Receiver::late(client.receiver.room());
        let old = std::mem::replace(&mut client.receiver, late);
        if old.has_gaps() {
            self.departed.push(old);
        }
        self.progress.left += 1;
        self.connect(slot, now);
    }

    pub(super) fn take_orders(&mut self) -> anyhow::Result<()> {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Start(start_us)) => self.start(start_us)?,
                Ok(Order::Allow(messages)) => self.allowed = messages,
                Ok(Order::Stop) => {
                    self.has_stopped = true;
                    self.score.close_bin();
                    self.tell(now_us())?;
                    let remains = self.remains();
                    self.say(News::Stopped(Box::new(remains)))?;
                }
                Ok(Order::Settle(settlement)) => {
                    let findings = self.findings(&settlement);
                    self.say(News::Settled(Box::new(findings)))?;
                }
                Ok(Order::Leave) | Err(TryRecvError::Disconnected) => {
                    self.clients.iter_mut().for_each(Client::leave);
                    self.is_over = true;
                    return Ok(());
                }
                Err(TryRecvError::Empty) => return Ok(()),
            }
        }
    }

    fn start(&mut self, start_us: u64) -> anyhow::Result<()> {
        let now = now_us();
        self.start_us = Some(start_us.min(now));
        self.churn.next_us = now;
        self.effort_at_start = own_effort(now);
        self.progress.effort = Effort::default();
        self.send_what_is_due()
    }

    /// Says how far it is, if there is anything new.
    fn tell(&mut self, now: u64) -> anyhow::Result<()> {
        for bin in std::mem::take(&mut self.score.bins) {
            self.say(News::Bin(bin))?;
        }
        let score = &self.score;
        let mut progress = Progress {
            sent: score.sent,
            answered: score.answered,
            refused: score.answered - score.acknowledged,
            received: score.tally.received,
            seen: score.ledger.seen(),
            allowed: self.allowed(),
            ..self.progress
        };
        let end = match self.plan.course.pace {
            Pace::Rate(_) => self.plan.course.messages_max,
            Pace::InFlight(_) => progress.allowed,
        };
        progress.is_through = self.plan.first >= self.plan.senders || self.cursor >= end;
        if progress.is_through {
            let inside = self.clients.iter().filter(|client| client.stage == Stage::In);
            progress.behind = inside.map(|client| client.receiver.behind(&score.ledger)).sum();
        }
        if progress == self.told {
            return Ok(());
        }
        progress.effort = own_effort(now).since(self.effort_at_start);
        self.progress.effort = progress.effort;
        self.told = progress;
        self.say(News::Progress(progress))
    }
}
