//! The sequencer: one task that gives everything its place and feeds the hub in that order. The
//! rules are in [`order`]; this file is the task around them, and the handle on it.

pub mod order;

use std::{sync::Arc, time::Duration};

use broker::{Broker, Epoch, Partition, Range};
use bytes::Bytes;
use hub::{Class, Hub, Publication, SocketKey, Topic};
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{metrics::Metrics, pulse::Pulse};
use order::{Audience, Effect, Entering, Input, Order, Place};

/// Inputs that may wait for their place; who brings one more waits.
const QUEUE: usize = 8_192;

/// Inputs that are taken at once, and so may share one write to each socket.
const BATCH: usize = 512;

/// How long the heads of the rooms are looked up when the log has lost its past.
const RESET_READ: Duration = Duration::from_secs(2);

/// What the sequencer acts on.
pub struct Parts {
    /// Where frames go.
    pub hub: Hub,
    /// The log, asked only when it has lost its past.
    pub broker: Arc<dyn Broker>,
    /// Who wants to know of heartbeats.
    pub pulse: Arc<Pulse>,
    /// Who takes what instances signal; while this is full, signals are dropped.
    pub signals: mpsc::Sender<Signalled>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What an instance signalled, and for which room.
pub type Signalled = (Box<str>, Bytes);

/// The way to the sequencer; cheap to clone.
#[derive(Clone)]
pub struct Sequencer {
    inputs: mpsc::Sender<Input>,
}

impl Sequencer {
    /// Starts the task, and one that brings what each partition's follower hands on.
    pub fn start(parts: Parts, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let (inputs, queue) = mpsc::channel(QUEUE);
        let partitions = parts.broker.partitions();
        for partition in (0..partitions).map(Partition) {
            let followed =
                broker::follow::follow(parts.broker.clone(), partition, tasks, stop.clone());
            tasks.spawn(bring(partition, followed, inputs.clone()));
        }
        let task = Task { order: Order::new(partitions), parts };
        tasks.spawn(task.run(queue, stop.clone()));
        Self { inputs }
    }

    /// Gives a new socket, whose frames wait already, its place: in a room, or among all palabre
    /// clients. `None` where the sequencer has stopped. Who stops waiting takes it back.
    pub async fn admit(
        &self,
        key: SocketKey,
        audience: Audience,
        room: Option<&str>,
    ) -> Option<Place> {
        let room = room.map(Box::from);
        self.enter(|placed| Entering { key, audience, room, hold: false, again: false, placed })
            .await
    }

    /// Gives a socket its place in a room; its frames wait from there on, until it is released.
    /// `again` if it is in the room already. `None` where the sequencer has stopped.
    pub async fn join(
        &self,
        key: SocketKey,
        audience: Audience,
        room: &str,
        again: bool,
    ) -> Option<Place> {
        let room = Some(room.into());
        self.enter(|placed| Entering { key, audience, room, hold: true, again, placed }).await
    }

    async fn enter(
        &self,
        entering: impl FnOnce(oneshot::Sender<Place>) -> Entering,
    ) -> Option<Place> {
        let (placed, place) = oneshot::channel();
        self.inputs.send(Input::Enter(entering(placed))).await.ok()?;
        place.await.ok()
    }

    /// Takes a socket out of a room.
    pub async fn leave(&self, key: SocketKey, audience: Audience, room: Box<str>) {
        self.put(Input::Leave { key, audience, room }).await;
    }

    /// Sends an event to one socket.
    pub async fn tell(&self, key: SocketKey, audience: Audience, name: &'static str, json: String) {
        self.put(Input::Tell { key, audience, name, json }).await;
    }

    /// Sends an event to all palabre clients of this instance.
    pub async fn tell_all(&self, name: &'static str, json: String) {
        self.put(Input::TellAll { name, json }).await;
    }

    /// Sends an event to the palabre clients of this instance that are in a room.
    pub async fn tell_room(&self, room: Box<str>, name: &'static str, json: String, class: Class) {
        self.put(Input::TellRoom { room, name, json, class }).await;
    }

