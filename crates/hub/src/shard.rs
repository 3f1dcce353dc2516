//! One shard: a task that owns some of the sockets and writes to them what is published.
//!
//! While it writes, commands gather in its queue. It then takes all that is there, and writes the
//! publications among it with one write per socket. Commands for one socket don't end such a
//! batch: the socket is first given what it has coming, so that for it the order is kept.

mod batch;
mod memberships;
mod pace;
mod roster;
mod slots;

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep};
use wire::Frame;

use self::batch::{Batch, joined};
use self::pace::Pace;
use self::roster::{Roster, Socket};
use crate::connection::Item;
use crate::metrics::Tally;
use crate::{Class, CloseReason, Connection, Limits, Metrics, Publication, SocketKey, Topic};

/// Sockets whose memory is fetched together: more would be driven out again by the kernel's before
/// their turn comes.
const FETCHED: usize = 16;

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
    pace: Pace,
    tally: Tally,
}

impl Shard {
    pub(crate) fn new(limits: Limits, metrics: Metrics, queue_length: Gauge) -> Self {
        let roster = Roster::new(metrics.clone());
        let (batch, pace, tally) = (Batch::default(), Pace::default(), Tally::default());
        Self { limits, metrics, queue_length, roster, batch, pace, tally }
    }

    /// Works until the last sender is gone.
    pub(crate) async fn run(mut self, mut queue: Receiver<Command>) {
        while let Some(command) = queue.recv().await {
            self.carry_out(command).await;
            self.take_waiting(&mut queue).await;
            self.linger(&mut queue).await;
            self.flush().await;
            self.metrics.count(&mut self.tally);
            self.queue_length.set(i64::try_from(queue.len()).unwrap_or(i64::MAX));
        }
    }

    /// Carries out what waits in the queue, as much as fits into it.
    async fn take_waiting(&mut self, queue: &mut Receiver<Command>) {
        for done in 1..self.limits.shard_queue {
            let Ok(command) = queue.try_recv() else { return };
            self.carry_out(command).await;
            if done.is_multiple_of(self.limits.yield_after) {
                self.let_others_run().await;
            }
        }
    }

    /// Waits for more to write, where the last batch says that this pays, until nothing came for
    /// a while. Commands are carried out meanwhile as ever.
    async fn linger(&mut self, queue: &mut Receiver<Command>) {
        let Some(patience) = self.pace.patience() else { return };
        let (began, mut gathered) = (Instant::now(), 0);
        while self.batch.end() > gathered && !self.batch.is_empty() && began.elapsed() < patience {
            gathered = self.batch.end();
            sleep(pace::TURN).await;
            self.take_waiting(queue).await;
        }
    }

    async fn let_others_run(&mut self) {
        self.metrics.count(&mut self.tally);
        tokio::task::yield_now().await;
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
                if let Some((socket, _)) = self.settle(key) {
                    socket.hold();
                }
            }
            Command::Release { key, first } => {
                if let Some((socket, tally)) = self.settle(key) {
                    socket.release(&first, tally);
                }
            }
            Command::Send { key, frame, class } => {
                let held_bytes = self.limits.held_bytes;
                if let Some((socket, tally)) = self.settle(key) {
                    let items = [Item { frame: &frame, class }];
                    socket.hand(&items, None, held_bytes, tally);
                }
            }
            Command::Close { key, reason } => {
                if let Some((socket, _)) = self.settle(key) {
                    socket.close(reason);
                }
            }
        }
    }

    async fn close_topic(&mut self, topic: Topic, reason: CloseReason) {
        self.flush().await;
        let Some(topic) = self.roster.occupied(topic) else { return };
        let (members, sockets, _) = self.roster.audience(topic);
        for place in members {
            if let Some(socket) = sockets.get_mut(*place) {
                socket.close(reason);
            }
        }
    }

    /// Adds publications to the batch, as far as this shard has receivers for them.
    async fn gather(&mut self, publications: &[Publication]) {
        for publication in publications {
            let Some(topic) = self.roster.occupied(publication.topic) else { continue };
            if !self.batch.has_room(publication, &self.limits) {
                self.flush().await;
            }
            if let Some(run) = self.roster.run(topic) {
                self.batch.push(topic, run, publication);
            }
        }
    }

    /// Gives one socket what it has coming of the batch, ahead of the others, so that a command
    /// for it can be carried out at its place in the order.
    fn settle(&mut self, key: SocketKey) -> Option<(&mut Socket, &mut Tally)> {
        let (socket, tally) = (self.roster.socket(key)?, &mut self.tally);
        if !self.batch.is_empty() {
            self.batch.give(socket, &mut Vec::new(), self.limits.held_bytes, tally);
        }
        Some((socket, tally))
    }

    /// Writes the batch: one write for each socket that has something coming.
    async fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.metrics.counts().batches.inc();
        let Self { limits, metrics, roster, batch, tally, .. } = self;
        metrics.count(tally);
        let (began, mut deliveries, mut writes) = (Instant::now(), 0, 0);
        let (mut items, mut scratch) = (Vec::new(), Vec::new());
        let mut served = 0_usize;
        let is_only = batch.runs().len() == 1;
        for run in batch.runs() {
            batch.collect(run, &mut items);
            let (members, sockets, topics) = roster.audience(run.topic);
            let whole = joined(&items, members.len());
            for (index, place) in members.iter().enumerate() {
                if index.is_multiple_of(FETCHED) {
                    let next = &members[index..members.len().min(index + FETCHED)];
                    next.iter().filter_map(|place| sockets.get(*place)).for_each(Socket::fetch);
                }
                let Some(socket) = sockets.get_mut(*place) else { continue };
                let gets_this = is_only || !socket.gets_more_than(run.topic, topics);
                if gets_this && batch.is_new_to(socket) {
                    socket.hand(&items, whole.as_ref(), limits.held_bytes, tally);
                } else {
                    batch.give(socket, &mut scratch, limits.held_bytes, tally);
                }
                served += 1;
                if served.is_multiple_of(limits.yield_after) {
                    (deliveries, writes) = (deliveries + tally.deliveries, writes + tally.writes);
                    metrics.count(tally);
                    tokio::task::yield_now().await;
                }
            }
        }
        (deliveries, writes) = (deliveries + tally.deliveries, writes + tally.writes);
        self.pace.wrote(began.elapsed(), deliveries, writes, &self.limits);
        self.batch.clear(&mut self.roster);
    }
}
