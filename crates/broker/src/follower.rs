//! Turns the deliveries of one partition, which may be lost, doubled or broken off, into a stream
//! without gaps or doubles, in order. Sans-IO: deliveries, answers and the time go in, steps come
//! out. Carrying them out is left to [`follow`](crate::follow).
//!
//! What is handed on next is always `last + 1`. Whatever is beyond is held while the log is read
//! up to there. Whatever looks as if our past were not the log's (another epoch, a head behind
//! ours, another entry at a place that we handed on) is a doubt: nothing is handed on until the
//! store has said where its head is, and then either all is well or the stream has a
//! [`Followed::Reset`].

mod held;
mod step;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use self::held::{Held, Recent};
pub use self::step::{Followed, Limits, Step};
use crate::{Delivery, Epoch, Error, Head, PartitionPage, Record};

/// One partition as one instance follows it. Times are durations since any fixed moment.
#[derive(Debug)]
pub struct Follower {
    limits: Limits,
    /// What was handed on last; `None` until the store has said where the stream begins.
    last: Option<Head>,
    /// Whether deliveries arrive; nothing is asked while they don't.
    live: bool,
    trust: Trust,
    /// The log reaches at least to here, and what lies between is not held but must be read.
    reach: Option<Head>,
    held: Held,
    recent: Recent,
    asked: Option<Asked>,
    tickets: u64,
    /// Not before this moment is anything asked again.
    retry_at: Option<Duration>,
    retry_wait: Duration,
    /// Since when nothing has got on although something is held.
    stuck_since: Option<Duration>,
    /// Since `Behind` was said: how many entries were read from the log.
    behind: Option<u64>,
    /// What is to be handed on, before any question is asked.
    handed_on: VecDeque<Followed>,
    questions: VecDeque<Step>,
}

/// Whether our past is the log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// As far as is known.
    Whole,
    /// The store must say where its head is before anything is handed on.
    Doubted,
    /// The same, and whatever it says the stream can only be reset.
    Broken,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    ticket: u64,
    deadline: Duration,
    /// The seq up to which was asked. The store has it, or it has lost it: somebody told us.
    to: u64,
}

