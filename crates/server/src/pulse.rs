//! Whether this instance really hears the log: it sends a heartbeat on every partition each
//! second and notes when its own comes back through its follower. `/readyz` and the notices
//! `degraded` and `healed` come from here.

use std::{sync::Arc, time::Duration};

use broker::{Broker, Partition, State};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{metrics::Metrics, sequencer::Sequencer};

/// How often a heartbeat is sent.
const EVERY: Duration = Duration::from_secs(1);

/// After how long without its own heartbeat an instance is not ready.
const DEAF_AFTER: Duration = Duration::from_secs(3);

/// When this instance last heard itself, by partition.
pub struct Pulse {
    /// Distinguishes this life of the instance from one before it with the same name.
    canary: Box<str>,
    broker: Arc<dyn Broker>,
    metrics: Arc<Metrics>,
    /// A few assignments long; held by the sequencer's task and who asks for readiness.
    heard: Mutex<Vec<Option<Instant>>>,
}

impl Pulse {
    /// Nothing heard yet.
    pub fn new(canary: Box<str>, broker: Arc<dyn Broker>, metrics: Arc<Metrics>) -> Self {
        let heard = Mutex::new(vec![None; usize::from(broker.partitions())]);
        Self { canary, broker, metrics, heard }
    }

    /// Notes a heartbeat that went by in the order.
    pub fn heard(&self, partition: Partition, instance: &str) {
        if instance == &*self.canary {
            self.heard.lock()[usize::from(partition.0)] = Some(Instant::now());
        }
    }

    /// Whether clients should come here.
    ///
    /// # Errors
    /// The reason why not, in words.
    pub fn ready(&self) -> Result<(), String> {
        match self.broker.state() {
            State::Connecting => return Err("the log has not been reached yet".into()),
            State::Away(why) => return Err(format!("the log is away: {why}")),
            State::Connected => {}
        }
        let now = Instant::now();
        let deaf = |heard: &Option<Instant>| heard.is_none_or(|at| now - at > DEAF_AFTER);
        match self.heard.lock().iter().position(deaf) {
            None => Ok(()),
            Some(partition) => Err(format!(
                "this instance has not heard its own heartbeat on partition {partition} for {} s",
                DEAF_AFTER.as_secs()
            )),
        }
    }

    /// Beats until the instance stops; tells palabre clients when the log goes and comes.
    pub async fn beat(
        self: Arc<Self>,
        sequencer: Sequencer,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told_degraded = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.send_heartbeats(&tasks);
            let now_degraded = self.ready().is_err();
            self.metrics.ready.set(i64::from(!now_degraded));
            let connected = self.broker.state() == State::Connected;
            self.metrics.broker_connected.set(i64::from(connected));
            // The time until the first heartbeat is a start, not a loss.
            if self.has_begun() && told_degraded != now_degraded {
                sequencer.tell_all("notice", notice(now_degraded)).await;
                told_degraded = now_degraded;
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.heard.lock().iter().all(Option::is_some)
    }

    /// Sends them without waiting for the answers: a lost one shows by not being heard, and a
    /// slow one must not keep the next from being sent.
    fn send_heartbeats(&self, tasks: &TaskTracker) {
        for partition in (0..self.broker.partitions()).map(Partition) {
            let heartbeat = self.broker.heartbeat(partition, &self.canary);
            tasks.spawn(timeout(DEAF_AFTER, heartbeat));
        }
    }
}

fn notice(degraded: bool) -> String {
    if degraded {
        notice_of("degraded", "the log can't be reached; messages are held and nothing is lost")
    } else {
        notice_of("healed", "the log is reached again")
    }
}

/// What palabre clients are told when an instance begins to stop.
pub fn draining() -> String {
    notice_of("draining", "this instance is about to stop; connect again when it closes")
}

fn notice_of(code: &str, message: &str) -> String {
    serde_json::json!({ "code": code, "message": message }).to_string()
}
