//! The outgoing half of a connection: its outbox and where that drains to.
//!
//! Reading, heartbeats and the lifetime of the transport belong to the connection's task, in
//! `gateway`; which frames come here, to the shards and the application.

mod outbox;
mod state;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::{Mutex, MutexGuard};
use wire::Frame;

pub(crate) use outbox::{Full, Item, Outbox};
use state::State;

use crate::metrics::Tally;
use crate::{Class, CloseReason, Limits, Metrics, Stream};

/// The outgoing half of a connection, shared by the shards, the connection's task and the
/// application.
///
/// Frames go straight to the stream while nothing waits; else they wait in order in the outbox,
/// and the connection's task writes them through [`Self::poll_flush`], or takes them for a poll
/// response with [`Self::take`].
#[derive(Debug)]
pub struct Connection {
    /// A synchronous lock: it is held for a few lines, at most for one attempt to write to a
    /// socket that never blocks, and by at most a shard, the connection's task and a command.
    state: Mutex<State>,
    metrics: Metrics,
    outbox_bytes: usize,
}

impl Connection {
    /// Makes a connection without a transport: frames wait.
    pub fn new(limits: &Limits, metrics: &Metrics) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            metrics: metrics.clone(),
            outbox_bytes: limits.outbox_bytes,
        })
    }

    /// Sends a frame behind what already waits. If nothing waits and a stream is attached, the
    /// socket is tried at once. At the limit ephemeral frames are dropped, then the connection is
    /// closed as a slow consumer. A closed connection takes no frames.
    pub fn send(&self, frame: &Frame, class: Class) {
        let mut tally = Tally::default();
        self.deliver(&[Item { frame, class }], None, &mut tally);
        self.metrics.count(&mut tally);
    }

    /// Sends several frames as [`Self::send`] does, with one write if they fit.
    pub fn send_all(&self, frames: &[Frame], class: Class) {
        let items: Vec<_> = frames.iter().map(|frame| Item { frame, class }).collect();
        let mut tally = Tally::default();
        self.deliver(&items, None, &mut tally);
        self.metrics.count(&mut tally);
    }

    /// Sends several frames as [`Self::send`] does, with one write if they fit. `whole` is all of
    /// them joined, where somebody has that already. What went out at once is counted in `tally`.
    pub(crate) fn deliver(&self, items: &[Item<'_>], whole: Option<&Frame>, tally: &mut Tally) {
        let state = self.state.lock();
        let whole = match items {
            [only] => Some(only.frame),
            _ => whole,
        };
        let tried = whole.and_then(|whole| state.try_send(whole));
        // By far the commonest case, so nothing else is touched in it: this is all that a receiver
        // costs beside the system call.
        if let (Some(whole), Some(Ok(written))) = (whole, &tried)
            && *written == whole.len()
        {
            tally.deliveries += items.len() as u64;
            tally.writes += 1;
            tally.written_bytes += *written as u64;
            return;
        }
        self.change_locked(state, |state| {
            state.deliver(items, tried, self.outbox_bytes, &self.metrics);
        });
    }

    /// Bytes that may wait while [`Self::room`] says that there is room, and that one may send
    /// then at once without coming near the limit: a quarter of it.
    pub fn room_bytes(&self) -> usize {
        self.outbox_bytes / 4
    }

    /// Waits until at most [`Self::room_bytes`] wait, or the connection is closed: for whoever has
    /// much to send and can do it bit by bit. For one task: only the latest one is woken.
    pub async fn room(&self) {
        poll_fn(|cx| self.poll_room(cx)).await;
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.change(|state| {
            if state.has_room(self.room_bytes()) {
                return Poll::Ready(());
            }
            state.wake_for_room(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Brings the connection into the processor's cache; it changes nothing. What a receiver costs
    /// beside the system call is mostly waiting for its memory, and several can be waited for at
    /// once.
    pub(crate) fn fetch(&self) {
        std::hint::black_box(self.state.is_locked());
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Lets frames go to a stream from now on; what waits goes out first. With `base64_binary`
    /// binary messages become text frames `b<base64>` (Engine.IO over WebSocket with `b64=1`).
    pub fn attach_stream(&self, stream: Arc<Stream>, base64_binary: bool) {
        self.change(|state| state.attach(stream, base64_binary, &self.metrics));
    }

    /// Attaches the stream of a client that has just come, as [`Self::attach_stream`] does, and
    /// says these bytes first, whatever else waits. A new socket has room for them: one that
    /// doesn't take them all at once has lost its client, and the connection is closed.
    pub fn greet(&self, stream: Arc<Stream>, base64_binary: bool, greeting: &[u8]) {
        self.change(|state| {
            state.greet(&stream, greeting, &self.metrics);
            state.attach(stream, base64_binary, &self.metrics);
        });
    }

    /// Drops the stream and all that waits: the last act of the connection's task.
    pub fn discard(&self) {
        self.change(|state| state.discard(&self.metrics));
    }

    /// Takes whole frames for a poll response: at least one if any waits, then more while both
    /// limits hold. A frame of more packets than `max_packets` goes alone. Takes nothing once a
    /// stream is attached; still works after a close that lets the outbox drain.
    pub fn take(&self, max_packets: usize, max_bytes: usize) -> Vec<Frame> {
        self.change(|state| state.take(max_packets, max_bytes))
    }

    /// Ready when something waits or the connection is closed. For the polling transport, and for
    /// one task: only the latest one that asked is woken.
    pub fn poll_outgoing(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.change(|state| {
            if state.waits() || state.is_closed() {
                return Poll::Ready(());
            }
            state.wake_later(cx);
            Poll::Pending
        })
    }

    /// Writes what waits whenever the stream is writable. Pending while the connection is open
    /// and healthy; `Ok` once it is closed (see [`Self::closed`], then [`Self::poll_drain`]). For
    /// one task, as [`Self::poll_outgoing`].
    ///
    /// # Errors
    /// When the stream fails. The connection is not closed by that: the caller knows the reason.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        // By far the commonest case: there is nothing to do, and nothing changes.
        if state.is_idle() {
            state.wake_later(cx);
            return Poll::Pending;
        }
        self.change_locked(state, |state| {
            if state.is_closed() {
                return Poll::Ready(Ok(()));
            }
            state.wake_later(cx);
            ready!(state.poll_write_out(cx, &self.metrics))?;
            Poll::Pending
        })
    }

    /// Writes what waits, also of a closed connection, as far as the reason lets it; ready when
    /// nothing of it is left, so that a close frame can follow. The caller bounds the time.
    ///
    /// # Errors
    /// When the stream fails.
    pub fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.change(|state| {
            state.wake_later(cx);
            state.poll_write_out(cx, &self.metrics)
        })
    }

    /// Closes the connection; the first reason stays. Wakes the connection's task. Answers
    /// whether this call was the one that closed it.
    pub fn close(&self, reason: CloseReason) -> bool {
        self.change(|state| state.close(reason, &self.metrics))
    }

    /// Why the connection was closed, if it was.
    pub fn closed(&self) -> Option<CloseReason> {
        self.state.lock().closed()
    }

    /// Bytes that wait to be written or taken.
    pub fn pending_bytes(&self) -> usize {
        self.state.lock().pending_bytes()
    }

    /// Changes the state, then does what follows from the change: the gauge, and waking the
    /// connection's task when there is something new for it, or whoever waits for room when there
    /// is some, all outside of the lock.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        self.change_locked(self.state.lock(), change)
    }

    fn change_locked<R>(
        &self,
        mut state: MutexGuard<'_, State>,
        change: impl FnOnce(&mut State) -> R,
    ) -> R {
        let before = state.outline();
        // Taken out first: it lies in the outbox, which the change may drop.
        let for_room = state.take_room_waker();
        let answer = change(&mut state);
        let after = state.outline();
        let waker = if after.concerns_task(&before) { state.take_waker() } else { None };
        let for_room = for_room.and_then(|waker| {
            if state.has_room(self.room_bytes()) {
                return Some(waker);
            }
            state.keep_room_waker(waker);
            None
        });
        drop(state);
        self.count_waiting(before.bytes, after.bytes);
        for waker in waker.into_iter().chain(for_room) {
            waker.wake();
        }
        answer
    }

    fn count_waiting(&self, before: usize, after: usize) {
        let gauge = &self.metrics.counts().outbox_bytes;
        if after > before {
            gauge.inc_by((after - before).cast_signed() as i64);
        } else if after < before {
            gauge.dec_by((before - after).cast_signed() as i64);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let waiting = self.state.get_mut().pending_bytes();
        self.count_waiting(waiting, 0);
    }
}
