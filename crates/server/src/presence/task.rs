//! The task that hears what instances signal, and tells of it: what changed among this instance's
//! members to the other instances, who came and left and who types to its own clients.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use broker::{Broker, Partition, partition_of};
use bytes::Bytes;
use chat::{
    presence::{Effect, GATHER, Limits, STILL_EVERY},
    render,
    signal::Signal,
    typing::Typing,
};
use hub::Class;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Presence;
use crate::{
    neighbours::{Neighbour, Neighbours},
    sequencer::{Sequencer, Signalled},
};

/// Signals that are taken at once.
const BATCH: usize = 256;

/// How long the log may take for a signal. One that is lost is noticed by its number.
const SIGNAL_WAIT: Duration = Duration::from_secs(1);

/// What the task works with.
pub struct Parts {
    /// Where signals go.
    pub broker: Arc<dyn Broker>,
    /// The way to the clients.
    pub sequencer: Sequencer,
    /// What instances signal, this one's own included.
    pub signals: mpsc::Receiver<Signalled>,
    /// Which instances live.
    pub neighbours: Neighbours,
}

/// Starts the task, which ends with `ended`, and gives what it knows.
pub fn start(parts: Parts, tasks: &TaskTracker, ended: CancellationToken) -> Presence {
    start_within(Limits::default(), parts, tasks, ended)
}

fn start_within(
    limits: Limits,
    parts: Parts,
    tasks: &TaskTracker,
    ended: CancellationToken,
) -> Presence {
    let partitions = parts.broker.partitions();
    let presence = Presence::new(parts.neighbours.id(), partitions, limits);
    let task = Task {
        opening: Signal::opening_of(parts.neighbours.id()),
        presence: presence.clone(),
        live: parts.neighbours.subscribe(),
        channels: (0..partitions).map(|n| room_in(Partition(n), partitions)).collect(),
        tick_at: Instant::now() + GATHER,
        typing: Typing::default(),
        parts,
    };
    tasks.spawn(async move { ended.run_until_cancelled(task.run()).await });
    presence
}

struct Task {
    parts: Parts,
    presence: Presence,
    live: watch::Receiver<Arc<[Neighbour]>>,
    typing: Typing,
    /// How all begins that this instance says of presence itself.
    opening: Bytes,
    /// For each partition a room's key that belongs to it.
    channels: Vec<String>,
    /// When changes are told next.
    tick_at: Instant,
}

impl Task {
    async fn run(mut self) {
        let mut batch = Vec::new();
        self.look();
        loop {
            tokio::select! {
                taken = self.parts.signals.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    batch.drain(..).for_each(|(room, bytes)| self.hear(&room, &bytes));
                }
                changed = self.live.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.look();
                }
                () = self.presence.0.wake.notified() => {}
                () = sleep_until(self.tick_at) => self.tick().await,
            }
            if self.has_news() {
                self.tick_at = self.tick_at.min(Instant::now() + GATHER);
            }
        }
    }

    fn look(&mut self) {
        let live = self.live.borrow_and_update().clone();
        for members in &self.presence.0.partitions {
            members.lock().live(live.iter().map(|neighbour| &*neighbour.id));
        }
    }

    fn hear(&mut self, room: &str, bytes: &[u8]) {
        if bytes.starts_with(&self.opening) {
            return;
        }
        match Signal::decode(bytes) {
            Some(Signal::Typing(typing)) => {
                self.typing.heard(room, typing, self.presence.now());
            }
            Some(Signal::Presence(word)) => self.presence.of(room).lock().heard(word),
            None => tracing::debug!(room, "a signal of another release"),
        }
    }

    fn has_news(&self) -> bool {
        let mut partitions = self.presence.0.partitions.iter();
        self.typing.has_news() || partitions.any(|members| members.lock().has_news())
    }

    async fn tick(&mut self) {
        let (presence, now) = (self.presence.clone(), self.presence.now());
        // What changes from here on wakes the task again.
        presence.0.woken.store(false, Ordering::Release);
        for typists in self.typing.tick(now) {
            let json = render::typing(&typists);
            self.tell(&typists.room, "typing", json).await;
        }
        let mut effects = Vec::new();
        for (partition, members) in presence.0.partitions.iter().enumerate() {
            members.lock().tick(now, &mut effects);
            let mut words = Vec::new();
            for effect in effects.drain(..) {
                match effect {
                    Effect::Say(word) => words.push(word),
                    Effect::Tell(change) => {
                        self.tell(&change.room, "presence", render::presence(&change)).await;
                    }
                }
            }
            for word in words {
                let bytes = Signal::Presence(word).encode();
                let signalled = self.parts.broker.signal(&self.channels[partition], bytes);
                // After a lost one the next ones would only be asked for again.
                if !matches!(timeout(SIGNAL_WAIT, signalled).await, Ok(Ok(()))) {
                    break;
                }
            }
        }
        self.tick_at = Instant::now() + STILL_EVERY;
    }

    async fn tell(&self, room: &str, name: &'static str, json: String) {
        self.parts.sequencer.tell_room(room.into(), name, json, Class::Ephemeral).await;
    }
}

/// A room's key that belongs to a partition.
fn room_in(partition: Partition, partitions: u16) -> String {
    (0..=u32::MAX)
        .map(|number| number.to_string())
        .find(|room| partition_of(room, partitions) == partition)
        .expect("every partition has keys")
}

#[cfg(test)]
mod tests;
