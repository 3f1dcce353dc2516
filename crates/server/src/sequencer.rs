//! The sequencer: one task that gives everything its place and feeds the hub in that order. The
//! rules are in [`order`]; this file is the task around them, and the handle on it.

pub mod cursor;
pub mod order;
mod prefill;
pub mod ring;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use broker::{
    Broker, Epoch, Head, Partition, Range,
    follow::{Followed, Following},
    partition_of,
};
use bytes::Bytes;
use hub::{Class, CloseReason, Hub, Publication, SocketKey, Topic};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::wall_ms,
    metrics::Metrics,
    pulse::Pulse,
    trace::{By, Heard, Traces},
};
use order::{Audience, Effect, Entering, Input, Order, Place, Returned, Returning, Wanted};

/// Inputs that may wait for their place; who brings one more waits.
const QUEUE: usize = 8_192;

/// What followers hand on that may wait for its place; who brings more waits.
const FOLLOWED_QUEUE: usize = 8_192;

/// Inputs that are taken at once, and entries that are handed to the hub at once, and so may share
/// one write to each socket.
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
    /// What bounds the recent entries of each partition.
    pub ring: ring::Limits,
    /// Who takes what instances signal; while this is full, signals are dropped.
    pub signals: mpsc::Sender<Signalled>,
    /// Who notes how entries travel.
    pub traces: Traces,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What an instance signalled, and for which room.
pub type Signalled = (Box<str>, Bytes);

/// The way to the sequencer; cheap to clone.
#[derive(Clone)]
pub struct Sequencer {
    inputs: mpsc::Sender<Brought>,
    /// How far each partition has been handed over; `None` until all are known.
    heads: watch::Receiver<Option<Arc<[Head]>>>,
}

/// What waits for its place.
enum Brought {
    One(Input),
    /// What a follower handed on together, and the room that it takes in the queue.
    Followed(Partition, VecDeque<Followed>, OwnedSemaphorePermit),
}

