//! Serves one application on a port until it is interrupted.

use std::sync::Arc;

use gateway::{Config, EngineApplication, Gateway, Metrics, NoSite};
use hub::Hub;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Serves what `application` makes, on the port that `--port` names (0 picks a free one).
pub(crate) async fn run(
    config: Config,
    application: impl FnOnce(&Config, &Hub, &Metrics, &TaskTracker) -> Arc<dyn EngineApplication>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port()?)).await?;
    println!("listening on http://{}{}", listener.local_addr()?, config.path);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let hub = Hub::start(2, hub::Limits::default(), hub::Metrics::new(), &tasks);
    let metrics = Metrics::new();
    let application = application(&config, &hub, &metrics, &tasks);
    let gateway =
        Gateway::new(config, application, Arc::new(NoSite), hub, metrics, tasks, stop.clone());
    tokio::select! {
        () = gateway.serve(listener.into()) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

fn port() -> anyhow::Result<u16> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [flag, port] if flag == "--port" => Ok(port.parse()?),
        [] => Ok(3000),
        _ => anyhow::bail!("usage: [--port N]"),
    }
}
