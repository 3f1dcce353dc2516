//! One TCP or Unix connection and its task: HTTP until it ends or becomes a WebSocket.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hub::Stream;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::core::Core;
use crate::http::{Exchange, First, From, HttpStream, Service, quick};
use crate::places::Place;
use crate::websocket::{self, Next};
use crate::{BoxFuture, Config};

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

/// Serves a connection to its end, as whatever it becomes. One task does all of it, and it is
/// small: each stage has memory of its own, which goes with it.
pub(crate) struct Serving(Stage);

enum Stage {
    /// Nothing has come yet.
    Silent(Box<Silent>),
    /// HTTP, or an end that takes time. Boxed once more: most connections are in another stage.
    Working(Box<BoxFuture<Option<Next>>>),
    WebSocket(Box<websocket::WebSocket>),
    Over,
}

/// A connection from which nothing has come yet.
struct Silent {
    core: Arc<Core>,
    stream: Stream,
    from: From,
    place: Place,
    patience: Patience,
}

/// How a connection is waited for that says nothing.
enum Patience {
    /// Not at all yet.
    Fresh,
    /// Until the runtime has looked once what has come: by then nearly all have spoken, and a
    /// timer would have been set for nothing.
    Brief,
    /// Until its time is over, or the instance's.
    Bounded(BoxFuture<()>),
}

impl Serving {
    pub(crate) fn new(core: Arc<Core>, stream: Stream, from: From, place: Place) -> Self {
        let silent = Silent { core, stream, from, place, patience: Patience::Fresh };
        Self(Stage::Silent(Box::new(silent)))
    }
}

impl Future for Serving {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            let stage = match &mut this.0 {
                Stage::WebSocket(socket) => return Pin::new(&mut **socket).poll(cx),
                Stage::Working(work) => match ready!(work.as_mut().as_mut().poll(cx)) {
                    Some(next) => next.into(),
                    None => Stage::Over,
                },
                Stage::Silent(silent) => {
                    let first = ready!(silent.poll_first(cx));
                    match std::mem::replace(&mut this.0, Stage::Over) {
                        Stage::Silent(silent) => silent.go_on(first),
                        other => other,
                    }
                }
                Stage::Over => return Poll::Ready(()),
            };
            this.0 = stage;
        }
    }
}

impl std::convert::From<Next> for Stage {
    fn from(next: Next) -> Self {
        match next {
            Next::WebSocket(socket) => Self::WebSocket(socket),
            Next::Other(work) => Self::Working(Box::new(Box::pin(async move {
                work.await;
                None
            }))),
        }
    }
}

impl Silent {
    /// What the connection begins with, or nothing when it has had its time.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Option<First>> {
        let peer = match self.from {
            From::Client(peer) => peer,
            From::Peer => return Poll::Ready(Some(First::Other(Bytes::new()))),
        };
        // The runtime takes it for readable until it was looked at once.
        while self.stream.poll_read_ready(cx).is_ready() {
            if let Some(first) = quick::open(&self.core, &self.stream, peer) {
                return Poll::Ready(Some(first));
            }
        }
        if let Patience::Fresh = self.patience {
            self.patience = Patience::Brief;
            // It asks for a further poll at once, which nothing takes back.
            let _asked = pin!(yield_now()).poll(cx);
            return Poll::Pending;
        }
        if let Patience::Brief = self.patience {
            let core = Arc::clone(&self.core);
            self.patience = Patience::Bounded(Box::pin(async move {
                tokio::select! {
                    () = sleep(core.config.header_timeout) => {}
                    () = core.winding_up.cancelled() => {}
                }
            }));
        }
        match &mut self.patience {
            Patience::Bounded(patience) => patience.as_mut().poll(cx).map(|()| None),
            Patience::Fresh | Patience::Brief => Poll::Pending,
        }
    }

    fn go_on(self, first: Option<First>) -> Stage {
        let Self { core, stream, from, place, .. } = self;
        let work: BoxFuture<_> = match first {
            None => Box::pin(async move {
                websocket::linger(stream, core.config.linger_timeout).await;
                drop(place);
                None
            }),
            Some(First::Usual { upgrade, early }) => {
                return websocket::start(&core, stream, place, early, upgrade).into();
            }
            Some(First::Other(early)) => Box::pin(serve(core, stream, from, place, early)),
        };
        Stage::Working(Box::new(work))
    }
}

/// Serves HTTP; then what the connection becomes, if anything. `early` is what was read of it.
async fn serve(
    core: Arc<Core>,
    stream: Stream,
    from: From,
    place: Place,
    early: Bytes,
) -> Option<Next> {
    let exchange = Arc::new(Exchange::default());
    let service = Service { core: Arc::clone(&core), from, exchange: Arc::clone(&exchange) };
    let stream = HttpStream::new(stream, early, Arc::clone(&exchange), core.config.write_timeout);
    let io = TokioIo::new(stream);
    // Boxed, so that all of it is gone before the end is waited for.
    let http = Box::new(core.http.serve_connection(io, service));
    let (stream, early, in_order) = run(&core, http).await;
    match exchange.take_upgrade() {
        Some(upgrade) if in_order => {
            Some(websocket::start(&core, stream, place, early.to_vec(), upgrade))
        }
        // Also after an error: its answer (431, 408) has to arrive.
        _ => {
            websocket::linger(stream, core.config.linger_timeout).await;
            None
        }
    }
}

/// Serves requests; then what is left of the connection, and whether it ended in order.
async fn run(core: &Core, mut http: Box<Http>) -> (Stream, Bytes, bool) {
    let mut winding_up = pin!(core.winding_up.cancelled());
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
