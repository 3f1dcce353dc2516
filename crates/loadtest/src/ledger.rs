//! Who must have received what, in which order: finds what was lost, doubled, out of order or in
//! the wrong room.
//!
//! Pure bookkeeping on message numbers; who sends and receives them is the business of `worker`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What the sender of a message was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// Not sent.
    #[default]
    Unsent,
    /// No answer came yet.
    Unanswered,
    /// Everybody must receive it.
    Acknowledged,
    /// Nobody needs to receive it.
    Refused,
}

/// The messages of one run, by their numbers from 0, and the order in which each room sees them.
///
/// The order is that in which messages of a room arrive at any of its clients for the first time.
/// Receivers that all see the same sequence agree with it, whoever of them is ahead: whoever sees
/// a message first has seen all those before it.
#[derive(Debug)]
pub(crate) struct Ledger {
    fates: Vec<Fate>,
    /// The place of each message in its room's order, plus one; 0 until it arrived anywhere.
    places: Vec<u32>,
    /// The numbers in order, for each room.
    orders: Vec<Vec<u32>>,
    senders: u32,
    messages_max: u32,
}

/// What one receiver has seen so far.
#[derive(Debug)]
pub(crate) struct Receiver {
    room: u32,
    /// The place of its first message, where that is not the room's first.
    first: Option<u32>,
    /// The place that comes next if nothing goes wrong.
    next: u32,
    /// Places that were passed over.
    missing: BTreeSet<u32>,
}

/// What all receivers got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Messages, each counted once for each receiver.
    pub(crate) received: u64,
    /// Messages that came again.
    pub(crate) doubled: u64,
    /// Messages that came after one that others saw later.
    pub(crate) disordered: u64,
    /// Messages of other rooms.
    pub(crate) misdirected: u64,
    /// Acknowledged messages that never came.
    pub(crate) lost: u64,
}

/// How many messages have been acknowledged, and the numbers of those that have not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settlement {
    /// How many numbers were given out.
    pub(crate) messages: u32,
    /// Those among them that nobody needs to have received.
    pub(crate) excused: BTreeSet<u32>,
}

impl Ledger {
    /// For messages below `messages_max` from this many senders, who are spread over the rooms in
    /// turn.
    pub(crate) fn new(messages_max: u32, senders: u32, rooms: u32) -> Self {
        let orders = vec![Vec::new(); rooms.max(1) as usize];
        Self {
            fates: Vec::new(),
            places: Vec::new(),
            orders,
            senders: senders.max(1),
            messages_max,
        }
    }

    /// The room that a message belongs to.
    pub(crate) fn room_of(&self, number: u32) -> u32 {
        match self.orders.len() as u32 {
            1 => 0,
            rooms => number % self.senders % rooms,
        }
    }

    /// Notes what became of a message; answers whether that is the first time that it says so.
    pub(crate) fn note(&mut self, number: u32, fate: Fate) -> bool {
        if number >= self.messages_max {
            return false;
        }
        let slot = slot_of(&mut self.fates, number);
        let is_news = *slot != fate;
        *slot = fate;
        is_news
    }

    pub(crate) fn fate(&self, number: u32) -> Fate {
        self.fates.get(number as usize).copied().unwrap_or_default()
    }

    /// How many messages arrived anywhere.
    pub(crate) fn seen(&self) -> u64 {
        self.orders.iter().map(|order| order.len() as u64).sum()
    }

    /// The numbers in the order in which a room saw them.
    pub(crate) fn orders(&self) -> &[Vec<u32>] {
        &self.orders
    }

    /// How many messages of each room arrived nowhere although they should have.
    pub(crate) fn vanished(&self, settlement: &Settlement) -> Vec<u64> {
        let mut vanished = vec![0; self.orders.len()];
        for number in (0..settlement.messages).filter(|n| !settlement.excused.contains(n)) {
            if self.places.get(number as usize).is_none_or(|place| *place == 0) {
                vanished[self.room_of(number) as usize] += 1;
            }
        }
        vanished
    }

