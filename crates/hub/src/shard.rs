//! One shard: a task that owns some of the sockets and writes to them what is published.
//!
//! While it writes, commands gather in its queue. It then takes all that is there, and writes the
//! publications among it with one write per socket. Commands for one socket don't end such a
//! batch: the socket is first given what it has coming, so that for it the order is kept.

mod batch;
mod roster;

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::mpsc::Receiver;
use wire::Frame;

use self::batch::Batch;
use self::roster::{Roster, Socket};
use crate::connection::Item;
use crate::{Class, CloseReason, Connection, Limits, Metrics, Publication, SocketKey, Topic};

/// What a shard is told. See the methods of `Hub`.
#[derive(Debug)]
pub(crate) enum Command {
    Attach { key: SocketKey, connection: Arc<Connection> },
    Detach { key: SocketKey },
    Enter { key: SocketKey, topic: Topic },
    Leave { key: SocketKey, topic: Topic },
    Hold { key: SocketKey },
    Release { key: SocketKey, first: Vec<Frame> },
    Send { key: SocketKey, frame: Frame, class: Class },
    Close { key: SocketKey, reason: CloseReason },
    CloseTopic { topic: Topic, reason: CloseReason },
    Publish(Arc<[Publication]>),
}

#[derive(Debug)]
pub(crate) struct Shard {
    limits: Limits,
    metrics: Metrics,
    queue_length: Gauge,
    roster: Roster,
    batch: Batch,
}

impl Shard {
    pub(crate) fn new(limits: Limits, metrics: Metrics, queue_length: Gauge) -> Self {
        let roster = Roster::new(metrics.clone());
        Self { limits, metrics, queue_length, roster, batch: Batch::default() }
    }

    /// Works until the last sender is gone.
    pub(crate) async fn run(mut self, mut queue: Receiver<Command>) {
        while let Some(command) = queue.recv().await {
            self.carry_out(command).await;
            for done in 1..self.limits.shard_queue {
                let Ok(command) = queue.try_recv() else { break };
                self.carry_out(command).await;
                if done.is_multiple_of(self.limits.yield_after) {
                    tokio::task::yield_now().await;
                }
            }
            self.flush().await;
            self.queue_length.set(i64::try_from(queue.len()).unwrap_or(i64::MAX));
        }
    }

    async fn carry_out(&mut self, command: Command) {
        match command {
            Command::Publish(publications) => self.gather(&publications).await,
            Command::CloseTopic { topic, reason } => self.close_topic(topic, reason).await,
            Command::Attach { key, connection } => {
                self.roster.attach(key, connection, self.batch.end());
            }
            Command::Detach { key } => {
                self.settle(key);
                self.roster.detach(key);
            }
            Command::Enter { key, topic } => {
                self.settle(key);
                self.roster.enter(key, topic);
            }
            Command::Leave { key, topic } => {
                self.settle(key);
                self.roster.leave(key, topic);
            }
            Command::Hold { key } => {
                if let Some(socket) = self.settle(key) {
                    socket.hold();
                }
            }
            Command::Release { key, first } => {
                if let Some(socket) = self.settle(key) {
                    socket.release(&first);
                }
            }
            Command::Send { key, frame, class } => {
                let held_bytes = self.limits.held_bytes;
                if let Some(socket) = self.settle(key) {
                    socket.hand(&[Item { frame: &frame, class }], None, held_bytes);
                }
            }
            Command::Close { key, reason } => {
                if let Some(socket) = self.settle(key) {
                    socket.close(reason);
                }
            }
        }
    }

    async fn close_topic(&mut self, topic: Topic, reason: CloseReason) {
        self.flush().await;
        let (members, sockets) = self.roster.members(topic);
        for key in members {
            if let Some(socket) = sockets.get_mut(key) {
                socket.close(reason);
            }
        }
    }

    /// Adds publications to the batch, as far as this shard has receivers for them.
    async fn gather(&mut self, publications: &[Publication]) {
        for publication in publications {
            if !self.roster.has_members(publication.topic) {
                continue;
            }
            if !self.batch.has_room(publication, &self.limits) {
                self.flush().await;
            }
            self.batch.push(publication.clone());
        }
    }

    /// Gives one socket what it has coming of the batch, ahead of the others, so that a command
    /// for it can be carried out at its place in the order.
    fn settle(&mut self, key: SocketKey) -> Option<&mut Socket> {
        let socket = self.roster.socket(key)?;
        if !self.batch.is_empty() {
            self.batch.give(socket, &mut Vec::new(), self.limits.held_bytes);
        }
        Some(socket)
    }

    /// Writes the batch: one write for each socket that has something coming.
    async fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.metrics.counts().batches.inc();
        let held_bytes = self.limits.held_bytes;
        let runs = self.batch.runs();
        let mut scratch = Vec::new();
        let mut served = 0_usize;
        for run in &runs.all {
            let (members, sockets) = self.roster.members(run.topic);
            for key in members {
                let Some(socket) = sockets.get_mut(key) else { continue };
                if self.batch.is_exact_for(socket, run, &runs) {
                    socket.hand(&run.items, run.whole(members.len()), held_bytes);
                } else {
                    self.batch.give(socket, &mut scratch, held_bytes);
                }
                served += 1;
                if served.is_multiple_of(self.limits.yield_after) {
                    tokio::task::yield_now().await;
                }
            }
        }
        self.batch.clear();
    }
}
