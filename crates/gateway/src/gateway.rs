//! The accept loop and the end of it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hub::{CloseReason, Hub, Stream};
use hyper::server::conn::http1;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::Core;
use crate::{Config, EngineApplication, Listener, Metrics, Site, connection};

/// How long accepting waits after an error that concerns all connections (no more file
/// descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Sessions aren't closed more often than this while draining, but more of them at a time.
const DRAIN_STEP: Duration = Duration::from_millis(10);

/// What a client gets that is one too many.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Serves an application, and a site beside it, on any number of listeners. Clones share the
/// sessions.
#[derive(Clone)]
pub struct Gateway {
    core: Arc<Core>,
    http: Arc<http1::Builder>,
    stop: CancellationToken,
}

impl Gateway {
    /// Makes a gateway that spawns into `tasks` and ends when `stop` is cancelled.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(
        config: Config,
        application: Arc<dyn EngineApplication>,
        site: Arc<dyn Site>,
        hub: Hub,
        metrics: Metrics,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let http = Arc::new(connection::builder(&config));
        let core = Core::new(config, application, site, hub, metrics, tasks, &stop);
        Self { core: Arc::new(core), http, stop }
    }

    /// Accepts connections until the stop token is cancelled; then stops accepting, closes all
    /// sessions (without DISCONNECT packets, so that clients come back) spread over
    /// [`Config::drain_window`], waits for what they still have to write, and returns.
    pub async fn serve(&self, listener: Listener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.welcome(stream, peer),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        self.drain().await;
    }

    fn welcome(&self, stream: Stream, peer: Option<IpAddr>) {
        let Some(place) = self.core.connections.take(self.core.config.connections_max) else {
            self.core.metrics.counts().refused_connections.inc();
            // As much as a fresh connection takes; whatever happens, it is closed.
            let _ = stream.try_write(TOO_MANY);
            return;
        };
        let serve =
            connection::serve(Arc::clone(&self.core), Arc::clone(&self.http), stream, peer, place);
        self.core.tasks.spawn(serve);
    }

    /// Closes everything, not all at the same moment.
    async fn drain(&self) {
        let core = &self.core;
        let mut sessions = core.sessions.seal();
        shuffle(&mut sessions);
        let window = core.config.drain_window;
        let steps = (window.as_nanos() / DRAIN_STEP.as_nanos()).max(1);
        let steps = usize::try_from(steps).unwrap_or(usize::MAX).min(sessions.len().max(1));
        let pause = window / u32::try_from(steps).unwrap_or(u32::MAX);
        let at_once = sessions.len().div_ceil(steps);
        while !sessions.is_empty() {
            for session in sessions.split_off(sessions.len().saturating_sub(at_once)) {
                session.close(CloseReason::ShuttingDown);
            }
            if !sessions.is_empty() && !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        core.winding_up.cancel();
        let over = async {
            core.sessions.emptied().await;
            core.connections.emptied().await;
        };
        if tokio::time::timeout(core.config.drain_timeout, over).await.is_err() {
            tracing::warn!("some connections didn't end in time");
        }
    }
}

/// Whether accepting failed because of the connection that was just coming in.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Sessions opened together are closed apart.
fn shuffle<T>(items: &mut [T]) {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).expect("the operating system has randomness");
    let mut state = u64::from_ne_bytes(seed) | 1;
    for last in (1..items.len()).rev() {
        // xorshift: good enough to spread clients.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).expect("an index");
        items.swap(last, other);
    }
}
