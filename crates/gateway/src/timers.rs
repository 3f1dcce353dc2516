//! One timer entry per session, in a few wheels with one task each. An entry is left where it
//! is when its deadline moves back, and put further back when it comes up: a session that keeps
//! answering its pings costs a visit every few seconds and no task of its own.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hub::CloseReason;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::session::Session;
use crate::wheel::{ShortTick, Tick, Wheel};

/// Wheels, of which there would be one for each core.
const SHARDS_MAX: usize = 1_024;

/// Sessions served before other tasks may run.
const YIELD_AFTER: usize = 64;

/// The time since the gateway was made: what deadlines are counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Duration {
        self.0.elapsed()
    }

    fn instant(self, time: Duration) -> Instant {
        self.0 + time
    }
}

/// A time on that clock, in half the memory. It ends after five hundred years.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(NonZero<u64>);

impl From<Duration> for Moment {
    fn from(time: Duration) -> Self {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self(NonZero::<u64>::MIN.saturating_add(nanos))
    }
}

impl Moment {
    pub(crate) fn time(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }
}

pub(crate) struct Timers {
    shards: Box<[Arc<Shard>]>,
    next_shard: AtomicUsize,
}

struct Shard {
    state: Mutex<State>,
    /// Told when the task has to wake up earlier than it meant to, or for the last time.
    changed: Notify,
}

struct State {
    wheel: Wheel<Arc<Session>>,
    /// When the task means to wake up.
    armed: Option<Tick>,
}

/// Where a session's entry lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Counted from one, so that no place takes no room.
    shard: NonZero<u16>,
    tick: ShortTick,
}

impl Timers {
    /// Starts the tasks; they end after `stop`, with the last session.
    pub(crate) fn start(
        shards: usize,
        clock: Clock,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let start_shard = |_| {
            let state = State { wheel: Wheel::new(), armed: None };
            let shard = Arc::new(Shard { state: Mutex::new(state), changed: Notify::new() });
            tasks.spawn(run(Arc::clone(&shard), clock, stop.clone()));
            shard
        };
        let shards = (0..shards.clamp(1, SHARDS_MAX)).map(start_shard).collect();
        Self { shards, next_shard: AtomicUsize::new(0) }
    }

    /// Adds a session that has no entry yet.
    pub(crate) fn insert(&self, due: Duration, session: &Arc<Session>) -> Place {
        let shard = self.next_shard.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let tick = self.shards[shard].insert(due, Arc::clone(session));
        Place { shard: NonZero::<u16>::MIN.saturating_add(shard as u16), tick: tick.into() }
    }

    /// Removes a session's entry. If it is just being served it puts itself back and leaves
    /// at its next turn.
    pub(crate) fn remove(&self, place: Place, session: &Session) {
        let shard = &self.shards[usize::from(place.shard.get()) - 1];
        let mut state = shard.state.lock();
        let removed = state.wheel.remove(place.tick.into(), |entry| is_same(entry, session));
        let emptied = state.wheel.is_empty();
        drop(state);
        // Outside of the lock: it may be the last reference.
        drop(removed);
        if emptied {
            shard.changed.notify_one();
        }
    }
}

impl Shard {
    fn insert(&self, due: Duration, session: Arc<Session>) -> Tick {
        let mut state = self.state.lock();
        let tick = state.wheel.insert(due, session);
        let earlier = state.armed.is_none_or(|armed| tick < armed);
        drop(state);
        if earlier {
            self.changed.notify_one();
        }
        tick
    }

    /// Lets a session do what is due. A panic in it is its own: the others' timers go on.
    fn serve(&self, session: &Arc<Session>, now: Duration) {
        match catch_unwind(AssertUnwindSafe(|| session.on_timer(now))) {
            Ok(None) => {}
            Ok(Some(next)) => {
                let tick = self.insert(next, Arc::clone(session));
                session.moved_timer(tick);
            }
            Err(_panic) => session.close(CloseReason::Internal),
        }
    }

    fn arm(&self) -> Option<Tick> {
        let mut state = self.state.lock();
        state.armed = state.wheel.next();
        state.armed
    }
}

async fn run(shard: Arc<Shard>, clock: Clock, stop: CancellationToken) {
    let mut due = Vec::new();
    loop {
        let armed = shard.arm();
        let stopped = stop.is_cancelled();
        if stopped && armed.is_none() {
            return;
        }
        let at = clock.instant(armed.unwrap_or(Tick(0)).time());
        tokio::select! {
            () = tokio::time::sleep_until(at), if armed.is_some() => {}
            () = shard.changed.notified() => continue,
            () = stop.cancelled(), if !stopped => continue,
        }
        shard.state.lock().wheel.expire(clock.now(), &mut due);
        for (served, session) in due.drain(..).enumerate() {
            shard.serve(&session, clock.now());
            if served % YIELD_AFTER == YIELD_AFTER - 1 {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn is_same(entry: &Arc<Session>, session: &Session) -> bool {
    std::ptr::eq(Arc::as_ptr(entry), session)
}

impl Place {
    /// The same wheel, at another tick.
    pub(crate) fn at(self, tick: Tick) -> Self {
        Self { tick: tick.into(), ..self }
    }
}
