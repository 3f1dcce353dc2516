//! What a connection's lock guards: the stream, what waits for it, and who is to be woken.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use wire::Frame;

use super::outbox::{Full, Item, Outbox, SLICES_MAX};
use crate::metrics::Dropped;
use crate::{CloseReason, Metrics, Stream};

#[derive(Debug, Default)]
pub(super) struct State {
    /// None while the session is on polling, and after the end.
    stream: Option<Arc<Stream>>,
    /// None while nothing waits.
    outbox: Option<Box<Outbox>>,
    /// The connection's task, from when it went to sleep until somebody woke it.
    waker: Option<Waker>,
    closed: Option<CloseReason>,
    base64_binary: bool,
}

/// What the outside has to know about a change.
#[derive(Clone, Copy)]
pub(super) struct Outline {
    pub(super) bytes: usize,
    has_stream: bool,
    waits: bool,
    closed: bool,
}

impl Outline {
    /// Whether this, after `before`, is worth waking the connection's task for. While frames
    /// wait already the task knows, and waits for its stream or for the next poll; the last line
    /// is for a drain that waits until polls have taken everything.
    pub(super) fn concerns_task(&self, before: &Self) -> bool {
        (self.has_stream && !before.has_stream)
            || (self.waits && !before.waits)
            || (self.closed && !before.closed)
            || (before.waits && !self.waits && !self.has_stream)
    }
}

impl State {
    pub(super) fn outline(&self) -> Outline {
        Outline {
            bytes: self.pending_bytes(),
            has_stream: self.stream.is_some(),
            waits: self.waits(),
            closed: self.is_closed(),
        }
    }

    pub(super) fn waits(&self) -> bool {
        self.outbox.is_some()
    }

