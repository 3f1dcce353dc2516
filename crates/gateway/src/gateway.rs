//! The accept loops: for clients, and for other instances that ask for theirs.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hub::{Hub, Stream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Serving;
use crate::core::Core;
use crate::http::From;
use crate::places::Place;
use crate::{Config, EngineApplication, Listener, Metrics, Peers, Site, drain};

/// How long accepting waits after an error that concerns all connections (no more file
/// descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client gets that is one too many.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Serves an application, and a site beside it, on any number of listeners. Clones share the
/// sessions.
#[derive(Clone)]
pub struct Gateway {
    core: Arc<Core>,
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
        let core = Core::new(config, application, site, hub, metrics, tasks, &stop);
        Self { core: Arc::new(core), stop }
    }

    /// Lets sessions of other instances be served here, and those of this one there. To be said
    /// once, before [`Self::serve`].
    pub fn join(&self, peers: Arc<dyn Peers>) {
        // A second one would be a defect, and the first one stays.
        let _ = self.core.peers.set(peers);
    }

    /// Accepts connections until the stop token is cancelled; then stops accepting, closes all
    /// sessions (without DISCONNECT packets, so that clients come back) spread over
    /// [`Config::drain_window`], waits for what they still have to write, and returns.
    pub async fn serve(&self, listener: Listener) {
        self.accept(&listener, &self.stop, |peer| {
            let max = self.core.config.connections_max;
            (From::Client(peer), self.core.connections.take(max))
        })
        .await;
        drop(listener);
        drain::drain(&self.core).await;
    }

    /// Accepts connections of other instances, for as long as there are sessions. Nothing else
    /// is served there.
    pub async fn serve_peers(&self, listener: Listener) {
        self.accept(&listener, &self.core.winding_up, |_| {
            let max = self.core.config.peer_connections_max;
            (From::Peer, self.core.peer_connections.take(max))
        })
        .await;
    }

    async fn accept(
        &self,
        listener: &Listener,
        end: &CancellationToken,
        place: impl Fn(Option<IpAddr>) -> (From, Option<Place>),
    ) {
        // One for all connections: waiting for it anew costs more than the rest of a turn.
        let mut end = pin!(end.cancelled());
        loop {
            let accepted = tokio::select! {
                () = &mut end => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (from, place) = place(peer);
                    self.welcome(stream, from, place);
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn welcome(&self, stream: Stream, from: From, place: Option<Place>) {
        let Some(place) = place else {
            self.core.metrics.counts().refused_connections.inc();
            // As much as a fresh connection takes; whatever happens, it is closed.
            let _ = stream.try_write(TOO_MANY);
            return;
        };
        let serving = Serving::new(Arc::clone(&self.core), stream, from, place);
        self.core.tasks.spawn(serving);
    }
}

/// Whether accepting failed because of the connection that was just coming in.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
