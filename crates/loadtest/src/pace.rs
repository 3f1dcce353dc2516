//! The closed loop: which messages may be under way.

use crate::plan::{Course, Pace};

/// How many messages may have been sent, by how many have arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loop {
    in_flight: u32,
    messages_max: u32,
    /// Microseconds after which nothing new goes.
    duration_us: u64,
    reached: u32,
    allowed: u32,
}

impl Loop {
    /// None for an open loop.
    pub(crate) fn of(course: &Course) -> Option<Self> {
        let Pace::InFlight(in_flight) = course.pace else { return None };
        let messages_max = course.messages_max;
        let duration_us = course.duration_us.unwrap_or(u64::MAX);
        let allowed = in_flight.min(messages_max);
        Some(Self { in_flight, messages_max, duration_us, reached: 0, allowed })
    }

    /// Messages below this number may be sent.
    pub(crate) fn allowed(&self) -> u32 {
        self.allowed
    }

    /// Takes into account that one more has reached every receiver, so long after the start.
    pub(crate) fn reach(&mut self, after_us: u64) {
        self.reached += 1;
        if after_us < self.duration_us {
            self.allowed = self.reached.saturating_add(self.in_flight).min(self.messages_max);
        }
    }

    /// Whether nothing new will go any more, so long after the start.
    pub(crate) fn is_over(&self, after_us: u64) -> bool {
        self.allowed == self.messages_max || after_us >= self.duration_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_one_goes_when_one_has_arrived_until_time_or_number_ends_it() {
        let course = Course { pace: Pace::InFlight(2), messages_max: 4, duration_us: Some(100) };
        let mut closed = Loop::of(&course).unwrap();
        assert_eq!(closed.allowed(), 2);
        closed.reach(10);
        assert_eq!((closed.allowed(), closed.is_over(10)), (3, false));
        let mut late = closed;
        late.reach(100);
        assert_eq!((late.allowed(), late.is_over(100)), (3, true), "time ended it");
        closed.reach(20);
        closed.reach(30);
        assert_eq!((closed.allowed(), closed.is_over(30)), (4, true), "number ended it");
        assert!(Loop::of(&Course { pace: Pace::Rate(1.0), ..course }).is_none());
    }
}
