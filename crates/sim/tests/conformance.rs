//! The simulated broker keeps the contract where the weather is fair.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use broker::{Answer, Broker, Error, Limits, conformance::Place};
use sim::{SharedWorld, SimBroker, World};

/// How often the world's clock moves on.
const TICK: Duration = Duration::from_millis(1);

/// A world whose time passes by itself.
struct Ticking {
    world: SharedWorld,
    over: Arc<AtomicBool>,
}

impl Ticking {
    fn of(partitions: u16) -> Ready<Self> {
        let world = World::prompt(partitions);
        let over = Arc::new(AtomicBool::new(false));
        let (ticked, ended) = (world.clone(), over.clone());
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                ticked.lock().tick(TICK);
            }
        });
        ready(Self { world, over })
    }

    fn one() -> Ready<Self> {
        Self::of(1)
    }

    fn several() -> Ready<Self> {
        Self::of(3)
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Place for Ticking {
    fn open(&self, limits: Limits) -> Answer<Result<Arc<dyn Broker>, Error>> {
        let broker = SimBroker::open(&self.world, "a test", &limits);
        Box::pin(async move { Ok(broker as Arc<dyn Broker>) })
    }
}

mod one_partition {
    use super::Ticking;

    broker::conformance_tests!(core, Ticking::one);
}

mod several_partitions {
    use super::Ticking;

    broker::conformance_tests!(core, Ticking::several);
}
