//! The outgoing half of a connection: its outbox and where that drains to.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use wire::Frame;

use crate::{Class, CloseReason, Limits, Metrics, Stream};

/// The outgoing half of a connection, shared by the shards, the connection's task and the
/// application.
///
/// Frames go straight to the stream while nothing waits; else they wait in order in the outbox,
/// and the connection's task writes them through [`Self::poll_flush`], or takes them for a poll
/// response with [`Self::take`].
#[derive(Debug)]
pub struct Connection {}

impl Connection {
    /// Makes a connection without a transport: frames wait.
    pub fn new(limits: &Limits, metrics: &Metrics) -> Arc<Self> {
        let _ = (limits, metrics);
        todo!()
    }

    /// Sends a frame behind what already waits. If nothing waits and a stream is attached, the
    /// socket is tried at once. At the limit ephemeral frames are dropped, then the connection is
    /// closed as a slow consumer. A closed connection takes no frames.
    pub fn send(&self, frame: &Frame, class: Class) {
        let _ = (frame, class);
        todo!()
    }

    /// Lets frames go to a stream from now on; what waits goes out first. With `base64_binary`
    /// binary messages become text frames `b<base64>` (Engine.IO over WebSocket with `b64=1`).
    pub fn attach_stream(&self, stream: Arc<Stream>, base64_binary: bool) {
        let _ = (stream, base64_binary);
        todo!()
    }

    /// Drops the stream and all that waits: the last act of the connection's task.
    pub fn discard(&self) {
        todo!()
    }

    /// Takes whole frames for a poll response: at least one if any waits, then more while both
    /// limits hold. A frame of more packets than `max_packets` goes alone. Takes nothing once a
    /// stream is attached; still works after a close that lets the outbox drain.
    pub fn take(&self, max_packets: usize, max_bytes: usize) -> Vec<Frame> {
        let _ = (max_packets, max_bytes);
        todo!()
    }

    /// Ready when something waits or the connection is closed. For the polling transport.
    pub fn poll_outgoing(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        todo!()
    }

    /// Writes what waits whenever the stream is writable. Pending while the connection is open
    /// and healthy; `Ok` once it is closed (see [`Self::closed`], then [`Self::poll_drain`]).
    ///
    /// # Errors
    /// When the stream fails. The connection is not closed by that: the caller knows the reason.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        todo!()
    }

    /// Writes what a closed connection may still write; ready when nothing of it is left, so that
    /// a close frame can follow. The caller bounds the time.
    ///
    /// # Errors
    /// When the stream fails.
    pub fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        todo!()
    }

    /// Closes the connection; the first reason stays. Wakes the connection's task. Answers
    /// whether this call was the one that closed it.
    pub fn close(&self, reason: CloseReason) -> bool {
        let _ = reason;
        todo!()
    }

    /// Why the connection was closed, if it was.
    pub fn closed(&self) -> Option<CloseReason> {
        todo!()
    }

    /// Bytes that wait to be written or taken.
    pub fn pending_bytes(&self) -> usize {
        todo!()
    }
}