impl Follower {
    /// A follower that has heard nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            last: None,
            live: false,
            trust: Trust::Doubted,
            reach: None,
            held: Held::default(),
            recent: Recent::new(limits.remembered),
            asked: None,
            tickets: 0,
            retry_at: None,
            retry_wait: limits.retry_first,
            stuck_since: None,
            behind: None,
            handed_on: VecDeque::new(),
            questions: VecDeque::new(),
            limits,
        }
    }

    /// Where the stream stands.
    pub fn last(&self) -> Option<Head> {
        self.last
    }

    /// The next thing to do. Whatever is to be handed on comes before the questions.
    pub fn poll_step(&mut self) -> Option<Step> {
        let handed_on = self.handed_on.pop_front().map(Step::HandOn);
        handed_on.or_else(|| self.questions.pop_front())
    }

    /// Puts all that is to be handed on behind what is in `all`: what
    /// [`poll_step`](Self::poll_step) would say one by one.
    pub fn poll_handed_on(&mut self, all: &mut VecDeque<Followed>) {
        if all.is_empty() {
            std::mem::swap(all, &mut self.handed_on);
        } else {
            all.append(&mut self.handed_on);
        }
    }

    /// When [`Follower::handle_timeout`] must be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let given_up = self.stuck_since.map(|since| since.saturating_add(self.limits.hold));
        let unanswered = self.asked.map(|asked| asked.deadline);
        [given_up, unanswered, self.retry_at].into_iter().flatten().min()
    }

    /// Takes all that was delivered together.
    pub fn handle_all(&mut self, deliveries: &mut VecDeque<Delivery>, now: Duration) {
        self.handed_on.reserve(deliveries.len());
        for delivery in deliveries.drain(..) {
            self.handle(delivery, now);
        }
    }

    /// Takes what was delivered.
    pub fn handle(&mut self, delivery: Delivery, now: Duration) {
        match delivery {
            Delivery::Live => {
                self.live = true;
                self.doubt(Trust::Doubted);
                self.forget_question();
            }
            Delivery::Interrupted => self.interrupt(),
            Delivery::Entry(epoch, record) => {
                if let Some(last) = self.awaits_nothing_but(epoch, record.seq) {
                    return self.hand_on(last, record);
                }
                self.hear(epoch, record);
            }
            Delivery::Signal { room, bytes } => self.tell(Followed::Signal { room, bytes }),
            Delivery::Watermark { instance, head } => {
                self.compare(head);
                self.tell(Followed::Watermark { instance, head });
            }
        }
        self.go_on(now);
    }

    /// Takes the answer to [`Step::ReadHead`]; `None` where the store could not be asked.
    pub fn head_answer(&mut self, ticket: u64, answer: Option<Head>, now: Duration) {
        if self.awaited(ticket).is_none() {
            return;
        }
        match answer {
            Some(head) => {
                self.answered();
                self.learn(head);
            }
            None => self.try_later(now),
        }
        self.go_on(now);
    }

    /// Takes the answer to [`Step::Read`].
    pub fn page_answer(
        &mut self,
        ticket: u64,
        answer: Result<PartitionPage, Error>,
        now: Duration,
    ) {
        let Some(Asked { to, .. }) = self.awaited(ticket) else { return };
        match answer {
            Ok(page) => {
                self.answered();
                self.read(page, to);
            }
            Err(error) if error.is_retryable() => self.try_later(now),
            Err(_) => {
                // Asking again won't help, so the gap can't be closed.
                self.doubt(Trust::Broken);
                self.try_later(now);
            }
        }
        self.go_on(now);
    }

    /// Does what is due at this time.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.asked.is_some_and(|asked| asked.deadline <= now) {
            self.try_later(now);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if self.stuck_since.is_some_and(|since| since.saturating_add(self.limits.hold) <= now) {
            self.give_up();
        }
        self.go_on(now);
    }

    fn tell(&mut self, followed: Followed) {
        self.handed_on.push_back(followed);
    }

    /// Deliveries broke off: the log will be read from `last`, so nothing need be held.
    fn interrupt(&mut self) {
        self.live = false;
        self.forget_question();
        self.held.clear();
        self.reach = None;
        self.fall_behind();
    }

    /// Where the stream stands, if this is the next entry and all is as it nearly always is: then
    /// nothing else is to be done.
    fn awaits_nothing_but(&self, epoch: Epoch, seq: u64) -> Option<Head> {
        let last = self.last?;
        let is_next = epoch == last.epoch && seq.checked_sub(1) == Some(last.seq);
        let is_at_rest = self.live
            && self.trust == Trust::Whole
            && self.held.len() == 0
            && self.reach.is_none()
            && self.asked.is_none()
            && self.retry_at.is_none()
            && self.behind.is_none();
        (is_next && is_at_rest).then_some(last)
    }

    fn hear(&mut self, epoch: Epoch, record: Arc<Record>) {
        if let Some(last) = self.last {
            if epoch != last.epoch {
                self.doubt(Trust::Doubted);
            } else if self.recent.contradicts(&record) {
                self.doubt(Trust::Broken);
            }
        }
        if self.live {
            self.held.push(epoch, record);
        }
    }

    /// Compares a heartbeat's head with what we have.
    fn compare(&mut self, head: Head) {
        let Some(last) = self.last else { return self.reach(head) };
        if head.epoch != last.epoch || head.seq < last.seq {
            self.doubt(Trust::Doubted);
        } else if head.seq > self.held.newest().map_or(last.seq, |newest| newest.seq) {
            self.reach(head);
        }
    }

    /// Remembers that the log reaches to here.
    fn reach(&mut self, head: Head) {
        match &mut self.reach {
            Some(reach) if reach.epoch == head.epoch => reach.seq = reach.seq.max(head.seq),
            reach => *reach = Some(head),
        }
    }

    fn doubt(&mut self, trust: Trust) {
        self.trust = self.trust.max(trust);
    }

    fn fall_behind(&mut self) {
        if self.behind.is_none() && self.last.is_some() {
            self.behind = Some(0);
            self.tell(Followed::Behind);
        }
    }

    fn awaited(&self, ticket: u64) -> Option<Asked> {
        self.asked.filter(|asked| asked.ticket == ticket)
    }

    fn forget_question(&mut self) {
        self.asked = None;
        self.retry_at = None;
        self.retry_wait = self.limits.retry_first;
    }

    fn answered(&mut self) {
        self.forget_question();
        self.stuck_since = None;
    }

    fn try_later(&mut self, now: Duration) {
        self.asked = None;
        self.retry_at = Some(now + self.retry_wait);
        self.retry_wait = (self.retry_wait * 2).min(self.limits.retry_max);
    }

    /// The store has said where its head is.
    fn learn(&mut self, head: Head) {
        let broken = self.trust == Trust::Broken;
        self.trust = Trust::Whole;
        let Some(last) = self.last else {
            self.last = Some(head);
            self.held.keep_behind(head);
            self.reach(head);
            return self.tell(Followed::Start(head));
        };
        if broken || head.epoch != last.epoch || head.seq < last.seq {
            return self.reset(head);
        }
        self.held.keep_behind(last);
        if head.seq > last.seq {
            self.reach(head);
        }
    }

    fn reset(&mut self, head: Head) {
        self.trust = Trust::Whole;
        self.last = Some(head);
        self.reach = None;
        self.recent.clear();
        self.held.keep_behind(head);
        self.tell(Followed::Reset(head));
    }

    /// Hands on what was read, or finds that it is not what is missing.
    fn read(&mut self, page: PartitionPage, to: u64) {
        let PartitionPage { head, records, reaches_back } = page;
        let Some(before) = self.last else { return };
        if head.epoch != before.epoch || head.seq < to || !reaches_back {
            return self.reset(head);
        }
        for record in records {
            let Some(last) = self.last else { return };
            if record.seq == last.seq.saturating_add(1) {
                self.behind = self.behind.map(|repaired| repaired + 1);
                self.hand_on(last, Arc::new(record));
            } else if record.seq > last.seq {
                return self.reset(head);
            }
        }
        if self.last == Some(before) {
            // Nothing came, although there is something and it was not trimmed.
            self.reset(head);
        }
    }

    fn hand_on(&mut self, last: Head, record: Arc<Record>) {
        self.recent.remember(&record);
        self.last = Some(Head { seq: record.seq, ..last });
        self.stuck_since = None;
        self.tell(Followed::Entry(last.epoch, record));
    }

    /// How far the log must be read.
    fn goal(&self, last: Head) -> u64 {
        let reach = self.reach.filter(|reach| reach.epoch == last.epoch);
        reach.map_or(0, |reach| reach.seq).max(last.seq)
    }

    /// Goes on without what can't be had.
    fn give_up(&mut self) {
        let (Some(last), Some(oldest)) = (self.last, self.held.oldest()) else { return };
        let known = Head { epoch: oldest.epoch, ..last };
        self.reset(Head { seq: self.goal(known).max(oldest.seq.saturating_sub(1)), ..known });
        self.stuck_since = None;
        self.forget_question();
    }

    /// Does all that is possible now, and asks for what is missing.
    fn go_on(&mut self, now: Duration) {
        if self.live && self.asked.is_none() {
            if self.trust == Trust::Whole {
                self.drain();
            }
            if self.retry_at.is_none() {
                self.ask(now);
            }
        }
        self.shed();
        self.stuck_since = match self.stuck_since {
            _ if self.last.is_none() || self.held.oldest().is_none() => None,
            since => since.or(Some(now)),
        };
    }

    /// Hands on what is held, as far as nothing is missing before it.
    fn drain(&mut self) {
        while let Some(last) = self.last {
            let Some(record) = self.held.take_up_to(last.seq.saturating_add(1)) else { return };
            if record.seq > last.seq {
                self.hand_on(last, record);
            } else if self.recent.contradicts(&record) {
                self.doubt(Trust::Broken);
                return;
            }
        }
    }

    fn ask(&mut self, now: Duration) {
        let ticket = self.tickets + 1;
        let (step, to) = match self.last {
            Some(last) if self.trust == Trust::Whole => {
                let missing = self.held.oldest().map_or(0, |oldest| oldest.seq.saturating_sub(1));
                let to = self.goal(last).max(missing);
                if to <= last.seq {
                    return self.catch_up(last);
                }
                self.reach(Head { seq: to, ..last });
                self.fall_behind();
                (Step::Read { ticket, after: last.seq, to, limit: self.limits.page }, to)
            }
            _ => (Step::ReadHead { ticket }, 0),
        };
        self.tickets = ticket;
        self.asked = Some(Asked { ticket, deadline: now + self.limits.read_wait, to });
        self.questions.push_back(step);
    }

    fn catch_up(&mut self, head: Head) {
        self.reach = None;
        if let Some(repaired) = self.behind.take() {
            self.tell(Followed::CaughtUp { head, repaired });
        }
    }

    /// Drops what is held if it is too much, and remembers to read it.
    fn shed(&mut self) {
        let Some(newest) = self.held.newest() else { return };
        if self.held.len() > self.limits.held_entries || self.held.bytes() > self.limits.held_bytes
        {
            self.reach(newest);
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests;
