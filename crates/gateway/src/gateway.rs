//! The accept loop and the end of it.

use std::sync::Arc;

use hub::Hub;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Config, EngineApplication, Listener, Metrics, Site};

/// Serves an application, and a site beside it, on any number of listeners. Clones share the
/// sessions.
#[derive(Clone)]
pub struct Gateway {}

impl Gateway {
    /// Makes a gateway that spawns into `tasks` and ends when `stop` is cancelled.
    pub fn new(
        config: Config,
        application: Arc<dyn EngineApplication>,
        site: Arc<dyn Site>,
        hub: Hub,
        metrics: Metrics,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let _ = (config, application, site, hub, metrics, tasks, stop);
        todo!()
    }

    /// Accepts connections until the stop token is cancelled; then stops accepting, closes all
    /// sessions (without DISCONNECT packets, so that clients come back) spread over
    /// [`Config::drain_window`], waits for what they still have to write, and returns.
    pub async fn serve(&self, listener: Listener) {
        let _ = listener;
        todo!()
    }
}
