//! Socket.IO over an Engine.IO session: namespaces, events, acknowledgements.

use std::sync::Arc;

use hub::Hub;
use tokio_util::task::TaskTracker;

use crate::{Application, Config, EngineApplication, EngineSession, Metrics, Session};

/// Serves an [`Application`] over Engine.IO sessions.
pub struct SocketLayer {}

impl SocketLayer {
    /// Makes the layer. It takes its limits from the same configuration as the gateway.
    pub fn new(
        application: Arc<dyn Application>,
        config: &Config,
        hub: Hub,
        metrics: Metrics,
        tasks: TaskTracker,
    ) -> Self {
        let _ = (application, config, hub, metrics, tasks);
        todo!()
    }
}

impl EngineApplication for SocketLayer {
    fn open(&self, session: &Arc<Session>) -> Arc<dyn EngineSession> {
        let _ = session;
        todo!()
    }
}
