//! Who must have received what, in which order: finds what was lost, doubled or out of order.
//!
//! Pure bookkeeping on message numbers; who sends and receives them is the business of `client`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use parking_lot::Mutex;

/// What the sender of a message was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    /// Not sent.
    Unsent,
    /// No answer came yet.
    Unanswered,
    /// Everybody must receive it.
    Acknowledged,
    /// Nobody needs to receive it.
    Refused,
}

/// The messages of one run, by their numbers from 0, and the one order in which they are seen.
///
/// The order is that in which messages arrive anywhere for the first time. Receivers that all see
/// the same sequence agree with it, whoever of them is ahead: whoever sees a message first has
/// seen all those before it.
#[derive(Debug)]
pub(crate) struct Ledger {
    fates: Box<[AtomicU8]>,
    /// The place of each message in the order, plus one; 0 until it arrived anywhere.
    places: Box<[AtomicU32]>,
    /// The numbers in order. Locked only when a message arrives for the first time anywhere, so
    /// that places have no gaps.
    order: Mutex<Vec<u32>>,
}

/// What one receiver has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// The place that comes next if nothing goes wrong.
    next: u32,
    /// Places that were passed over.
    missing: BTreeSet<u32>,
    pub(crate) tally: Tally,
}

/// What a receiver, or all of them, got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Messages, each counted once.
    pub(crate) received: u64,
    /// Messages that came again.
    pub(crate) doubled: u64,
    /// Messages that came after one that others saw later.
    pub(crate) disordered: u64,
    /// Acknowledged messages that never came.
    pub(crate) lost: u64,
}

impl Ledger {
    pub(crate) fn new(messages: u32) -> Self {
        Self {
            fates: (0..messages).map(|_| AtomicU8::new(Fate::Unsent as u8)).collect(),
            places: (0..messages).map(|_| AtomicU32::new(0)).collect(),
            order: Mutex::default(),
        }
    }

    /// Notes what became of a message; answers whether that is the first time that it says so.
    pub(crate) fn note(&self, number: u32, fate: Fate) -> bool {
        let Some(slot) = self.fates.get(number as usize) else { return false };
        slot.swap(fate as u8, Ordering::Relaxed) != fate as u8
    }

    fn is(&self, number: u32, fate: Fate) -> bool {
        let slot = self.fates.get(number as usize);
        slot.is_some_and(|slot| slot.load(Ordering::Relaxed) == fate as u8)
    }

    pub(crate) fn count(&self, fate: Fate) -> u64 {
        (0..self.fates.len() as u32).filter(|number| self.is(*number, fate)).count() as u64
    }

    /// How many messages arrived anywhere.
    pub(crate) fn seen(&self) -> u64 {
        self.order.lock().len() as u64
    }

    /// Acknowledged messages that arrived nowhere.
    pub(crate) fn vanished(&self) -> u64 {
        let vanished = |number: &u32| {
            self.is(*number, Fate::Acknowledged)
                && self.places[*number as usize].load(Ordering::Acquire) == 0
        };
        (0..self.fates.len() as u32).filter(vanished).count() as u64
    }

    fn place(&self, number: u32) -> Option<u32> {
        let slot = self.places.get(number as usize)?;
        if let Some(place) = slot.load(Ordering::Acquire).checked_sub(1) {
            return Some(place);
        }
        let mut order = self.order.lock();
        if let Some(place) = slot.load(Ordering::Acquire).checked_sub(1) {
            return Some(place);
        }
        let place = order.len() as u32;
        order.push(number);
        slot.store(place + 1, Ordering::Release);
        Some(place)
    }
}

impl Receiver {
    /// Takes an arrival into account; answers whether it is the first of that message here.
    /// A number that was never given out is no arrival.
    pub(crate) fn take(&mut self, number: u32, ledger: &Ledger) -> bool {
        let Some(place) = ledger.place(number) else { return false };
        if place >= self.next {
            self.missing.extend(self.next..place);
            self.next = place + 1;
        } else if self.missing.remove(&place) {
            self.tally.disordered += 1;
        } else {
            self.tally.doubled += 1;
            return false;
        }
        self.tally.received += 1;
        true
    }

