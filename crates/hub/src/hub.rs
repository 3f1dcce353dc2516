//! The handle through which all commands go to the shards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc::{self, Permit, Sender};
use tokio_util::task::TaskTracker;
use wire::Frame;

use crate::shard::{Command, Shard};
use crate::{Class, CloseReason, Connection, Limits, Metrics, Publication, SocketKey, Topic};

/// Sends commands to the shards. Clones share them; the shards end when the last clone is gone.
///
/// Each command goes through its shard's bounded queue, so for one caller their order is kept,
/// and a full queue makes the caller wait. Commands for a key that was detached do nothing.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    shards: Box<[Sender<Command>]>,
    limits: Limits,
    metrics: Metrics,
    next_key: AtomicU64,
    /// Held while one batch is put into all queues, where there is room by then: two publishers
    /// can't get in between each other, and every shard sees the same order.
    publishing: Mutex<()>,
}

impl Hub {
    /// Starts `shards` tasks (at least one).
    pub fn start(shards: usize, limits: Limits, metrics: Metrics, tasks: &TaskTracker) -> Self {
        let start_shard = |number| {
            let (sender, queue) = mpsc::channel(limits.shard_queue.max(1));
            let shard = Shard::new(limits.clone(), metrics.clone(), metrics.queue_of(number));
            tasks.spawn(shard.run(queue));
            sender
        };
        let shards = (0..shards.max(1) as u32).map(start_shard).collect();
        let (next_key, publishing) = (AtomicU64::new(0), Mutex::new(()));
        Self(Arc::new(Shared { shards, limits, metrics, next_key, publishing }))
    }

    /// Makes a connection with this hub's limits and metrics.
    pub fn connection(&self) -> Arc<Connection> {
        Connection::new(&self.0.limits, &self.0.metrics)
    }

    /// Whether all shards are alive; false means a defect, for `/readyz`.
    pub fn is_running(&self) -> bool {
        self.0.shards.iter().all(|shard| !shard.is_closed())
    }

    /// Attaches a socket, held once: its frames wait until [`Self::release`]. Several sockets
    /// may share a connection.
    pub async fn attach(&self, connection: Arc<Connection>) -> SocketKey {
        let key = SocketKey(self.0.next_key.fetch_add(1, Ordering::Relaxed));
        self.tell(key, Command::Attach { key, connection }).await;
        key
    }

    /// Takes the socket out of all its topics and forgets it. The connection stays as it is.
    pub async fn detach(&self, key: SocketKey) {
        self.tell(key, Command::Detach { key }).await;
    }

    /// Lets the socket receive what is published to the topic after this command.
    pub async fn enter(&self, key: SocketKey, topic: Topic) {
        self.tell(key, Command::Enter { key, topic }).await;
    }

    /// Ends that: what is published after this command no longer reaches the socket.
    pub async fn leave(&self, key: SocketKey, topic: Topic) {
        self.tell(key, Command::Leave { key, topic }).await;
    }

    /// Makes all frames of the socket wait from this place in the order on: those of its topics
    /// and those of [`Self::send`]. Holds count: each needs its release.
    pub async fn hold(&self, key: SocketKey) {
        self.tell(key, Command::Hold { key }).await;
    }

    /// Sends `first` at once, and ends one hold; with the last hold what waited follows, then the
    /// socket is live.
    pub async fn release(&self, key: SocketKey, first: Vec<Frame>) {
        self.tell(key, Command::Release { key, first }).await;
    }

    /// Sends one frame to one socket, at this place in the order of its topics' frames.
    pub async fn send(&self, key: SocketKey, frame: Frame, class: Class) {
        self.tell(key, Command::Send { key, frame, class }).await;
    }

    /// Closes the socket's connection behind everything that was sent before. What still waits
    /// for a release is dropped.
    pub async fn close(&self, key: SocketKey, reason: CloseReason) {
        self.tell(key, Command::Close { key, reason }).await;
    }

    /// Closes the connections of all sockets of a topic, behind everything that was sent before.
    pub async fn close_topic(&self, topic: Topic, reason: CloseReason) {
        for shard in &self.0.shards {
            if shard.send(Command::CloseTopic { topic, reason }).await.is_err() {
                report_ended_shard();
            }
        }
    }

    /// Sends publications to the sockets of their topics, in order. All shards get all batches in
    /// the same order, also with several callers. If the future is dropped early, no shard gets
    /// the batch.
    pub async fn publish(&self, batch: Vec<Publication>) {
        if batch.is_empty() {
            return;
        }
        let mut permits: Vec<Permit<'_, Command>> = Vec::with_capacity(self.0.shards.len());
        for shard in &self.0.shards {
            match shard.reserve().await {
                Ok(permit) => permits.push(permit),
                Err(_) => report_ended_shard(),
            }
        }
        self.0.metrics.counts().publications.inc_by(batch.len() as u64);
        let batch: Arc<[Publication]> = batch.into();
        let _all_shards_in_one_go = self.0.publishing.lock();
        for permit in permits {
            permit.send(Command::Publish(Arc::clone(&batch)));
        }
    }

    async fn tell(&self, key: SocketKey, command: Command) {
        let shards = &self.0.shards;
        let shard = usize::try_from(key.0 % shards.len() as u64).expect("less than a usize");
        if shards[shard].send(command).await.is_err() {
            report_ended_shard();
        }
    }
}

/// A shard ends only after the last `Hub`, or by a panic: a defect, which `is_running` shows.
fn report_ended_shard() {
    tracing::error!("a shard of the hub has ended; its sockets receive nothing");
}