    async fn put(&self, input: Input) {
        // It fails only when the instance is ending, and with it all that would have heard.
        let _ = self.inputs.send(input).await;
    }
}

async fn bring(
    partition: Partition,
    mut followed: mpsc::Receiver<broker::follow::Followed>,
    inputs: mpsc::Sender<Input>,
) {
    while let Some(followed) = followed.recv().await {
        if inputs.send(Input::Followed(partition, followed)).await.is_err() {
            return;
        }
    }
}

struct Task {
    order: Order,
    parts: Parts,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Input>, stop: CancellationToken) {
        let (mut inputs, mut effects) = (Vec::new(), Vec::new());
        loop {
            let taken = tokio::select! {
                taken = queue.recv_many(&mut inputs, BATCH) => taken,
                () = stop.cancelled() => 0,
            };
            if taken == 0 {
                return;
            }
            for input in inputs.drain(..) {
                if matches!(input, Input::Followed(_, broker::follow::Followed::Entry(..))) {
                    self.parts.metrics.entries_in.inc();
                }
                self.order.handle(input, &mut effects);
            }
            self.parts.metrics.rooms.set(i64::try_from(self.order.rooms()).unwrap_or(i64::MAX));
            while !effects.is_empty() {
                self.carry_out(&mut effects).await;
            }
        }
    }

    /// Carries effects out in their order; publications that stand together go together. What
    /// is left in `effects` afterwards follows from places that nobody waited for any more.
    async fn carry_out(&mut self, effects: &mut Vec<Effect>) {
        let hub = &self.parts.hub;
        let (mut batch, mut given_back) = (Vec::new(), Vec::new());
        for effect in effects.drain(..) {
            if let Effect::Publish(publication) = effect {
                batch.push(publication);
                continue;
            }
            self.publish(&mut batch).await;
            match effect {
                Effect::Publish(_) => unreachable!("taken above"),
                Effect::Send(key, frame) => hub.send(key, frame, Class::Lasting).await,
                Effect::Hold(key) => hub.hold(key).await,
                Effect::Enter(key, topic) => hub.enter(key, topic).await,
                Effect::Leave(key, topic) => hub.leave(key, topic).await,
                Effect::Heartbeat(partition, instance) => {
                    self.parts.pulse.heard(partition, &instance);
                }
                Effect::Signal(room, bytes) => {
                    // Whoever missed one notices by its number and asks.
                    if self.parts.signals.try_send((room, bytes)).is_err() {
                        self.parts.metrics.signals_dropped.inc();
                    }
                }
                Effect::Placed { placed, place, undo } => {
                    if placed.send(place).is_err() {
                        given_back.extend(undo);
                    }
                }
                Effect::Reset(epoch, rooms) => self.tell_reset(epoch, rooms).await,
            }
        }
        self.publish(&mut batch).await;
        for input in given_back {
            self.order.handle(input, effects);
        }
    }

    async fn publish(&self, batch: &mut Vec<Publication>) {
        if !batch.is_empty() {
            self.parts.metrics.frames_out.inc_by(batch.len() as u64);
            self.parts.hub.publish(std::mem::take(batch)).await;
        }
    }

    /// Tells palabre clients before they get any entry of the new epoch. The log is asked here, in
    /// the order's own task, because this is the one moment when being late is better than wrong.
    async fn tell_reset(&self, epoch: Epoch, rooms: Vec<(Box<str>, Topic)>) {
        let deadline = tokio::time::Instant::now() + RESET_READ;
        let mut batch = Vec::new();
        for (room, topic) in rooms {
            let page = self.parts.broker.read_room(&room, Range::Newest, 1);
            // A head that could not be read is told as 0: the client joins again in any case.
            let head = match tokio::time::timeout_at(deadline, page).await {
                Ok(Ok(page)) => page.head,
                Ok(Err(_)) | Err(_) => 0,
            };
            let json = serde_json::json!({ "room": room, "epoch": epoch.as_str(), "head": head });
            let frame = wire::socket::event("/", "reset", &[&json.to_string()]);
            batch.push(Publication { topic, frame, class: Class::Lasting });
        }
        self.publish(&mut batch).await;
    }
}
