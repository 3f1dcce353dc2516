//! How long to wait between tries to reach Redis.

use std::time::Duration;

/// The wait after the second failure; the first one is followed by a try at once.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(2);

/// The wait after so many failures in a row, with up to a half less, so that instances that lost
/// the same Redis don't come back in step.
pub(super) fn wait_after(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(2) else { return Duration::ZERO };
    let whole = FIRST.saturating_mul(1 << doublings.min(16)).min(LONGEST);
    let mut random = [0; 1];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    whole.mul_f64(1.0 - f64::from(random[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest() {
        assert_eq!([0, 1].map(wait_after), [Duration::ZERO; 2]);
        for (failures, whole) in [(2, FIRST), (3, FIRST * 2), (7, LONGEST), (u32::MAX, LONGEST)] {
            let wait = wait_after(failures);
            assert!(wait > whole.mul_f64(0.49) && wait <= whole, "{failures}: {wait:?}");
        }
    }
}