    /// Its place in its room's order.
    fn place(&mut self, number: u32, room: u32) -> u32 {
        let slot = slot_of(&mut self.places, number);
        if *slot == 0 {
            let order = &mut self.orders[room as usize];
            order.push(number);
            *slot = order.len() as u32;
        }
        *slot - 1
    }
}

fn slot_of<T: Clone + Default>(slots: &mut Vec<T>, number: u32) -> &mut T {
    let at = number as usize;
    if at >= slots.len() {
        slots.resize(at + 1, T::default());
    }
    &mut slots[at]
}

impl Receiver {
    /// For one that is there from the first message on.
    pub(crate) fn new(room: u32) -> Self {
        Self { room, first: Some(0), next: 0, missing: BTreeSet::new() }
    }

    /// For one that comes later: what counts begins with the first message that it gets.
    pub(crate) fn late(room: u32) -> Self {
        Self { first: None, ..Self::new(room) }
    }

    pub(crate) fn room(&self) -> u32 {
        self.room
    }

    /// Takes an arrival into account; answers whether it is the first of that message here.
    /// A number that is never given out is no arrival.
    pub(crate) fn take(&mut self, number: u32, ledger: &mut Ledger, tally: &mut Tally) -> bool {
        if number >= ledger.messages_max {
            return false;
        }
        if ledger.room_of(number) != self.room {
            tally.misdirected += 1;
            return false;
        }
        let place = ledger.place(number, self.room);
        let first = *self.first.get_or_insert_with(|| {
            self.next = place;
            place
        });
        if place == self.next {
            self.next += 1;
        } else if place > self.next {
            self.missing.extend(self.next..place);
            self.next = place + 1;
        } else if self.missing.remove(&place) {
            tally.disordered += 1;
        } else if place < first {
            tally.disordered += 1;
            return false;
        } else {
            tally.doubled += 1;
            return false;
        }
        tally.received += 1;
        true
    }

    /// Whether it got this message, as far as that can be known.
    pub(crate) fn has(&self, number: u32, ledger: &Ledger) -> bool {
        let place = ledger.places.get(number as usize).and_then(|place| place.checked_sub(1));
        place.is_some_and(|place| place < self.next && !self.missing.contains(&place))
    }

    /// Whether it lacks something that came before its last message.
    pub(crate) fn has_gaps(&self) -> bool {
        !self.missing.is_empty()
    }

    /// How many messages others have seen and this one has not.
    pub(crate) fn behind(&self, ledger: &Ledger) -> u64 {
        if self.first.is_none() {
            return 0;
        }
        let order = ledger.orders[self.room as usize].len() as u64;
        order.saturating_sub(u64::from(self.next)) + self.missing.len() as u64
    }

    /// How much was lost on the way to it: for the end, when nothing can come any more.
    pub(crate) fn lost(&self, ledger: &Ledger, settlement: &Settlement, vanished: &[u64]) -> u64 {
        let Some(first) = self.first else { return 0 };
        let order = &ledger.orders[self.room as usize];
        let behind = order.get(self.next as usize..).unwrap_or_default();
        let lost = self.passed_over(ledger, settlement)
            + behind.iter().filter(|number| !settlement.excused.contains(number)).count() as u64;
        // Of a message that arrived nowhere nobody knows whether it came before a late one.
        let was_there_from_the_first = first == 0;
        lost + if was_there_from_the_first { vanished[self.room as usize] } else { 0 }
    }

    /// How much of what lies before its last message was lost on the way to it: for one that has
    /// left while messages were under way.
    pub(crate) fn passed_over(&self, ledger: &Ledger, settlement: &Settlement) -> u64 {
        let order = &ledger.orders[self.room as usize];
        let passed_over = self.missing.iter().filter_map(|place| order.get(*place as usize));
        passed_over.filter(|number| !settlement.excused.contains(number)).count() as u64
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.received += other.received;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.misdirected += other.misdirected;
        self.lost += other.lost;
    }
}

#[cfg(test)]
mod tests;
