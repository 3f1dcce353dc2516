//! What went wrong or reached a limit, counted since the start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A snapshot of everything that is counted.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Default)]
        pub(super) struct Counters {
            $(pub(super) $name: Counter,)*
        }

        impl Counters {
            pub(super) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.0.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections of a lane, a subscription or a mailbox that were lost or could not be made.
    connections_failed,
    /// Appends that were sent again because no answer to them had come, or none that counts.
    appends_resent,
    /// Appends that were answered `Unavailable` after waiting for as long as they may.
    appends_expired,
    /// Appends that found the queue in front of Redis full.
    appends_turned_away,
    /// Appends that Redis refused.
    appends_refused,
    /// Appends that found another epoch than the one they were meant for.
    appends_fenced,
    /// Entries that were stored and could not be published.
    entries_unpublished,
    /// Publications that could not be decoded.
    publications_undecodable,
    /// Times that a follower was interrupted because its queue was full.
    followers_overflowed,
    /// Entries that a Redis lacked and this instance had put back.
    entries_put_back,
    /// Times that this instance let a log go on in a new epoch, since it may lack entries.
    epochs_renewed,
    /// Messages of other instances that found the mailbox full.
    mail_dropped,
    /// Times that a subscription was interrupted.
    subscriptions_interrupted,
}

#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }
}