    /// What it got, with what was lost on the way to it. For the end, when nothing can come any
    /// more.
    pub(crate) fn close(self, ledger: &Ledger) -> Tally {
        let order = ledger.order.lock();
        let behind = order.get(self.next as usize..).unwrap_or_default();
        let passed_over = self.missing.iter().filter_map(|place| order.get(*place as usize));
        let missing = passed_over.chain(behind);
        let lost = missing.filter(|number| ledger.is(**number, Fate::Acknowledged)).count();
        Tally { lost: lost as u64 + ledger.vanished(), ..self.tally }
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.received += other.received;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.lost += other.lost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets clients receive these streams, in turns, and adds up what they got. Messages 0 to 4
    /// were sent; 4 was refused.
    fn tally<const N: usize>(streams: [&[u32]; N]) -> Tally {
        let ledger = Ledger::new(5);
        for number in 0..5 {
            ledger.note(number, if number == 4 { Fate::Refused } else { Fate::Acknowledged });
        }
        let mut receivers: Vec<Receiver> = streams.iter().map(|_| Receiver::default()).collect();
        for turn in 0..8 {
            for (receiver, stream) in receivers.iter_mut().zip(streams) {
                if let Some(number) = stream.get(turn) {
                    receiver.take(*number, &ledger);
                }
            }
        }
        let mut sum = Tally::default();
        for receiver in receivers {
            sum.add(receiver.close(&ledger));
        }
        sum
    }

    fn counts(received: u64, doubled: u64, disordered: u64, lost: u64) -> Tally {
        Tally { received, doubled, disordered, lost }
    }

    #[test]
    fn same_sequence_for_all_is_clean_whatever_it_is() {
        assert_eq!(tally([&[0, 1, 2, 3], &[0, 1, 2, 3]]), counts(8, 0, 0, 0));
        assert_eq!(tally([&[2, 0, 3, 1], &[2, 0, 3, 1]]), counts(8, 0, 0, 0));
    }

    #[test]
    fn refused_message_may_come_or_not() {
        assert_eq!(tally([&[0, 1, 2, 3, 4], &[0, 1, 2, 3]]), counts(9, 0, 0, 0));
    }

    #[test]
    fn lost_message_is_found_in_the_middle_and_at_the_end() {
        assert_eq!(tally([&[0, 1, 2, 3], &[0, 2, 3]]), counts(7, 0, 0, 1));
        assert_eq!(tally([&[0, 1, 2, 3], &[0, 1]]), counts(6, 0, 0, 2));
        assert_eq!(tally([&[0, 1, 2, 3], &[]]), counts(4, 0, 0, 4));
        assert_eq!(tally([&[0, 1, 2], &[0, 1, 2]]), counts(6, 0, 0, 2), "came nowhere at all");
    }

    #[test]
    fn doubled_message_is_found_at_once_and_late() {
        assert_eq!(tally([&[0, 1, 1, 2, 3], &[0, 1, 2, 3]]), counts(8, 1, 0, 0));
        assert_eq!(tally([&[0, 1, 2, 3, 0], &[0, 1, 2, 3]]), counts(8, 1, 0, 0));
    }

    #[test]
    fn other_order_is_found_and_is_no_loss() {
        assert_eq!(tally([&[0, 1, 2, 3], &[0, 2, 1, 3]]), counts(8, 0, 1, 0));
        assert!(tally([&[0, 1, 2, 3], &[3, 0, 1, 2]]).disordered > 0);
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(tally([&[0, 1, 2, 3], &[0, 2, 1, 1]]), counts(7, 1, 1, 1));
    }

    #[test]
    fn number_that_was_never_given_out_is_no_arrival() {
        assert_eq!(tally([&[0, 1, 2, 3, 99]]), counts(4, 0, 0, 0));
    }

    #[test]
    fn fates_are_counted_once_each() {
        let ledger = Ledger::new(3);
        assert!(ledger.note(0, Fate::Unanswered));
        assert!(ledger.note(0, Fate::Acknowledged));
        assert!(!ledger.note(0, Fate::Acknowledged));
        assert!(!ledger.note(3, Fate::Acknowledged), "no such message");
        assert_eq!((ledger.count(Fate::Unsent), ledger.count(Fate::Acknowledged)), (2, 1));
        assert_eq!((ledger.seen(), ledger.vanished()), (0, 1));
    }
}
