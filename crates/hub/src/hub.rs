//! The handle through which all commands go to the shards.

use std::sync::Arc;

use tokio_util::task::TaskTracker;
use wire::Frame;

use crate::{Class, CloseReason, Connection, Limits, Metrics, Publication, SocketKey, Topic};

/// Sends commands to the shards. Clones share them; the shards end when the last clone is gone.
///
/// Each command goes through its shard's bounded queue, so for one caller their order is kept,
/// and a full queue makes the caller wait. Commands for a key that was detached do nothing.
#[derive(Clone, Debug)]
pub struct Hub {}

impl Hub {
    /// Starts `shards` tasks (at least one).
    pub fn start(shards: usize, limits: Limits, metrics: Metrics, tasks: &TaskTracker) -> Self {
        let _ = (shards, limits, metrics, tasks);
        todo!()
    }

    /// Makes a connection with this hub's limits and metrics.
    pub fn connection(&self) -> Arc<Connection> {
        todo!()
    }

    /// Whether all shards are alive; false means a defect, for `/readyz`.
    pub fn is_running(&self) -> bool {
        todo!()
    }

    /// Attaches a socket, held once: its frames wait until [`Self::release`]. Several sockets
    /// may share a connection.
    pub async fn attach(&self, connection: Arc<Connection>) -> SocketKey {
        let _ = connection;
        todo!()
    }

    /// Takes the socket out of all its topics and forgets it. The connection stays as it is.
    pub async fn detach(&self, key: SocketKey) {
        let _ = key;
        todo!()
    }

    /// Lets the socket receive what is published to the topic after this command.
    pub async fn enter(&self, key: SocketKey, topic: Topic) {
        let _ = (key, topic);
        todo!()
    }

    /// Ends that.
    pub async fn leave(&self, key: SocketKey, topic: Topic) {
        let _ = (key, topic);
        todo!()
    }

    /// Makes all frames of the socket wait from this place in the order on: those of its topics
    /// and those of [`Self::send`]. Holds count: each needs its release.
    pub async fn hold(&self, key: SocketKey) {
        let _ = key;
        todo!()
    }

    /// Sends `first` at once, and ends one hold; with the last hold what waited follows, then the
    /// socket is live.
    pub async fn release(&self, key: SocketKey, first: Vec<Frame>) {
        let _ = (key, first);
        todo!()
    }

    /// Sends one frame to one socket, at this place in the order of its topics' frames.
    pub async fn send(&self, key: SocketKey, frame: Frame, class: Class) {
        let _ = (key, frame, class);
        todo!()
    }

    /// Closes the socket's connection behind everything that was sent before.
    pub async fn close(&self, key: SocketKey, reason: CloseReason) {
        let _ = (key, reason);
        todo!()
    }

    /// Sends publications to the sockets of their topics, in order. All shards get all batches in
    /// the same order, also with several callers.
    pub async fn publish(&self, batch: Vec<Publication>) {
        let _ = batch;
        todo!()
    }
}
