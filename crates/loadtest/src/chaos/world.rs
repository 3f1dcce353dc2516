//! The servers of a run: instances of this program over a Redis of its own, behind a gate; or
//! running ones that were named.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::args::{ChaosArgs, Scenario};
use super::gate::Gate;
use super::program::Program;
use super::store::{Store, free_port};
use crate::target::Target;

/// How long an instance may take to be ready.
const READY_WAIT: Duration = Duration::from_secs(30);

/// The outbox of instances whose clients don't read: small, so that it is soon full.
const SMALL_OUTBOX: &str = "65536";

/// All that a scenario can be done to.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) gate: Gate,
    /// Where the instances listen.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The own ones; none where they are somebody else's.
    pub(crate) instances: Vec<Program>,
    pub(crate) store: Option<Store>,
    folder: Option<Folder>,
}

/// A folder that goes with the run.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed stays behind in the system's folder for temporary things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl World {
    pub(crate) async fn open(args: &ChaosArgs, scenario: Scenario) -> anyhow::Result<Self> {
        if args.url.is_empty() {
            return Self::start(args, scenario).await;
        }
        if !scenario.needs_only_clients() {
            bail!("{} needs instances of its own: leave --url out", scenario.name());
        }
        let mut addresses = Vec::new();
        for url in &args.url {
            addresses.push(Target::find(url)?.address());
        }
        let gate = Gate::open(addresses.clone()).await?;
        Ok(Self { gate, addresses, instances: Vec::new(), store: None, folder: None })
    }

    async fn start(args: &ChaosArgs, scenario: Scenario) -> anyhow::Result<Self> {
        let name = format!("palabre-chaos-{}-{}", std::process::id(), scenario.name());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        let folder = Folder(path.clone());
        let store = match scenario {
            Scenario::Failover => Store::replicated(&path, &args.redis_server).await,
            _ => Store::single(&path, &args.redis_server).await,
        };
        let store = store.context("no Redis")?;
        let program = std::env::current_exe()?;
        let (mut instances, mut addresses) = (Vec::new(), Vec::new());
        for number in 0..args.instances {
            let port = free_port();
            let name = format!("chaos-{number}");
            let told = instance_args(&name, port, &store.url, scenario);
            instances.push(Program::start(&path, &name, &program, told)?);
            addresses.push(SocketAddr::from(([127, 0, 0, 1], port)));
        }
        let gate = Gate::open(addresses.clone()).await?;
        let store = Some(store);
        let world = Self { gate, addresses, instances, store, folder: Some(folder) };
        for number in 0..world.instances.len() {
            world.ready(number).await?;
        }
        Ok(world)
    }

    /// Waits until an instance says that it is ready.
    pub(crate) async fn ready(&self, number: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WAIT;
        loop {
            let ready = timeout(Duration::from_secs(2), is_ready(self.addresses[number])).await;
            if matches!(ready, Ok(Ok(true))) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let words = self.instances.get(number).map(Program::last_words);
                bail!("instance {number} is not ready:\n{}", words.unwrap_or_default());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many connections the instances have closed because their clients read too slowly.
    pub(crate) async fn cut_off(&self) -> anyhow::Result<u64> {
        self.sum("closed_connections", "slow consumer").await
    }

    /// How many sessions nobody could take up yet if their instance were killed now.
    pub(crate) async fn unwritten(&self) -> anyhow::Result<u64> {
        self.sum("session_records_waiting", "").await
    }

    /// The sum of a metric over all instances, of the label that it names, if it has any.
    async fn sum(&self, metric: &str, label: &str) -> anyhow::Result<u64> {
        let mut sum = 0;
        for address in &self.addresses {
            let metrics = get(*address, "/metrics").await?;
            let samples = metrics.lines().filter_map(|line| line.rsplit_once(' '));
            let mut values = samples.filter(|(name, _)| {
                !name.starts_with('#') && name.contains(metric) && name.contains(label)
            });
            sum += values.next().map_or(Ok(0), |(_, value)| value.parse())?;
        }
        Ok(sum)
    }

    /// The Redis that the run has started.
    pub(crate) fn store(&mut self) -> anyhow::Result<&mut Store> {
        self.store.as_mut().context("the run has no Redis of its own")
    }

    /// The addresses without one instance's.
    pub(crate) fn others(&self, number: usize) -> Vec<SocketAddr> {
        let kept = self.addresses.iter().enumerate().filter(|(at, _)| *at != number);
        kept.map(|(_, address)| *address).collect()
    }

    /// Keeps the folder with the logs, for who wants to look into them.
    pub(crate) fn keep_folder(&mut self) -> Option<PathBuf> {
        let folder = self.folder.take()?;
        let path = folder.0.clone();
        std::mem::forget(folder);
        Some(path)
    }
}

fn instance_args(name: &str, port: u16, redis: &str, scenario: Scenario) -> Vec<String> {
    let port = port.to_string();
    let mut args = vec!["serve", "--port", &port, "--instance", name, "--redis", redis];
    args.extend(["--rate-limit", "none", "--room-entries", "1000000"]);
    if scenario == Scenario::SlowClient {
        args.extend(["--outbox-bytes", SMALL_OUTBOX]);
    }
    args.into_iter().map(str::to_owned).collect()
}

async fn is_ready(address: SocketAddr) -> anyhow::Result<bool> {
    Ok(get(address, "/readyz").await?.starts_with("HTTP/1.1 200"))
}

/// What an instance answers, head and body.
async fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
