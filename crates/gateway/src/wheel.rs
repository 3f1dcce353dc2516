//! A hashed timer wheel. It knows neither clock nor sessions: times are durations since any
//! fixed origin.
//!
//! An item may lie further ahead than the wheel goes round; it is then passed over until its
//! turn. Insertion and removal touch one slot; looking for the next occupied one scans a bitmap.

use std::time::Duration;

/// How precise the wheel is: nothing expires early, nor later than this.
pub(crate) const TICK: Duration = Duration::from_millis(8);

/// With [`TICK`] one round is 33 s, which is more than the usual ping interval.
const SLOTS: usize = 4096;

/// So many items of a slot get room one by one: most slots have two or three.
const GROWS_BY_ONE: usize = 4;

/// Where an item lies; needed to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(pub(crate) u64);

impl Tick {
    /// The first tick that isn't before a time.
    fn at_or_after(time: Duration) -> Self {
        let ticks = time.as_nanos().div_ceil(TICK.as_nanos());
        Self(u64::try_from(ticks).unwrap_or(u64::MAX))
    }

    /// The last tick that isn't after a time.
    fn at_or_before(time: Duration) -> Self {
        Self(u64::try_from(time.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX))
    }

    /// When it comes.
    pub(crate) fn time(self) -> Duration {
        let millis = u64::try_from(TICK.as_millis()).expect("a tick is short");
        Duration::from_millis(self.0.saturating_mul(millis))
    }

    fn slot(self) -> usize {
        usize::try_from(self.0 % SLOTS as u64).expect("less than SLOTS")
    }
}

/// The same where memory counts: 48 bits last for seventy thousand years.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortTick([u16; 3]);

impl From<Tick> for ShortTick {
    fn from(Tick(tick): Tick) -> Self {
        Self([(tick >> 32) as u16, (tick >> 16) as u16, tick as u16])
    }
}

impl From<ShortTick> for Tick {
    fn from(ShortTick([high, middle, low]): ShortTick) -> Self {
        Self(u64::from(high) << 32 | u64::from(middle) << 16 | u64::from(low))
    }
}

pub(crate) struct Wheel<T> {
    slots: Box<[Vec<(Tick, T)>]>,
    /// One bit for each slot.
    occupied: Box<[u64]>,
    /// Everything before it has expired.
    current: Tick,
    len: usize,
}

impl<T> Wheel<T> {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            occupied: vec![0; SLOTS / 64].into(),
            current: Tick(0),
            len: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an item where it expires at the first tick that isn't before `due`.
    pub(crate) fn insert(&mut self, due: Duration, item: T) -> Tick {
        let tick = Tick::at_or_after(due).max(self.current);
        self.put(tick, item);
        tick
    }

    /// Takes an item out before its time; `None` if it isn't there any more.
    pub(crate) fn remove(&mut self, tick: Tick, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let slot = tick.slot();
        let place = self.slots[slot].iter().position(|(at, item)| *at == tick && is_it(item))?;
        let (_, item) = self.slots[slot].swap_remove(place);
        self.len -= 1;
        self.tidy(slot);
        Some(item)
    }

    /// Takes out all that is due at `now`.
    pub(crate) fn expire(&mut self, now: Duration, due: &mut Vec<T>) {
        let last = Tick::at_or_before(now);
        if last < self.current {
            return;
        }
        // After a long sleep once around the wheel is enough.
        let first = self.current.0.max(last.0.saturating_sub(SLOTS as u64 - 1));
        for tick in first..=last.0 {
            let slot = Tick(tick).slot();
            if self.is_occupied(slot) {
                self.empty(slot, last, due);
            }
        }
        self.current = Tick(last.0.saturating_add(1));
    }

    /// The next tick at which something may be due.
    pub(crate) fn next(&self) -> Option<Tick> {
        if self.is_empty() {
            return None;
        }
        let start = self.current.slot();
        let words = self.occupied.len();
        // The word with the start is looked at twice: its upper part first, its lower part last.
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            let mask = match step {
                0 => !0 << (start % 64),
                _ if step == words => !(!0 << (start % 64)),
                _ => !0,
            };
            let bits = self.occupied[word] & mask;
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (slot + SLOTS - start) % SLOTS;
                return Some(Tick(self.current.0 + ahead as u64));
            }
        }
        None
    }

    fn put(&mut self, tick: Tick, item: T) {
        let slot = tick.slot();
        let items = &mut self.slots[slot];
        if items.len() < GROWS_BY_ONE {
            items.reserve_exact(1);
        }
        items.push((tick, item));
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.len += 1;
    }

    fn empty(&mut self, slot: usize, last: Tick, due: &mut Vec<T>) {
        let (expired, later) =
            std::mem::take(&mut self.slots[slot]).into_iter().partition(|(at, _)| *at <= last);
        self.slots[slot] = later;
        let expired: Vec<(Tick, T)> = expired;
        self.len -= expired.len();
        due.extend(expired.into_iter().map(|(_, item)| item));
        self.tidy(slot);
    }

    fn tidy(&mut self, slot: usize) {
        if self.slots[slot].is_empty() {
            self.slots[slot] = Vec::new();
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
    }

    fn is_occupied(&self, slot: usize) -> bool {
        self.occupied[slot / 64] & (1 << (slot % 64)) != 0
    }
}

#[cfg(test)]
mod tests;
