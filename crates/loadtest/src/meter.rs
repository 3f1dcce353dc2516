//! How long things took, from when they should have begun.

use hdrhistogram::Histogram;
use parking_lot::{Mutex, MutexGuard};

/// The longest time that is told apart, in microseconds; longer ones count as this.
const LONGEST_US: u64 = 600 * 1_000_000;

/// Places to count in, so that clients on several threads seldom wait for each other.
const STRIPES: usize = 8;

/// Times of all clients.
#[derive(Debug)]
pub(crate) struct Meter {
    stripes: [Mutex<Times>; STRIPES],
}

/// Microseconds, each from the moment at which the message should have been sent.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) delivery: Histogram<u32>,
    pub(crate) answer: Histogram<u32>,
    /// How late the generator itself was: part of the other two.
    pub(crate) lag: Histogram<u32>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { stripes: std::array::from_fn(|_| Mutex::new(Times::new())) }
    }

    pub(crate) fn of(&self, client: u32) -> MutexGuard<'_, Times> {
        self.stripes[client as usize % STRIPES].lock()
    }

    pub(crate) fn sum(&self) -> Times {
        let mut sum = Times::new();
        for stripe in &self.stripes {
            let stripe = stripe.lock();
            let same = "all have the same bounds";
            sum.delivery.add(&stripe.delivery).expect(same);
            sum.answer.add(&stripe.answer).expect(same);
            sum.lag.add(&stripe.lag).expect(same);
        }
        sum
    }
}

impl Times {
    fn new() -> Self {
        Self { delivery: histogram(), answer: histogram(), lag: histogram() }
    }
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("these bounds are valid")
}
