//! What all parts of one gateway share.

use std::sync::Arc;

use hub::Hub;
use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::engine::Transport;

use crate::places::Places;
use crate::sessions::Sessions;
use crate::timers::{Clock, Timers};
use crate::{Config, EngineApplication, Metrics, Site};

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) application: Arc<dyn EngineApplication>,
    pub(crate) site: Arc<dyn Site>,
    pub(crate) hub: Hub,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: TaskTracker,
    pub(crate) clock: Clock,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) connections: Arc<Places>,
    pub(crate) timers: Timers,
    /// Connections end after their present request: set when the sessions have been closed.
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
            timers: Timers::start(workers, clock, &tasks, stop),
            winding_up: CancellationToken::new(),
            polling: metrics.session_gauge(Transport::Polling),
            websocket: metrics.session_gauge(Transport::WebSocket),
            config,
            application,
            site,
            hub,
            metrics,
            tasks,
            clock,
        }
    }

    /// How many sessions use a transport.
    pub(crate) fn gauge(&self, transport: Transport) -> &Gauge {
        match transport {
            Transport::Polling => &self.polling,
            Transport::WebSocket => &self.websocket,
        }
    }
}
