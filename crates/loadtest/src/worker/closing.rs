//! What a worker says at the end: what became of its messages, and what was lost.

use std::mem;

use super::{News, Stage, Worker};
use crate::ledger::{Fate, Settlement};
use crate::meter::counted;
use crate::plan::{Findings, Remains};

impl Worker {
    /// In a closed loop that others close: what has arrived everywhere here.
    pub(super) fn tell_reached(&mut self) -> anyhow::Result<()> {
        let Some(closed) = &mut self.score.closed else { return Ok(()) };
        let (reached, void) = (mem::take(&mut closed.reached), mem::take(&mut closed.void));
        if !reached.is_empty() {
            self.say(News::Reached(reached))?;
        }
        if !void.is_empty() {
            self.say(News::Void(void))?;
        }
        Ok(())
    }

    pub(super) fn remains(&self) -> Remains {
        let score = &self.score;
        let own = (0..self.cursor).filter(|number| self.plan.sender_of(*number).is_some());
        let fates = own.map(|number| (number, score.ledger.fate(number)));
        let orders = if self.plan.is_alone { &[] } else { score.ledger.orders() };
        Remains {
            fates: fates.filter(|(_, fate)| *fate != Fate::Acknowledged).collect(),
            messages: self.cursor,
            acknowledged: score.acknowledged,
            refused: score.refused.clone(),
            orders: orders.to_vec(),
        }
    }

    /// What its clients got. What a client that lost its connection did not get is no loss but a
    /// failure.
    pub(super) fn findings(&mut self, settlement: &Settlement) -> Findings {
        self.score.close_bin();
        let score = &self.score;
        let mut tally = score.tally;
        let vanished = score.ledger.vanished(settlement);
        for client in self.clients.iter().filter(|client| client.stage == Stage::In) {
            tally.lost += client.receiver.lost(&score.ledger, settlement, &vanished);
        }
        for receiver in &self.departed {
            tally.lost += receiver.passed_over(&score.ledger, settlement);
        }
        Findings {
            tally,
            strangers: score.strangers,
            failures: self.failures.clone(),
            last_us: score.last_us,
            delivery: counted(&score.delivery),
            answer: counted(&score.answers),
            lag: counted(&score.lag),
            unread: counted(&self.unread),
        }
    }
}
