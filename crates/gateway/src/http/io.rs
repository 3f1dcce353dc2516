//! The stream under the HTTP library, with a limit on how long a client may refuse to read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hub::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Exchange;

/// A stream whose writes fail when they make no progress for too long, and whose end is no
/// reason to drop a request that is being answered.
pub(crate) struct HttpStream {
    stream: Stream,
    /// What was read before, and comes first.
    early: Bytes,
    exchange: Arc<Exchange>,
    /// How reading has ended, if it has.
    ended: Option<Result<(), io::ErrorKind>>,
    write_timeout: Duration,
    /// Runs while the client's side is full.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl HttpStream {
    pub(crate) fn new(
        stream: Stream,
        early: Bytes,
        exchange: Arc<Exchange>,
        write_timeout: Duration,
    ) -> Self {
        Self { stream, early, exchange, ended: None, write_timeout, stalled: None }
    }

    pub(crate) fn into_inner(self) -> Stream {
        self.stream
    }

    fn bounded<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.early.is_empty() {
            let fits = this.early.len().min(buffer.remaining());
            buffer.put_slice(&this.early.split_to(fits));
            return Poll::Ready(Ok(()));
        }
        if this.ended.is_none() {
            let before = buffer.filled().len();
            let outcome = match &mut this.stream {
                Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
                Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            };
            this.ended = match ready!(outcome) {
                Ok(()) if buffer.filled().len() > before => return Poll::Ready(Ok(())),
                Ok(()) => Some(Ok(())),
                Err(error) => Some(Err(error.kind())),
            };
        }
        if this.exchange.client_left() {
            // This task goes on as soon as the request has been answered.
            return Poll::Pending;
        }
        Poll::Ready(this.ended.unwrap_or(Ok(())).map_err(Into::into))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match &mut this.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        this.bounded(outcome, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match &mut this.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        this.bounded(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Sockets have no buffer of their own on this side.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
