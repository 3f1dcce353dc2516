//! The wall clock, for what is only shown: no entry is made that the log could give a time to. And
//! a limit on how long something may take that is nearly always done at once.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{task::yield_now, time::timeout};

/// Milliseconds since 1970 by this machine's clock.
#[allow(clippy::disallowed_methods, reason = "it is only shown")]
pub(crate) fn wall_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// The outcome of a future, or `None` after the limit. No timer is set before the runtime has
/// looked once at all that is ready: what takes no longer, though every connection does it, costs
/// none.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let (mut again, mut has_waited) = (pin!(yield_now()), false);
    let at_once = poll_fn(|cx| {
        if let Poll::Ready(outcome) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(None);
        }
        again.as_mut().poll(cx).map(|()| None)
    });
    match at_once.await {
        Some(outcome) => Some(outcome),
        None => timeout(limit, future).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn what_takes_too_long_is_given_up_and_what_comes_in_time_is_not() {
        assert_eq!(within(LONG, ready(1)).await, Some(1));
        // Ready when it is polled next, or much later than that.
        for turns in [1, 2, 100] {
            let soon = async {
                for _ in 0..turns {
                    yield_now().await;
                }
                turns
            };
            assert_eq!(within(LONG, soon).await, Some(turns));
        }
        assert_eq!(within(Duration::from_millis(1), pending::<()>()).await, None);
        let later = tokio::time::sleep(Duration::from_millis(5));
        assert_eq!(within(LONG, later).await, Some(()));
    }
}
