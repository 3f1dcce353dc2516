//! One TCP or Unix connection: HTTP until it ends or becomes a WebSocket.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hub::Stream;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;

use crate::core::Core;
use crate::http::{Exchange, From, HttpStream, Service, quick};
use crate::places::Place;
use crate::{Config, websocket};

type Http = http1::Connection<TokioIo<HttpStream>, Service>;

/// The HTTP library, with the limits of a configuration.
pub(crate) fn builder(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_headers(config.headers_max)
        .max_header_size(config.header_bytes_max)
        .max_buf_size(config.header_bytes_max.max(8 * 1024) * 2);
    builder
}

/// Serves a connection to its end, or until it has become a WebSocket's.
pub(crate) async fn serve(
    core: Arc<Core>,
    builder: Arc<http1::Builder>,
    stream: Stream,
    from: From,
    place: Place,
) {
    if let From::Client(peer) = from {
        if !has_spoken(&core, &stream).await {
            return websocket::linger(stream, core.config.linger_timeout).await;
        }
        if let Some(upgrade) = quick::open(&core, &stream, peer) {
            return websocket::start(&core, stream, place, &Bytes::new(), upgrade);
        }
    }
    let exchange = Arc::new(Exchange::default());
    let service = Service { core: Arc::clone(&core), from, exchange: Arc::clone(&exchange) };
    let stream = HttpStream::new(stream, Arc::clone(&exchange), core.config.write_timeout);
    let io = TokioIo::new(stream);
    // Boxed, so that all of it is gone after an upgrade.
    let http = Box::new(builder.serve_connection(io, service));
    let (stream, early, in_order) = run(&core, http).await;
    match exchange.take_upgrade() {
        Some(upgrade) if in_order => websocket::start(&core, stream, place, &early, upgrade),
        // Also after an error: its answer (431, 408) has to arrive.
        _ => websocket::linger(stream, core.config.linger_timeout).await,
    }
}

/// Waits for the first bytes of a connection, or its end, as long as they may take.
async fn has_spoken(core: &Core, stream: &Stream) -> bool {
    let spoken = poll_fn(|cx| stream.poll_read_ready(cx));
    tokio::select! {
        spoken = timeout(core.config.header_timeout, spoken) => spoken.is_ok(),
        () = core.winding_up.cancelled() => false,
    }
}

/// Serves requests; then what is left of the connection, and whether it ended in order.
async fn run(core: &Core, mut http: Box<Http>) -> (Stream, Bytes, bool) {
    let mut winding_up = std::pin::pin!(core.winding_up.cancelled());
    let mut told = false;
    let outcome = poll_fn(|cx| {
        if !told && winding_up.as_mut().poll(cx).is_ready() {
            told = true;
            Pin::new(&mut *http).graceful_shutdown();
        }
        let outcome = http.poll_without_shutdown(cx);
        if let Poll::Ready(Err(error)) = &outcome {
            tracing::debug!(%error, "a connection ended with an error");
        }
        outcome
    })
    .await;
    let parts = http.into_parts();
    let stream = parts.io.into_inner().into_inner();
    (stream, parts.read_buf, outcome.is_ok())
}
