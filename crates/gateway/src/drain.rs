//! The end of an instance's connections: none is told to stay away, so that all come back, on
//! another instance; and not all at the same moment.
//!
//! A session ends in this order: what its client asks from now on isn't looked at; what it has
//! asked before is answered; the rest of the outbox goes out; the transport is closed. So what
//! was carried out is acknowledged, and what isn't acknowledged was not carried out; except where
//! an answer takes longer than [`Config::answer_timeout`](crate::Config).

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use hub::CloseReason;
use tokio::time::Instant;

use crate::core::Core;
use crate::random;
use crate::session::Session;

/// Sessions aren't closed more often than this while draining, but more of them at a time.
const STEP: Duration = Duration::from_millis(10);

/// Before the first one is closed: what was published at the last moment reaches the outboxes.
const FIRST_AFTER: Duration = Duration::from_millis(200);

/// Closes everything, and waits for it.
pub(crate) async fn drain(core: &Arc<Core>) {
    let mut sessions = core.sessions.seal();
    shuffle(&mut sessions);
    let window = core.config.drain_window;
    let window_ends = Instant::now() + window;
    let steps = (window.as_nanos() / STEP.as_nanos()).max(1);
    let steps = usize::try_from(steps).unwrap_or(usize::MAX).min(sessions.len().max(1));
    let pause = window / u32::try_from(steps).unwrap_or(u32::MAX);
    let at_once = sessions.len().div_ceil(steps);
    if !sessions.is_empty() {
        tokio::time::sleep(window.min(FIRST_AFTER)).await;
    }
    while !sessions.is_empty() {
        for session in sessions.split_off(sessions.len().saturating_sub(at_once)) {
            core.tasks.spawn(end(Arc::clone(core), session));
        }
        if !sessions.is_empty() && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    let deadline = window_ends.max(Instant::now()) + core.config.drain_timeout;
    // Until then the others can reach what polls here, and fetch the last words.
    let served = async {
        core.sessions.emptied().await;
        core.relays.emptied().await;
    };
    let _ = tokio::time::timeout_at(deadline, served).await;
    core.winding_up.cancel();
    let over = async {
        core.sessions.emptied().await;
        core.connections.emptied().await;
        core.peer_connections.emptied().await;
    };
    if tokio::time::timeout(core.config.drain_timeout, over).await.is_err() {
        tracing::warn!("some connections didn't end in time");
    }
}

async fn end(core: Arc<Core>, session: Arc<Session>) {
    session.take_no_more();
    let draining = &core.metrics.counts().draining;
    draining.inc();
    let idle = poll_fn(|cx| session.poll_idle(cx));
    if tokio::time::timeout(core.config.answer_timeout, idle).await.is_err() {
        tracing::debug!("a session ends before all was answered");
    }
    draining.dec();
    session.close(CloseReason::ShuttingDown);
}

/// Sessions opened together are closed apart.
fn shuffle<T>(items: &mut [T]) {
    let mut state = u64::from_ne_bytes(random()) | 1;
    for last in (1..items.len()).rev() {
        // xorshift: good enough to spread clients.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).expect("an index");
        items.swap(last, other);
    }
}
