//! Which instances share the log with this one: each second it renews its own lease and is told
//! of the others. When one counts as gone is the rule of [`roster`]; who asks for what between
//! instances is no concern of this file.

mod roster;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use broker::{Broker, Instance};
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use roster::Roster;

/// How often the lease is renewed.
const EVERY: Duration = Duration::from_secs(1);

/// At least so long lies between two renewals, however many ask for one.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a renewal that was asked for is waited for.
const LOOK_WAIT: Duration = Duration::from_secs(1);

/// How long a renewal may take; then it has failed.
const RENEW_WAIT: Duration = Duration::from_secs(3);

/// How long an instance that stops waits for its lease to be ended.
const RESIGN_WAIT: Duration = Duration::from_secs(1);

/// An instance that shares the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The name of this life of it; another one after a restart.
    pub id: Box<str>,
    /// What people call it.
    pub name: Box<str>,
    /// Its release; empty where it doesn't say.
    pub version: Box<str>,
    /// Where other instances reach it, as host and port, if they do.
    pub address: Option<Box<str>>,
}

/// What an instance says of itself. What a later release adds is passed over.
#[derive(Serialize, Deserialize)]
struct About {
    name: Box<str>,
    version: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Box<str>>,
}

/// The instances that live, this one included; clones see the same.
#[derive(Clone)]
pub struct Neighbours(Arc<Shared>);

struct Shared {
    id: Box<str>,
    /// What is said at the next renewal; locked for an assignment, also that of `announced`.
    me: Mutex<Neighbour>,
    live: watch::Sender<Arc<[Neighbour]>>,
    /// Whether the registry has what is said now.
    announced: AtomicBool,
    /// Told when somebody can't wait for the next renewal.
    hurry: Notify,
    /// The number of the renewal that began last.
    begun: AtomicU64,
    /// The number of the one that was answered last, or failed.
    looked: watch::Sender<u64>,
    gauge: Gauge,
}

impl Neighbours {
    /// Registers this instance and keeps it registered until `stop`; then its lease ends at once.
    pub fn start(
        me: Neighbour,
        broker: Arc<dyn Broker>,
        lease: Duration,
        gauge: Gauge,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let live = watch::Sender::new(Arc::from([me.clone()]));
        gauge.set(1);
        let id = me.id.clone();
        let shared = Arc::new(Shared {
            id,
            me: Mutex::new(me),
            live,
            announced: AtomicBool::new(false),
            hurry: Notify::new(),
            begun: AtomicU64::new(0),
            looked: watch::Sender::new(0),
            gauge,
        });
        tasks.spawn(keep(shared.clone(), broker, lease, stop));
        Self(shared)
    }

    /// This instance's id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Who lives, in the order of the ids. An instance leaves this list only when its lease is
    /// over and this instance has itself renewed its own, without a failure, for as long.
    pub fn live(&self) -> Arc<[Neighbour]> {
        self.0.live.borrow().clone()
    }

    /// The same list, and every change of it.
    pub fn subscribe(&self) -> watch::Receiver<Arc<[Neighbour]>> {
        self.0.live.subscribe()
    }

    /// Tells the others where they reach this instance.
    pub fn advertise(&self, address: Box<str>) {
        let mut me = self.0.me.lock();
        me.address = Some(address);
        self.0.announced.store(false, Ordering::Release);
        drop(me);
        self.0.hurry.notify_one();
    }

    /// Whether the others can know of this instance what there is to know.
    pub fn is_announced(&self) -> bool {
        self.0.announced.load(Ordering::Acquire)
    }

    /// Looks into the registry before it is time: somebody may be there who wasn't. Gives up where
    /// that takes long.
    pub async fn look_again(&self) {
        let mut looked = self.0.looked.subscribe();
        // One that is under way may have looked before.
        let wanted = self.0.begun.load(Ordering::Acquire) + 1;
        self.0.hurry.notify_one();
        let _ = tokio::time::timeout(LOOK_WAIT, looked.wait_for(|last| *last >= wanted)).await;
    }
}

async fn keep(
    shared: Arc<Shared>,
    broker: Arc<dyn Broker>,
    lease: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut roster = Roster::new(shared.me.lock().clone(), lease);
    let origin = Instant::now();
    let mut begun = origin;
    for number in 1.. {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
            () = shared.hurry.notified() => tokio::time::sleep_until(begun + PAUSE).await,
        }
        begun = Instant::now();
        shared.begun.store(number, Ordering::Release);
        let me = shared.me.lock().clone();
        let renewal = tokio::time::timeout(RENEW_WAIT, broker.renew(&me.to_instance()));
        let Some(renewed) = stop.run_until_cancelled(renewal).await else { break };
        let now = origin.elapsed();
        match renewed {
            Ok(Ok(registered)) => {
                let registered = registered.iter().map(Neighbour::of_instance).collect();
                shared.announced(&me);
                roster.renewed(now, me, registered);
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the lease was not renewed");
                roster.failed();
            }
            Err(_late) => roster.failed(),
        }
        shared.publish(roster.live());
        shared.looked.send_replace(number);
    }
    // It ends by itself where this fails.
    let _ = tokio::time::timeout(RESIGN_WAIT, broker.resign(&shared.id)).await;
}

impl Shared {
    fn announced(&self, said: &Neighbour) {
        let me = self.me.lock();
        self.announced.store(*me == *said, Ordering::Release);
    }

    fn publish(&self, live: &[Neighbour]) {
        self.live.send_if_modified(|known| {
            let changed = **known != *live;
            let ids = |all: &[Neighbour]| all.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
            if changed && ids(known) != ids(live) {
                tracing::info!(instances = live.len(), "other instances have come or gone");
            }
            if changed {
                self.gauge.set(i64::try_from(live.len()).unwrap_or(i64::MAX));
                *known = Arc::from(live);
            }
            changed
        });
    }
}

impl Neighbour {
    fn to_instance(&self) -> Instance {
        let Self { id, name, version, address } = self.clone();
        let about = About { name, version, address };
        let about = serde_json::to_vec(&about).expect("three texts are JSON");
        Instance { id, about: about.into() }
    }

    /// One that says nothing of itself that can be read is there all the same.
    fn of_instance(instance: &Instance) -> Self {
        let id = instance.id.clone();
        match serde_json::from_slice(&instance.about) {
            Ok(About { name, version, address }) => Self { id, name, version, address },
            Err(_) => Self { name: id.clone(), id, version: "".into(), address: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_says_of_itself_what_the_others_read() {
        let me = Neighbour {
            id: "a#1".into(),
            name: "a".into(),
            version: "0.1.0".into(),
            address: Some("10.0.0.1:7400".into()),
        };
        assert_eq!(Neighbour::of_instance(&me.to_instance()), me);
        let silent = Neighbour { address: None, ..me };
        assert_eq!(Neighbour::of_instance(&silent.to_instance()), silent);
    }

    #[test]
    fn an_instance_of_another_release_is_there() {
        let about = br#"{"name":"b","version":"9.0.0","more":{"x":1}}"#;
        let later = Instance { id: "b#1".into(), about: about.to_vec().into() };
        let neighbour = Neighbour::of_instance(&later);
        assert_eq!((&*neighbour.name, &*neighbour.version), ("b", "9.0.0"));
        let strange = Instance { id: "c#1".into(), about: vec![0xff].into() };
        assert_eq!(&*Neighbour::of_instance(&strange).name, "c#1");
    }
}
