//! The limits that every broker keeps, and their defaults.

use std::time::Duration;

use crate::Error;

/// The most entries of a page, whatever limit is asked for.
pub const PAGE_MAX: usize = 10_000;

/// The most entries that come with a page because they target one of it.
pub const TARGETING_MAX: usize = 10_000;

/// The most bytes of what is known of a room.
pub const ROOM_ABOUT_BYTES_MAX: usize = 4 << 10;

/// The most bytes of a session record's key, and of its owner's token.
pub const SESSION_NAME_BYTES_MAX: usize = 64;

/// The most bytes of a session record.
pub const SESSION_BYTES_MAX: usize = 64 << 10;

/// The most bytes of an instance's id.
pub const INSTANCE_ID_BYTES_MAX: usize = 128;

/// The most bytes of what an instance says of itself.
pub const INSTANCE_ABOUT_BYTES_MAX: usize = 4 << 10;

/// The most bytes of a message between instances.
pub const MAIL_BYTES_MAX: usize = 256 << 10;

/// Refuses what is too long; every broker asks this before anything else.
pub(crate) fn fits(what: &str, length: usize, length_max: usize) -> Result<(), Error> {
    if length <= length_max {
        return Ok(());
    }
    Err(Error::Refused(format!("{what} has {length} bytes, at most {length_max} are kept")))
}

/// The limits of a broker; each one is named in the documentation of the configuration.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest wait of an append before it is answered `Unavailable`. The embedded log bounds its
    /// other answers by it too.
    pub append_wait: Duration,
    /// Bytes of entries that may wait for the store.
    pub append_queue_bytes: usize,
    /// Deliveries that may wait for one follower.
    pub delivery_queue: usize,
    /// Entries kept per room. What exceeds this or `room_age` is trimmed.
    pub room_entries: u64,
    /// How long an entry of a room is kept.
    pub room_age: Duration,
    /// Entries kept per partition, for repair and recovery. What exceeds this or `partition_age`
    /// is trimmed.
    pub partition_entries: u64,
    /// How long an entry is kept for repair and recovery.
    pub partition_age: Duration,
    /// How long an idempotency id is remembered.
    pub id_window: Duration,
    /// How long an instance is registered after it renewed its lease; and the longest that a log
    /// waits for instances before it goes on in a Redis that may lack entries.
    pub lease: Duration,
    /// Messages that may wait in an instance's mailbox.
    pub mailbox: usize,
    /// Session records that the embedded log keeps; beyond, those are dropped that have the
    /// shortest life left of some thousand that it looks through. Redis ends them by their age
    /// alone.
    pub sessions: usize,
}

impl Limits {
    /// What the embedded broker keeps on disk: everything.
    pub fn embedded() -> Self {
        Self {
            room_entries: u64::MAX,
            room_age: Duration::MAX,
            partition_entries: u64::MAX,
            partition_age: Duration::MAX,
            ..Self::default()
        }
    }

    /// What the embedded broker keeps in memory: as much as is kept elsewhere by default.
    pub fn memory() -> Self {
        Self::default()
    }

    /// How long a room's entries are kept, in words for [`Description::retention`].
    ///
    /// [`Description::retention`]: crate::Description::retention
    pub fn room_retention(&self) -> String {
        let entries = (self.room_entries < u64::MAX)
            .then(|| format!("{} entries", with_commas(self.room_entries)));
        let age = (self.room_age < Duration::MAX).then(|| in_words(self.room_age));
        match (entries, age) {
            (None, None) => "everything".to_owned(),
            (Some(one), None) | (None, Some(one)) => format!("{one} per room"),
            (Some(entries), Some(age)) => format!("{entries} or {age} per room"),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        let seconds = Duration::from_secs;
        Self {
            append_wait: seconds(5),
            append_queue_bytes: 16 << 20,
            delivery_queue: 65_536,
            room_entries: 10_000,
            room_age: seconds(7 * DAY),
            partition_entries: 100_000,
            partition_age: seconds(15 * MINUTE),
            id_window: seconds(DAY),
            lease: seconds(10),
            mailbox: 1_024,
            sessions: 100_000,
        }
    }
}

/// In the largest unit that leaves no rest.
fn in_words(age: Duration) -> String {
    let seconds = age.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (count, unit) = units
        .into_iter()
        .find(|(length, _)| seconds > 0 && seconds.is_multiple_of(*length))
        .map_or((seconds, "second"), |(length, unit)| (seconds / length, unit));
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", with_commas(count))
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_said_in_words() {
        let seconds = Duration::from_secs;
        let cases = [
            (10_000, seconds(7 * 86_400), "10,000 entries or 7 days per room"),
            (u64::MAX, Duration::MAX, "everything"),
            (1_234_567, Duration::MAX, "1,234,567 entries per room"),
            (u64::MAX, seconds(3_600), "1 hour per room"),
            (999, seconds(90), "999 entries or 90 seconds per room"),
            (1_000, seconds(0), "1,000 entries or 0 seconds per room"),
        ];
        for (room_entries, room_age, words) in cases {
            let limits = Limits { room_entries, room_age, ..Limits::default() };
            assert_eq!(limits.room_retention(), words);
        }
    }
}
