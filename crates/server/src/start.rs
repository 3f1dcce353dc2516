//! How an instance is put together, and how it ends.

mod limits;
mod listen;
mod peers;
mod secret;

use std::{io, sync::Arc, time::Duration};

use broker::Broker;
use gateway::{Gateway, SocketLayer};
use hub::Hub;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    application::{Chat, Shared, Welcome, identity, recovery::keeper::Keeper},
    config::Config,
    control::Control,
    forward,
    metrics::Metrics,
    neighbours::Neighbours,
    presence,
    pulse::{self, Pulse},
    sequencer::{self, Sequencer},
    site::{self, Site},
    trace::{Traces, journey::Journeys},
};
pub use listen::Address;

/// Signals of instances that may wait to be taken.
const SIGNALS: usize = 4_096;

/// Why an instance did not start. Each one is the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be had.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// Where it should have listened.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The log can't be opened.
    #[error("can't open the log: {0}")]
    Log(#[from] broker::Error),
    /// The Redis URL is not understood.
    #[error("can't use this Redis: {0}")]
    Redis(#[from] broker::redis::ConfigError),
    /// The system takes no handler for signals.
    #[error("can't listen for signals: {0}")]
    Signals(io::Error),
}

/// How long a stop waits for the notice of it to be taken.
const NOTICE_WAIT: Duration = Duration::from_secs(1);

/// A running instance.
pub struct Server {
    address: Address,
    sequencer: Sequencer,
    /// Cancelled first: not ready any more.
    leaving: CancellationToken,
    /// Between that and `stop`, so that balancers learn of it.
    drain_delay: Duration,
    /// Cancelled next: no new connections, the open ones end.
    stop: CancellationToken,
    /// Cancelled when the last connection has ended: until then all hear and may send.
    ended: CancellationToken,
    tasks: TaskTracker,
    serving: tokio::task::JoinHandle<()>,
}

/// Opens the log that the configuration names; instances of one process share it.
///
/// # Errors
/// The data directory is in use or damaged, the URL is not understood. A Redis that can't be
/// reached is no error: it is tried again for as long as the instance runs.
pub fn open_log(config: &Config, tasks: &TaskTracker) -> Result<Arc<dyn Broker>, StartError> {
    let limits = limits::log(config);
    Ok(match &config.redis {
        Some(url) => {
            let mut redis = broker::redis::Config::new(url.expose());
            redis.prefix.clone_from(&config.redis_prefix);
            redis.limits = limits;
            broker::redis::Redis::start(redis, tasks)?
        }
        None if config.ephemeral => broker::embedded::Embedded::open(None, limits)?,
        None => broker::embedded::Embedded::open(Some(&config.data), limits)?,
    })
}

impl Server {
    /// Starts an instance on an open log: it listens when this returns.
    ///
    /// # Errors
    /// The address can't be had.
    pub async fn start(config: &Config, broker: Arc<dyn Broker>) -> Result<Self, StartError> {
        let (listener, address) = listen::listen(config).await?;
        let peer_listener = peers::listen(config)?;
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let (leaving, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (registry, metrics, hub_metrics, gateway_metrics) = all_metrics();

        let instance = config.instance.clone().unwrap_or_else(|| listen::instance_name(&address));
        let canary: Box<str> = format!("{instance}#{}", identity::random_text::<6>()).into();
        let hub = Hub::start(limits::shards(config), limits::hub(config), hub_metrics, &tasks);
        let pulse = Arc::new(Pulse::new(canary.clone(), broker.clone(), metrics.clone()));
        let (traces, (signals, signalled)) = (Traces::default(), mpsc::channel(SIGNALS));
        let parts = sequencer::Parts {
            hub: hub.clone(),
            broker: broker.clone(),
            pulse: pulse.clone(),
            signals,
            ring: limits::ring(config),
            traces: traces.clone(),
            metrics: metrics.clone(),
        };
        let sequencer = Sequencer::start(parts, &tasks, &ended);
        tasks.spawn(pulse.clone().beat(sequencer.clone(), tasks.clone(), ended.clone()));
        let tag = peer_listener.is_some().then(|| forward::tag_of(&canary));
        let me = peers::myself(config, canary, &instance, peer_listener.as_ref());
        let (lease, gauge) = (limits::log(config).lease, metrics.instances.clone());
        let neighbours = Neighbours::start(me, broker.clone(), lease, gauge, &tasks, ended.clone());
        let control = control(&neighbours, &broker, &metrics, &tasks, &ended);
        let parts = presence::Parts {
            broker: broker.clone(),
            sequencer: sequencer.clone(),
            signals: signalled,
            neighbours: neighbours.clone(),
        };
        let keys = secret::keys(config, &broker, &tasks, &ended);
        let presence = presence::start(parts, &tasks, ended.clone());
        let chat = Chat::new(Shared {
            welcome: Welcome::new(&instance, &config.lobby, &limits::chat(config)),
            lobby: config.lobby.clone(),
            limits: limits::chat(config),
            open_rooms: config.open_rooms,
            keeper: keeper(config, &control, &broker, &metrics, &tasks, &ended),
            presence: presence.clone(),
            signer: keys.signer.clone(),
            traces: traces.clone(),
            broker,
            sequencer: sequencer.clone(),
            hub: hub.clone(),
            metrics,
            tasks: tasks.clone(),
        });
        let site = Arc::new(Site::new(site::Parts {
            base_path: config.base_path.clone(),
            public: config.public.clone(),
            pulse,
            registry: Arc::new(registry),
            hub: hub.clone(),
            neighbours: neighbours.clone(),
            leaving: leaving.clone(),
            journeys: Journeys::start(control, traces),
            presence,
            signer: keys.signer,
            admin_token: config.admin_token.clone(),
        }));
        let limits = limits::gateway(config, tag);
        let gateway = gateway(limits, chat, site, hub, gateway_metrics, &tasks, &stop);
        peers::join(&gateway, peer_listener, config, &neighbours, keys.forward, &tasks, &ended);
        let serving = tasks.spawn(async move { gateway.serve(listener).await });
        let drain_delay = config.drain_delay;
        Ok(Self { address, sequencer, leaving, drain_delay, stop, ended, tasks, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks it to stop: not ready any more, no new connections, the open ones closed one after
    /// the other. Whoever is still connected goes on hearing and sending. Returns when all is
    /// done; the log stays open.
    pub async fn stop(self) {
        self.leaving.cancel();
        tokio::time::sleep(self.drain_delay).await;
        let notice = self.sequencer.tell_all("notice", pulse::draining());
        // Before the first connection is closed; but a stop waits for nobody who doesn't listen.
        let _ = tokio::time::timeout(NOTICE_WAIT, notice).await;
        self.stop.cancel();
        // It fails only if serving panicked, and then there is nothing left to wait for.
        let _ = self.serving.await;
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What the parts of an instance count, and where all of it is read.
fn all_metrics() -> (Registry, Arc<Metrics>, hub::Metrics, gateway::Metrics) {
    let mut registry = Registry::with_prefix("palabre");
    let metrics = Arc::new(Metrics::new(&mut registry));
    let hub_metrics = hub::Metrics::new();
    hub_metrics.register(&mut registry);
    let gateway_metrics = gateway::Metrics::new();
    gateway_metrics.register(&mut registry);
    (registry, metrics, hub_metrics, gateway_metrics)
}

/// Puts the chat and the site behind the transports.
fn gateway(
    limits: gateway::Config,
    chat: Chat,
    site: Arc<Site>,
    hub: Hub,
    metrics: gateway::Metrics,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Gateway {
    let (chat, shared) = (Arc::new(chat), hub.clone());
    let layer = SocketLayer::new(chat, &limits, shared, metrics.clone(), tasks.clone());
    Gateway::new(limits, Arc::new(layer), site, hub, metrics, tasks.clone(), stop.clone())
}

/// Opens the mail between instances.
fn control(
    neighbours: &Neighbours,
    broker: &Arc<dyn Broker>,
    metrics: &Arc<Metrics>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Control {
    let (id, all) = (neighbours.id().into(), neighbours.clone());
    let living = move || all.live().iter().map(|neighbour| neighbour.id.clone()).collect();
    Control::start(id, broker.clone(), Box::new(living), metrics.clone(), tasks, stop)
}

/// Keeps session records, unless recovery is switched off.
fn keeper(
    config: &Config,
    control: &Control,
    broker: &Arc<dyn Broker>,
    metrics: &Arc<Metrics>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Option<Keeper> {
    let window = config.recovery_window;
    (!window.is_zero()).then(|| {
        let (broker, metrics) = (broker.clone(), metrics.clone());
        Keeper::start(window, broker, control, metrics, tasks, stop)
    })
}