impl Sequencer {
    /// Starts the task, and one that brings what each partition's follower hands on.
    pub fn start(parts: Parts, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let (inputs, queue) = mpsc::channel(QUEUE);
        let partitions = parts.broker.partitions();
        let room = Arc::new(Semaphore::new(FOLLOWED_QUEUE));
        for partition in (0..partitions).map(Partition) {
            let (broker, room) = (parts.broker.clone(), room.clone());
            let bringing = Bringing { partition, broker, ring: parts.ring, room };
            let (inputs, stop) = (inputs.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = bringing.bring(inputs) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        let (reached, heads) = watch::channel(None);
        let order = Order::new(partitions, parts.ring);
        let repairing = vec![false; usize::from(partitions)];
        let task = Task { order, reached, repairing, heard: Vec::new(), parts };
        tasks.spawn(task.run(queue, stop.clone()));
        Self { inputs, heads }
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
        self.inputs.send(Brought::One(Input::Enter(entering(placed)))).await.ok()?;
        place.await.ok()
    }

    /// Waits until all that is wanted lies behind this instance, or its partition has another
    /// epoch. Who calls it bounds the time.
    pub async fn reach(&self, wanted: &[Wanted]) {
        let reached = |heads: &Option<Arc<[Head]>>| {
            let Some(heads) = heads else { return false };
            wanted.iter().all(|Wanted { room, after }| {
                let head = heads[usize::from(partition_of(room, heads.len() as u16).0)];
                head.epoch != after.epoch || head.seq >= after.seq
            })
        };
        // It fails only when the sequencer has stopped: whoever asks it then learns that.
        let _ = self.heads.clone().wait_for(reached).await;
    }

    /// Gives a socket that comes back, whose frames wait already, one place in all its rooms.
    /// `None` where the log is not known yet or the sequencer has stopped. Who stops waiting
    /// takes it back.
    pub async fn come_back(
        &self,
        key: SocketKey,
        audience: Audience,
        rooms: Arc<[Wanted]>,
    ) -> Option<Returned> {
        let (placed, place) = oneshot::channel();
        let returning = Returning { key, audience, rooms, placed };
        self.inputs.send(Brought::One(Input::Return(returning))).await.ok()?;
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
        let _ = self.inputs.send(Brought::One(input)).await;
    }
}

struct Bringing {
    partition: Partition,
    broker: Arc<dyn Broker>,
    ring: ring::Limits,
    /// Room in the queue, shared with the others who bring.
    room: Arc<Semaphore>,
}

impl Bringing {
    /// Brings what the partition's follower hands on, as much at once as there is.
    async fn bring(self, inputs: mpsc::Sender<Brought>) {
        let limits = broker::follower::Limits::default();
        let mut following = Following::new(self.broker.clone(), self.partition, limits);
        let mut all = VecDeque::new();
        loop {
            following.next(&mut all).await;
            let start = all.iter().find_map(|followed| match followed {
                Followed::Start(head) => Some(*head),
                _ => None,
            });
            if let Some(head) = start {
                let recent = prefill::newest(&*self.broker, self.partition, head, self.ring).await;
                let recent = Input::Recent(self.partition, head.epoch, recent);
                if inputs.send(Brought::One(recent)).await.is_err() {
                    return;
                }
            }
            while !all.is_empty() {
                let later = all.split_off(all.len().min(BATCH));
                let now = std::mem::replace(&mut all, later);
                let room = self.room.clone().acquire_many_owned(now.len() as u32).await;
                let Ok(room) = room else { return };
                if inputs.send(Brought::Followed(self.partition, now, room)).await.is_err() {
                    return;
                }
            }
        }
    }
}

struct Task {
    order: Order,
    /// Told how far the order has come.
    reached: watch::Sender<Option<Arc<[Head]>>>,
    /// By partition: whether what comes is read from the log.
    repairing: Vec<bool>,
    /// Entries of this batch, until they are noted.
    heard: Vec<Heard>,
    parts: Parts,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Brought>, stop: CancellationToken) {
        let (mut all, mut effects) = (Vec::new(), Vec::new());
        loop {
            let taken = tokio::select! {
                taken = queue.recv_many(&mut all, BATCH) => taken,
                () = stop.cancelled() => 0,
            };
            if taken == 0 {
                return;
            }
            let now = wall_ms();
            for brought in all.drain(..) {
                match brought {
                    Brought::One(input) => self.order.handle(input, &mut effects),
                    Brought::Followed(partition, all, _room) => {
                        for followed in all {
                            self.follow(partition, followed, now, &mut effects);
                        }
                    }
                }
                if self.heard.len() >= BATCH {
                    self.hand_over(&mut effects).await;
                }
            }
            self.hand_over(&mut effects).await;
        }
    }

    /// Hands over all that has taken its place.
    async fn hand_over(&mut self, effects: &mut Vec<Effect>) {
        let is_for_some = self.heard.iter().any(Heard::is_for_some);
        self.parts.metrics.entries_in.inc_by(self.heard.len() as u64);
        let noted = self.parts.traces.received(&mut self.heard);
        self.measure();
        while !effects.is_empty() {
            self.carry_out(effects).await;
        }
        if is_for_some {
            self.parts.traces.fanned_out(&noted);
        }
        self.tell_reached();
    }

    fn follow(
        &mut self,
        partition: Partition,
        followed: Followed,
        now: u64,
        effects: &mut Vec<Effect>,
    ) {
        let repairing = &mut self.repairing[usize::from(partition.0)];
        // Noted as for nobody, which is what nearly all are for.
        let heard = match &followed {
            Followed::Behind => {
                *repairing = true;
                None
            }
            Followed::CaughtUp { .. } => {
                *repairing = false;
                None
            }
            Followed::Entry(epoch, record) => {
                let by = if *repairing { By::Repaired } else { By::Live };
                Some(self.parts.traces.heard(*epoch, record, by, now))
            }
            _ => None,
        };
        let sockets = self.order.followed(partition, followed, effects);
        if let Some(heard) = heard {
            self.heard.push(if sockets > 0 { heard.handed_to(sockets) } else { heard });
        }
    }

    fn measure(&self) {
        let metrics = &self.parts.metrics;
        let (entries, bytes) = self.order.ring_sizes();
        for (gauge, size) in [
            (&metrics.rooms, self.order.rooms()),
            (&metrics.ring_entries, entries),
            (&metrics.ring_bytes, bytes),
        ] {
            gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
        }
    }

    fn tell_reached(&self) {
        self.reached.send_if_modified(|reached| {
            let heads = self.order.heads();
            let changed = *reached != heads;
            if changed {
                *reached = heads;
            }
            changed
        });
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
                Effect::Returned { placed, returned, undo } => {
                    if placed.send(returned).is_err() {
                        given_back.extend(undo);
                    }
                }
                Effect::Close(topic) => hub.close_topic(topic, CloseReason::LogReset).await,
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
