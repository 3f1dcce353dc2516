//! A gateway on a free port.

use std::net::SocketAddr;
use std::sync::Arc;

use gateway::{
    Application, Config, EngineApplication, Gateway, Metrics, NoSite, Site, SocketLayer,
};
use hub::Hub;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::{Http, Session, WebSocket, soon};
use crate::applications::{EchoEngine, EchoSocket, engine_config, socket_config};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) metrics: Metrics,
    pub(crate) hub: Hub,
    /// Where other instances may ask it.
    pub(crate) gateway: Gateway,
    registry: Registry,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Stops it when the test is over.
    _stopping: DropGuard,
    /// Cancelled when `serve` has returned.
    returned: CancellationToken,
}

/// What an application is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    hub: Hub,
    metrics: Metrics,
    tasks: TaskTracker,
}

impl Server {
    /// The echo of the Engine.IO suite, with pings so rare that a slow machine misses none.
    pub(crate) async fn engine() -> Self {
        Self::engine_with(calm(engine_config())).await
    }

    /// The same with the suite's own pings.
    pub(crate) async fn engine_suite() -> Self {
        Self::engine_with(engine_config()).await
    }

    pub(crate) async fn engine_with(config: Config) -> Self {
        Self::start(config, Arc::new(NoSite), |_, _| Arc::new(EchoEngine)).await
    }

    /// The echo of the Socket.IO suite, with pings so rare that a slow machine misses none.
    pub(crate) async fn socket() -> Self {
        Self::socket_with(calm(socket_config()), EchoSocket).await
    }

    /// The same with the suite's own pings.
    pub(crate) async fn socket_suite() -> Self {
        Self::socket_with(socket_config(), EchoSocket).await
    }

    pub(crate) async fn socket_with(config: Config, application: impl Application) -> Self {
        Self::start(config, Arc::new(NoSite), |parts, config| {
            let Parts { hub, metrics, tasks } = parts.clone();
            Arc::new(SocketLayer::new(Arc::new(application), config, hub, metrics, tasks))
        })
        .await
    }

    pub(crate) async fn start(
        config: Config,
        site: Arc<dyn Site>,
        application: impl FnOnce(&Parts, &Config) -> Arc<dyn EngineApplication>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (mut registry, hub_metrics) = (Registry::default(), hub::Metrics::new());
        hub_metrics.register(&mut registry);
        let hub = Hub::start(2, hub::Limits::default(), hub_metrics, &tasks);
        let parts = Parts { hub: hub.clone(), metrics: Metrics::new(), tasks: tasks.clone() };
        let application = application(&parts, &config);
        let Parts { metrics, .. } = parts;
        let path = config.path.to_string();
        let gateway = Gateway::new(
            config,
            application,
            site,
            hub.clone(),
            metrics.clone(),
            tasks.clone(),
            stop.clone(),
        );
        let server = Self {
            address: listener.local_addr().expect("bound"),
            path,
            metrics,
            hub,
            gateway: gateway.clone(),
            registry,
            tasks: tasks.clone(),
            _stopping: stop.clone().drop_guard(),
            stop,
            returned: CancellationToken::new(),
        };
        let returned = server.returned.clone();
        tasks.spawn(async move {
            let _returned = returned.drop_guard();
            gateway.serve(listener.into()).await;
        });
        server
    }

    /// What the hub has counted: the value of one of its metrics.
    pub(crate) fn hub_metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("encoded");
        let start = format!("hub_{name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.and_then(|number| number.parse().ok()).expect("a metric of the hub")
    }

    /// Spawns something that ends with it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Tells it to stop, without waiting.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until `serve` has returned.
    pub(crate) async fn served(&self) {
        soon("the end of serving", self.returned.cancelled()).await;
    }

    /// Stops it and waits until no task of it is left.
    pub(crate) async fn end(self) {
        self.stop();
        self.served().await;
        let Self { tasks, hub, gateway, .. } = self;
        drop((hub, gateway));
        tasks.close();
        soon("the end of all tasks", tasks.wait()).await;
    }

    pub(crate) fn http(&self) -> Http {
        Http { address: self.address }
    }

    /// Opens a polling session.
    pub(crate) async fn poll(&self) -> Session {
        Session::open(self).await
    }

    /// Opens a WebSocket session; its open packet has been read.
    pub(crate) async fn websocket(&self) -> WebSocket {
        let mut socket = self.websocket_at("?EIO=4&transport=websocket").await;
        let open = socket.text().await;
        assert!(open.starts_with("0{"), "{open}");
        socket
    }

    /// Opens a WebSocket with a query; nothing has been read.
    pub(crate) async fn websocket_at(&self, query: &str) -> WebSocket {
        WebSocket::connect(self, query).await.expect("a WebSocket")
    }

    /// Every server has to be as good as new after whatever it went through.
    pub(crate) async fn is_healthy(&self) {
        let session = self.poll().await;
        session.post("3").await.expect("200");
        let mut socket = self.websocket().await;
        socket.send("1").await;
        socket.closed().await;
    }
}

/// The defaults of the protocol in place of the suites' haste.
pub(crate) fn calm(config: Config) -> Config {
    let Config { ping_interval, ping_timeout, connect_timeout, .. } = Config::default();
    Config { ping_interval, ping_timeout, connect_timeout, ..config }
}

/// Pings as often as in the suites, with patience for everything else.
pub(crate) fn patient(config: Config) -> Config {
    Config { ping_timeout: super::PATIENCE, connect_timeout: super::PATIENCE, ..config }
}
