//! The wall clock, for what is only shown: no entry is made that the log could give a time to.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 by this machine's clock.
#[allow(clippy::disallowed_methods, reason = "it is only shown")]
pub(crate) fn wall_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}