    /// Whether it is open, and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        !self.waits() && !self.is_closed()
    }

    pub(super) fn pending_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.bytes())
    }

    pub(super) fn closed(&self) -> Option<CloseReason> {
        self.closed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    pub(super) fn wake_later(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// Whether so few bytes wait; a closed connection has room for whoever must learn of it.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.is_closed() || self.pending_bytes() <= bytes
    }

    /// Only while something waits there is somebody to wake for room.
    pub(super) fn wake_for_room(&mut self, waker: Waker) {
        if let Some(outbox) = &mut self.outbox {
            outbox.room = Some(waker);
        }
    }

    pub(super) fn take_room_waker(&mut self) -> Option<Waker> {
        self.outbox.as_mut()?.room.take()
    }

    /// Puts back what was taken out, unless another has come meanwhile.
    pub(super) fn keep_room_waker(&mut self, waker: Waker) {
        if let Some(outbox) = &mut self.outbox {
            outbox.room.get_or_insert(waker);
        }
    }

    /// Writes a frame to the socket without asking the connection's task. `None` where that may
    /// not be, or not in this way; then nothing was tried.
    pub(super) fn try_send(&self, frame: &Frame) -> Option<io::Result<usize>> {
        let stream = self.stream.as_ref()?;
        let may = self.outbox.is_none() && self.closed.is_none() && !self.base64_binary;
        may.then(|| stream.send(frame.bytes()))
    }

    /// Takes frames of which nothing is written yet, or what `tried` says.
    pub(super) fn deliver(
        &mut self,
        items: &[Item<'_>],
        tried: Option<io::Result<usize>>,
        limit: usize,
        metrics: &Metrics,
    ) {
        if self.is_closed() {
            return metrics.count_dropped(Dropped::Closed, items.len());
        }
        metrics.counts().deliveries.inc_by(items.len() as u64);
        let written = match tried {
            Some(tried) => counted(tried, metrics),
            None => self.try_direct(items, metrics),
        };
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                self.close(reason_of(&error), metrics);
                return;
            }
        };
        self.queue(items, written, limit, metrics);
        if self.base64_binary
            && let Err(error) = self.write_out(metrics)
            && !is_retryable(&error)
        {
            self.close(reason_of(&error), metrics);
        }
    }

    /// The same for several frames; answers how many bytes of them the kernel took.
    fn try_direct(&self, items: &[Item<'_>], metrics: &Metrics) -> io::Result<usize> {
        let Some(stream) = &self.stream else { return Ok(0) };
        if self.waits() || self.base64_binary {
            return Ok(0);
        }
        let mut total = 0;
        for chunk in items.chunks(SLICES_MAX) {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut length = 0;
            for (slice, item) in slices.iter_mut().zip(chunk) {
                *slice = IoSlice::new(item.frame.bytes());
                length += item.frame.len();
            }
            let written = counted(stream.try_write_vectored(&slices[..chunk.len()]), metrics)?;
            total += written;
            if written < length {
                break;
            }
        }
        Ok(total)
    }

    /// Queues what is left of these frames after `written` bytes of them.
    fn queue(&mut self, items: &[Item<'_>], mut written: usize, limit: usize, metrics: &Metrics) {
        for (index, item) in items.iter().enumerate() {
            let length = item.frame.len();
            if written >= length {
                written -= length;
                continue;
            }
            let outbox = self.outbox.get_or_insert_default();
            if written > 0 {
                outbox.push_begun(*item, written);
                written = 0;
                continue;
            }
            let pushed = if self.base64_binary {
                let frame = item.frame.base64_binary();
                outbox.push(Item { frame: &frame, class: item.class }, limit)
            } else {
                outbox.push(*item, limit)
            };
            match pushed {
                Ok(dropped) => metrics.count_dropped(Dropped::Ephemeral, dropped),
                Err(Full { dropped }) => {
                    metrics.count_dropped(Dropped::Ephemeral, dropped);
                    metrics.count_dropped(Dropped::Closed, items.len() - index);
                    self.close(CloseReason::SlowConsumer, metrics);
                    return;
                }
            }
        }
    }

    /// Writes to a stream that nothing was written to yet.
    pub(super) fn greet(&mut self, stream: &Stream, greeting: &[u8], metrics: &Metrics) {
        metrics.counts().deliveries.inc();
        match counted(stream.send(greeting), metrics) {
            Ok(written) if written == greeting.len() => {}
            _ => {
                self.close(CloseReason::TransportClose, metrics);
            }
        }
    }

    pub(super) fn attach(&mut self, stream: Arc<Stream>, base64_binary: bool, metrics: &Metrics) {
        debug_assert!(self.stream.is_none(), "a session moves to a stream once");
        if base64_binary && let Some(outbox) = &mut self.outbox {
            outbox.replace(Frame::base64_binary);
        }
        self.base64_binary = base64_binary;
        self.stream = Some(stream);
        if self.is_closed() {
            return;
        }
        if let Err(error) = self.write_out(metrics)
            && !is_retryable(&error)
        {
            self.close(reason_of(&error), metrics);
        }
    }

    pub(super) fn take(&mut self, max_packets: usize, max_bytes: usize) -> Vec<Frame> {
        if self.stream.is_some() {
            return Vec::new();
        }
        let Some(outbox) = &mut self.outbox else { return Vec::new() };
        let taken = outbox.take(max_packets, max_bytes);
        self.free_if_empty();
        taken
    }

    pub(super) fn close(&mut self, reason: CloseReason, metrics: &Metrics) -> bool {
        if self.is_closed() {
            return false;
        }
        self.closed = Some(reason);
        metrics.count_closed(reason);
        if !reason.lets_outbox_drain()
            && let Some(outbox) = &mut self.outbox
        {
            metrics.count_dropped(Dropped::Closed, outbox.keep_begun_only());
            self.free_if_empty();
        }
        true
    }

    pub(super) fn discard(&mut self, metrics: &Metrics) {
        self.close(CloseReason::TransportClose, metrics);
        self.stream = None;
        if let Some(outbox) = self.outbox.take() {
            metrics.count_dropped(Dropped::Closed, outbox.frames());
        }
    }

    /// Ready when nothing waits any more.
    pub(super) fn poll_write_out(
        &mut self,
        cx: &mut Context<'_>,
        metrics: &Metrics,
    ) -> Poll<io::Result<()>> {
        while self.waits() {
            let Some(stream) = &self.stream else { return Poll::Pending };
            ready!(stream.poll_write_ready(cx))?;
            match self.write_out(metrics) {
                Err(error) if !is_retryable(&error) => return Poll::Ready(Err(error)),
                _ => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits until it is gone, or fails, with `WouldBlock` when the socket is full.
    fn write_out(&mut self, metrics: &Metrics) -> io::Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        while let Some(outbox) = &mut self.outbox {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let used = outbox.fill(&mut slices);
            let written = stream.try_write_vectored(&slices[..used])?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            count_write(written, metrics);
            outbox.advance(written);
            if outbox.is_empty() {
                self.outbox = None;
            }
        }
        Ok(())
    }

    fn free_if_empty(&mut self) {
        if self.outbox.as_ref().is_some_and(|outbox| outbox.is_empty()) {
            self.outbox = None;
        }
    }
}

/// A full socket took nothing, which is no failure.
fn counted(written: io::Result<usize>, metrics: &Metrics) -> io::Result<usize> {
    match written {
        Ok(written) => {
            count_write(written, metrics);
            Ok(written)
        }
        Err(error) if is_retryable(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

fn count_write(written: usize, metrics: &Metrics) {
    metrics.counts().writes.inc();
    metrics.counts().written_bytes.inc_by(written as u64);
}

fn is_retryable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A peer that is gone looks the same as one that closed properly: that is the commonest end of a
/// browser tab, and no failure of the transport.
fn reason_of(error: &io::Error) -> CloseReason {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => {
            CloseReason::TransportClose
        }
        _ => CloseReason::TransportError,
    }
}
