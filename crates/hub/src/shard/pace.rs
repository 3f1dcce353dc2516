//! When a shard waits for more before it writes.
//!
//! A write to a socket costs nearly the same for one frame as for thirty. While a shard writes,
//! publications gather by themselves; but those that answer what was just written come only when
//! that is over, one after the other, and the first of them would be written alone. So where
//! writes were shared before, the next batch waits a little for company: a fraction of what the
//! last one took to write, and never where nothing was shared.

use std::time::Duration;

use crate::Limits;

/// How long it is waited before one looks what has come: what the runtime's timers can tell apart.
pub(super) const TURN: Duration = Duration::from_millis(1);

/// What the last batch tells of the next one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    patience: Option<Duration>,
}

impl Pace {
    /// Notes what a batch took to write, in how many writes so many deliveries went out.
    pub(super) fn wrote(&mut self, took: Duration, deliveries: u64, writes: u64, limits: &Limits) {
        let was_shared = deliveries >= writes.saturating_mul(2) && writes > 0;
        let pays = was_shared && took >= limits.linger_from && !limits.linger_max.is_zero();
        self.patience = pays.then(|| (took / 2).clamp(TURN, limits.linger_max.max(TURN)));
    }

    /// How long the next batch may wait, if at all.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_shared_writes_waits_and_never_long() {
        let limits = Limits {
            linger_from: Duration::from_millis(2),
            linger_max: Duration::from_millis(5),
            ..Limits::default()
        };
        let patience = |took, deliveries, writes| {
            let mut pace = Pace::default();
            pace.wrote(Duration::from_millis(took), deliveries, writes, &limits);
            pace.patience().map(|patience| patience.as_millis())
        };
        assert_eq!(patience(8, 1000, 1000), None, "nothing was shared");
        assert_eq!(patience(8, 1999, 1000), None);
        assert_eq!(patience(8, 0, 0), None, "all of it waits in outboxes");
        assert_eq!(patience(1, 3000, 100), None, "writing was quick");
        assert_eq!(patience(2, 3000, 1000), Some(1));
        assert_eq!(patience(8, 2000, 1000), Some(4));
        assert_eq!(patience(80, 3000, 1000), Some(5));
        let never = Limits { linger_max: Duration::ZERO, ..limits };
        let mut pace = Pace::default();
        pace.wrote(Duration::from_millis(8), 3000, 1000, &never);
        assert_eq!(pace.patience(), None);
    }
}
