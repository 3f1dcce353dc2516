//! What is done to the servers and to the ways to them, and how it is undone.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::args::Scenario;
use super::chance::Chance;
use super::world::World;

/// How long Redis stands still.
const FROZEN: Duration = Duration::from_secs(3);

/// How often the instances are asked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long it is waited for that slow clients are cut off.
const CUT_OFF_WAIT: Duration = Duration::from_mins(1);

/// How long session records may take to be written. A client whose record isn't yet can't be
/// recovered from a killed instance, and is told so.
const WRITTEN_WAIT: Duration = Duration::from_secs(30);

/// Does what a scenario does once. When it returns, everything needed for healing is there again:
/// what is left to do is the servers' and the clients' part.
pub(crate) async fn strike(
    scenario: Scenario,
    round: u32,
    world: &mut World,
    chance: &mut Chance,
    (reading, slow_clients): (&watch::Sender<bool>, u64),
) -> anyhow::Result<()> {
    let one = round as usize % world.addresses.len();
    match scenario {
        Scenario::ClientDrop | Scenario::AnyInstancePolling => world.gate.cut_half(chance),
        Scenario::KillInstance => {
            let deadline = Instant::now() + WRITTEN_WAIT;
            while world.unwritten().await? > 0 {
                anyhow::ensure!(Instant::now() < deadline, "session records are not written");
                sleep(LOOK_EVERY).await;
            }
            world.instances[one].kill();
            world.gate.lead_to(world.others(one));
        }
        Scenario::RollingRestart => {
            for number in 0..world.instances.len() {
                world.gate.lead_to(world.others(number));
                world.instances[number].end().await?;
                world.instances[number].start_again()?;
                world.ready(number).await?;
            }
        }
        Scenario::RedisRestart => world.store()?.restart().await?,
        Scenario::RedisFreeze => {
            world.store()?.master.freeze()?;
            sleep(FROZEN).await;
            world.store()?.master.thaw()?;
        }
        Scenario::RedisCut => {
            for kind in ["pubsub", "normal"] {
                world.store()?.cut(kind).await?;
            }
        }
        Scenario::Failover => world.store()?.fail_over().await?,
        Scenario::SlowClient => {
            let before = world.cut_off().await?;
            reading.send_replace(false);
            let deadline = Instant::now() + CUT_OFF_WAIT;
            while world.cut_off().await? < before + slow_clients {
                anyhow::ensure!(Instant::now() < deadline, "slow clients were not cut off");
                sleep(LOOK_EVERY).await;
            }
            reading.send_replace(true);
        }
        Scenario::Herd => {
            world.gate.lead_to(vec![world.addresses[one]]);
            world.gate.cut_all();
        }
        Scenario::All => unreachable!("it stands for the others"),
    }
    Ok(())
}

/// Brings the servers back to where they were, for the next round.
pub(crate) async fn undo(scenario: Scenario, round: u32, world: &mut World) -> anyhow::Result<()> {
    if scenario == Scenario::KillInstance {
        let one = round as usize % world.addresses.len();
        world.instances[one].start_again()?;
        world.ready(one).await?;
    }
    world.gate.lead_to(world.addresses.clone());
    Ok(())
}

impl Scenario {
    /// A master can be killed once.
    pub(crate) fn rounds(self, asked: u32) -> u32 {
        if self == Self::Failover { 1 } else { asked }
    }

    /// Bytes that fill the texts up, and messages per second at least: what slow clients don't
    /// read must soon fill the buffers of the kernel and their outbox.
    pub(crate) fn flow(self) -> (usize, f64) {
        if self == Self::SlowClient { (3_800, 250.0) } else { (32, 0.0) }
    }
}
