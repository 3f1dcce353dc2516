//! Running instances until somebody ends them.

use std::{future::Future, io::Write};

use broker::Broker;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

use crate::{
    config::{Bind, Config},
    start::{Server, StartError, open_log},
};

/// Runs one instance until SIGTERM or SIGINT; a second signal ends it at once.
///
/// # Errors
/// It did not start.
pub async fn serve(config: Config) -> Result<(), StartError> {
    run(vec![config]).await
}

/// Runs several instances on neighbouring ports, which share one log of this process. With port 0
/// each one has a free port of its own.
///
/// # Errors
/// One of them did not start.
pub async fn demo(config: Config, instances: u16) -> Result<(), StartError> {
    run((0..instances).map(|number| neighbour(&config, number)).collect()).await
}

fn neighbour(config: &Config, number: u16) -> Config {
    let mut config = config.clone();
    if config.port != 0 {
        config.port = config.port.saturating_add(number);
    }
    if let Bind::Unix(path) = &mut config.bind {
        path.as_mut_os_string().push(format!(".{number}"));
    }
    config.instance = config.instance.map(|name| format!("{name}-{number}"));
    config
}

async fn run(configs: Vec<Config>) -> Result<(), StartError> {
    let Some(first) = configs.first() else { return Ok(()) };
    let mut ending = Ending::listen().map_err(StartError::Signals)?;
    let log_tasks = TaskTracker::new();
    let broker = open_log(first, &log_tasks)?;
    let mut servers = Vec::new();
    for config in &configs {
        let server = Server::start(config, broker.clone()).await?;
        announce(&server, &*broker);
        servers.push(server);
    }
    let signal = ending.asked().await;
    tracing::info!(signal, "stopping; again to stop at once");
    let stopping = async {
        let mut stops = tokio::task::JoinSet::new();
        for server in servers {
            stops.spawn(server.stop());
        }
        stops.join_all().await;
        broker.close().await;
        log_tasks.close();
        log_tasks.wait().await;
    };
    ending.unless_asked_again(stopping).await;
    Ok(())
}

/// The one line that people and scripts read: where it listens, what keeps the log, how long.
fn announce(server: &Server, broker: &dyn Broker) {
    let description = broker.description();
    let (address, log, kept) = (server.address(), description.name, description.retention);
    let version = env!("CARGO_PKG_VERSION");
    let mut out = std::io::stdout().lock();
    // Nobody may be reading it any more, which is no reason not to serve.
    let _ = writeln!(out, "palabre {version} on {address} · log: {log} · keeps {kept}");
    let _ = out.flush();
}

/// The signals that end the program.
struct Ending {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Ending {
    fn listen() -> std::io::Result<Self> {
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }

    async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    async fn unless_asked_again(&mut self, stopping: impl Future<Output = ()>) {
        tokio::select! {
            () = stopping => {}
            signal = self.asked() => tracing::warn!(signal, "stopped at once"),
        }
    }
}
