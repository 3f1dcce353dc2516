//! How much of something may be done in a while: a budget that refills by itself.

use std::time::Duration;

use crate::refusal::{Code, Refusal};

/// In which time a budget refills from nothing.
const REFILL: Duration = Duration::from_mins(1);

/// What is left of a budget. The time is an argument, counted from any fixed moment on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// When it will be full again.
    full_at: Duration,
}

impl Budget {
    /// Takes one of `size`.
    ///
    /// # Errors
    /// `rate_limited` where none is left, with the time until one is.
    pub fn take(&mut self, size: u32, now: Duration) -> Result<(), Refusal> {
        let one = REFILL / size.max(1);
        let full_at = self.full_at.max(now) + one;
        let Some(wait) = full_at.checked_sub(now + REFILL).filter(|wait| !wait.is_zero()) else {
            self.full_at = full_at;
            return Ok(());
        };
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        Err(Refusal {
            retry_after_ms: Some(retry_after_ms),
            ..Refusal::new(Code::RateLimited, "too many rooms at once were made from here")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_and_refills() {
        let (mut budget, start) = (Budget::default(), Duration::from_secs(5));
        for _ in 0..4 {
            assert_eq!(budget.take(4, start), Ok(()));
        }
        let refused = budget.take(4, start).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (Code::RateLimited, Some(15_000)));
        assert!(budget.take(4, start + Duration::from_secs(14)).is_err());
        assert_eq!(budget.take(4, start + Duration::from_secs(15)), Ok(()));
        assert!(budget.take(4, start + Duration::from_secs(15)).is_err());
        for _ in 0..4 {
            assert_eq!(budget.take(4, start + Duration::from_mins(3)), Ok(()));
        }
    }
}
