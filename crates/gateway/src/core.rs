//! What all parts of one gateway share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hub::Hub;
use hyper::server::conn::http1;
use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::engine::Transport;

use crate::greeting::Greeting;
use crate::places::Places;
use crate::sessions::Sessions;
use crate::timers::{Clock, Timers};
use crate::{Config, EngineApplication, Metrics, Peers, Site, connection, random};

pub(crate) struct Core {
    pub(crate) config: Config,
    /// The HTTP library, with the limits of the configuration.
    pub(crate) http: http1::Builder,
    pub(crate) greeting: Greeting,
    pub(crate) application: Arc<dyn EngineApplication>,
    pub(crate) site: Arc<dyn Site>,
    pub(crate) hub: Hub,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: TaskTracker,
    pub(crate) clock: Clock,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) connections: Arc<Places>,
    /// The other instances, where there may be some.
    pub(crate) peers: OnceLock<Arc<dyn Peers>>,
    pub(crate) peer_connections: Arc<Places>,
    pub(crate) forwards: Arc<Places>,
    pub(crate) relays: Arc<Places>,
    pub(crate) timers: Timers,
    /// The instance stops: nothing new begins.
    pub(crate) stop: CancellationToken,
    /// Connections end after their present request: set when the sessions have ended.
    pub(crate) winding_up: CancellationToken,
    polling: Gauge,
    websocket: Gauge,
}

impl Core {
    pub(crate) fn new(
        config: Config,
        application: Arc<dyn EngineApplication>,
        site: Arc<dyn Site>,
        hub: Hub,
        metrics: Metrics,
        tasks: TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let clock = Clock::start();
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        Self {
            sessions: Sessions::new(config.sessions_max),
            connections: Places::new(metrics.counts().connections.clone()),
            peers: OnceLock::new(),
            peer_connections: Places::new(metrics.counts().peer_connections.clone()),
            forwards: Places::new(metrics.counts().forwards_pending.clone()),
            relays: Places::new(metrics.counts().relays.clone()),
            stop: stop.clone(),
            timers: Timers::start(workers, clock, &tasks, stop),
            winding_up: CancellationToken::new(),
            polling: metrics.session_gauge(Transport::Polling),
            websocket: metrics.session_gauge(Transport::WebSocket),
            http: connection::builder(&config),
            greeting: Greeting::new(&config),
            config,
            application,
            site,
            hub,
            metrics,
            tasks,
            clock,
        }
    }

    /// Ready at some moment of the window over which this instance ends its connections, another
    /// one for each caller.
    pub(crate) async fn somewhen_while_draining(&self) {
        self.stop.cancelled().await;
        let window = self.config.drain_window.as_millis().max(1);
        let pause = u128::from(u64::from_ne_bytes(random())) % window;
        tokio::time::sleep(Duration::from_millis(u64::try_from(pause).unwrap_or(0))).await;
    }

    /// How many sessions use a transport.
    pub(crate) fn gauge(&self, transport: Transport) -> &Gauge {
        match transport {
            Transport::Polling => &self.polling,
            Transport::WebSocket => &self.websocket,
        }
    }
}
