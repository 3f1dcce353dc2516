//! What the clients of a room were not told yet, and when they are told it. A telling costs a frame
//! for each of them, so a large room is told less often: what comes and goes in between is told
//! together, and nobody waits in a room that is not large.

use std::{mem, sync::Arc, time::Duration};

use super::{
    GATHER, Limits,
    member::{Entry, latest_name},
    room::ByUser,
};

/// Changes that are kept for clients; where there are more, they are told the count only.
const UNTOLD_MAX: usize = 1_000;

/// What one room's clients know, and don't.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Sockets of this instance that are told. Without one, nothing is kept for anybody.
    pub(super) hearing: usize,
    /// What clients know of those that changed: the name, if they know one.
    untold: ByUser<Option<Arc<str>>>,
    /// Too much changed for clients to be told who.
    overflow: bool,
    /// A socket that is told has come since, and was shown the count of that moment.
    newcomer: bool,
    /// The count was another one meanwhile.
    pub(super) moved: bool,
    told_count: usize,
    told_at: Option<Duration>,
}

/// What is told next.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// What clients know of those that changed.
    pub(super) members: ByUser<Option<Arc<str>>>,
    /// Clients are to be told the count only.
    pub(super) count_only: bool,
    /// Clients that came meanwhile may know another count than the others.
    pub(super) confused: bool,
}

impl Telling {
    /// A socket that is told has come.
    pub(super) fn begin(&mut self) {
        self.hearing += 1;
        self.newcomer = true;
    }

    /// It has gone.
    pub(super) fn end(&mut self) {
        self.hearing = self.hearing.saturating_sub(1);
        if self.hearing == 0 {
            self.take();
        }
    }

    /// Keeps what clients know of a user before it changes; so many members are `there`.
    pub(super) fn note(
        &mut self,
        user: &Arc<str>,
        there: usize,
        told: usize,
        known: Option<&[Entry]>,
    ) {
        // Large rooms are told the count only, rooms with nobody here nothing.
        if self.hearing == 0 || self.overflow || self.untold.contains_key(user) {
            return;
        }
        if self.untold.len() >= UNTOLD_MAX || there > told + UNTOLD_MAX {
            self.untold = ByUser::default();
            self.overflow = true;
            return;
        }
        self.untold.insert(user.clone(), known.map(latest_name));
    }

    /// Whether it is time to tell. Before each telling passes as long as its frames may take, so
    /// in no stretch of time are there more than the limit says, the first telling's apart.
    pub(super) fn is_due(&self, now: Duration, limits: &Limits) -> bool {
        let pause = pause(self.hearing, limits);
        pause <= GATHER || self.told_at.is_none_or(|at| now.saturating_sub(at) >= pause)
    }

    /// Gives what was not told, and forgets it.
    pub(super) fn take(&mut self) -> Untold {
        let (newcomer, moved) = (mem::take(&mut self.newcomer), mem::take(&mut self.moved));
        Untold {
            members: mem::take(&mut self.untold),
            count_only: mem::take(&mut self.overflow),
            confused: newcomer && moved,
        }
    }

    /// Whether this is what was told last.
    pub(super) fn is_told(&self, count: usize) -> bool {
        self.told_count == count
    }

    /// All clients are told, and this count.
    pub(super) fn told(&mut self, count: usize, now: Duration) {
        (self.told_count, self.told_at) = (count, Some(now));
    }
}

/// What lies between two tellings to so many.
fn pause(hearing: usize, limits: &Limits) -> Duration {
    let micros = hearing.saturating_mul(1_000_000) / limits.frames_per_second.max(1);
    Duration::from_micros(micros as u64).min(limits.told_within)
}
