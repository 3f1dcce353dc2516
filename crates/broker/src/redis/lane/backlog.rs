//! The appends that have no answer yet, in the order of the calls: first those that were sent to
//! Redis, then those that wait. Bounded in bytes and in age. Pure: it knows no connection.

use std::collections::VecDeque;

use tokio::{sync::oneshot, time::Instant};

use crate::{AppendError, Appended, Draft, Epoch};

/// What an append is answered.
pub(super) type Answered = Result<Appended, AppendError>;

/// What an entry costs beside its bytes, so that empty ones are bounded too.
const OVERHEAD: usize = 256;

/// All appends without an answer.
pub(super) struct Backlog {
    /// `bounced` ones, then those sent and awaiting a reply, `sent` together; then the waiting.
    slots: VecDeque<Slot>,
    sent: usize,
    bounced: usize,
    bytes: usize,
    bytes_max: usize,
    closed: bool,
}

struct Slot {
    append: Append,
    /// Taken when it is answered: one that was sent and expired still awaits its reply.
    answer: Option<oneshot::Sender<Answered>>,
    deadline: Instant,
    bytes: usize,
    /// It was sent before, and no reply ever came to that.
    in_doubt: bool,
}

/// An append as it is sent.
#[derive(Clone)]
pub(super) struct Append {
    pub(super) draft: Draft,
    /// The epoch that was known at the call; the append is meant for no other one.
    pub(super) epoch: Option<Epoch>,
}

/// Why nothing can be added.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// It would fit if less were waiting; or the broker is closed.
    Now,
    /// It would never fit.
    Always,
}

impl Backlog {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { slots: VecDeque::new(), sent: 0, bounced: 0, bytes: 0, bytes_max, closed: false }
    }

    /// Adds an append behind all others.
    pub(super) fn push(
        &mut self,
        append: Append,
        deadline: Instant,
    ) -> Result<oneshot::Receiver<Answered>, Full> {
        let bytes = OVERHEAD + append.draft.weight();
        if bytes > self.bytes_max {
            return Err(Full::Always);
        }
        if self.closed || bytes > self.bytes_max - self.bytes {
            return Err(Full::Now);
        }
        let (answer, answered) = oneshot::channel();
        self.bytes += bytes;
        let answer = Some(answer);
        self.slots.push_back(Slot { append, answer, deadline, bytes, in_doubt: false });
        Ok(answered)
    }

    /// Takes no more appends.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether nobody waits for an answer.
    pub(super) fn is_settled(&self) -> bool {
        self.slots.iter().all(|slot| slot.answer.is_none())
    }

    /// How many replies are due.
    pub(super) fn awaited(&self) -> usize {
        self.sent - self.bounced
    }

    /// The next append to send, with the deadline of its caller. Counts as sent from here on.
    /// `None` if none waits; those that are meant for another epoch are answered and skipped, and
    /// counted.
    pub(super) fn send_next(
        &mut self,
        epoch: Epoch,
        fenced: &mut usize,
    ) -> Option<(&Append, Instant)> {
        loop {
            let slot = self.slots.get(self.sent)?;
            if slot.append.epoch.is_none_or(|meant| meant == epoch) {
                break;
            }
            let slot = self.slots.remove(self.sent).expect("it was just looked at");
            self.finish(slot, Err(AppendError::Fenced));
            *fenced += 1;
        }
        let slot = &mut self.slots[self.sent];
        // A retry is meant for the same log as the first try.
        slot.append.epoch = Some(epoch);
        self.sent += 1;
        Some((&slot.append, slot.deadline))
    }

    /// Answers the oldest one that awaits a reply. `stored` says that it changed the log: those
    /// before it that bounced can't be sent again without breaking the order, so they fail. Gives
    /// what it was.
    pub(super) fn settle(&mut self, answered: Answered, stored: bool) -> Option<Draft> {
        if stored {
            while self.bounced > 0 {
                self.bounced -= 1;
                self.sent -= 1;
                let slot = self.slots.pop_front().expect("bounced ones are in front");
                let perhaps_stored = slot.in_doubt;
                self.finish(slot, Err(AppendError::Unavailable { perhaps_stored }));
            }
        }
        let slot = self.slots.remove(self.bounced)?;
        self.sent -= 1;
        let answered = match answered {
            // An earlier try may have been carried out, whatever became of this one.
            Err(AppendError::Refused(_)) if slot.in_doubt => {
                Err(AppendError::Unavailable { perhaps_stored: true })
            }
            answered => answered,
        };
        Some(self.finish(slot, answered))
    }

    /// The oldest one that awaits a reply was surely not carried out, and must be sent again.
    pub(super) fn bounce(&mut self) {
        self.bounced += 1;
    }

    /// The connection is gone: everything without an answer must be sent again, in order. Says how
    /// many there are that had been sent.
    pub(super) fn rewind(&mut self) -> usize {
        let (bounced, sent) = (self.bounced, self.sent);
        for slot in self.slots.range_mut(bounced..sent) {
            slot.in_doubt = true;
        }
        let before = self.slots.len();
        self.slots.retain(|slot| slot.answer.is_some());
        (self.bounced, self.sent) = (0, 0);
        sent - (before - self.slots.len())
    }

    /// Answers those whose time is over. Says how many.
    pub(super) fn expire(&mut self, now: Instant) -> usize {
        let mut expired = 0;
        // The oldest are in front, so the first one in time ends the search.
        let mut place = 0;
        while let Some(slot) = self.slots.get_mut(place) {
            if slot.answer.is_some() && slot.deadline > now {
                break;
            }
            if slot.answer.is_none() {
                place += 1;
                continue;
            }
            expired += 1;
            let awaits_reply = (self.bounced..self.sent).contains(&place);
            let perhaps_stored = slot.in_doubt || awaits_reply;
            let answered = Err(AppendError::Unavailable { perhaps_stored });
            if awaits_reply {
                self.bytes -= std::mem::take(&mut slot.bytes);
                let answer = slot.answer.take();
                answer.map(|answer| answer.send(answered));
                place += 1;
                continue;
            }
            let slot = self.slots.remove(place).expect("it was just looked at");
            if place < self.bounced {
                self.bounced -= 1;
                self.sent -= 1;
            }
            self.finish(slot, answered);
        }
        expired
    }

    /// Answers all that wait, since nothing will be sent any more.
    pub(super) fn fail_all(&mut self) {
        while let Some(slot) = self.slots.pop_front() {
            let perhaps_stored = slot.in_doubt;
            self.finish(slot, Err(AppendError::Unavailable { perhaps_stored }));
        }
    }

    /// The epoch that the oldest one that awaits a reply was sent for.
    pub(super) fn awaited_epoch(&self) -> Option<Epoch> {
        if self.awaited() == 0 {
            return None;
        }
        self.slots.get(self.bounced)?.append.epoch
    }

    /// When the next one expires.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.slots.iter().find(|slot| slot.answer.is_some()).map(|slot| slot.deadline)
    }

    fn finish(&mut self, slot: Slot, answered: Answered) -> Draft {
        self.bytes -= slot.bytes;
        // Whoever asked may be gone; the append was carried out all the same.
        slot.answer.map(|answer| answer.send(answered));
        slot.append.draft
    }
}

#[cfg(test)]
mod tests;
