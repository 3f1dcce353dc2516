//! What the hub counts.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::CloseReason;

/// Handles to the hub's metrics; clones count into the same place.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Counts>);

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sockets: Gauge,
    pub(crate) held: Gauge,
    pub(crate) topics: Gauge,
    pub(crate) publications: Counter,
    pub(crate) batches: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) writes: Counter,
    pub(crate) written_bytes: Counter,
    pub(crate) outbox_bytes: Gauge,
    dropped: Family<ReasonLabel, Counter>,
    closed: Family<ReasonLabel, Counter>,
    queue: Family<ShardLabel, Gauge>,
    /// The members of the families, so that counting takes no lock.
    dropped_by: [Counter; Dropped::ALL.len()],
    closed_by: [Counter; CloseReason::ALL.len()],
}

/// What one task has counted and nobody has seen yet: adding up costs no access to what all tasks
/// share.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) deliveries: u64,
    pub(crate) writes: u64,
    pub(crate) written_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShardLabel {
    shard: u32,
}

/// Why a frame never reached its receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dropped {
    /// It was ephemeral, and the limit was reached.
    Ephemeral,
    /// The connection was closed.
    Closed,
}

impl Metrics {
    /// Makes metrics that nobody sees yet.
    pub fn new() -> Self {
        let mut counts = Counts::default();
        for (counter, why) in counts.dropped_by.iter_mut().zip(Dropped::ALL) {
            let label = ReasonLabel { reason: why.as_str() };
            *counter = counts.dropped.get_or_create(&label).clone();
        }
        for (counter, reason) in counts.closed_by.iter_mut().zip(CloseReason::ALL) {
            let label = ReasonLabel { reason: reason.as_str() };
            *counter = counts.closed.get_or_create(&label).clone();
        }
        Self(Arc::new(counts))
    }

    /// Shows the metrics in a registry, under names that begin with `hub_`.
    pub fn register(&self, registry: &mut Registry) {
        let to = registry.sub_registry_with_prefix("hub");
        let own = &*self.0;
        to.register("sockets", "Sockets attached", own.sockets.clone());
        to.register("held_sockets", "Sockets whose frames wait for a release", own.held.clone());
        to.register("topics", "Topics with members, added up over the shards", own.topics.clone());
        to.register("publications", "Frames published to topics", own.publications.clone());
        to.register("batches", "Batches that shards wrote", own.batches.clone());
        to.register("deliveries", "Frames handed to connections", own.deliveries.clone());
        to.register("writes", "Writes to sockets", own.writes.clone());
        to.register("written_bytes", "Bytes written to sockets", own.written_bytes.clone());
        to.register("outbox_bytes", "Bytes that wait in outboxes", own.outbox_bytes.clone());
        to.register("dropped_frames", "Frames that were not delivered", own.dropped.clone());
        to.register("closed_connections", "Connections closed", own.closed.clone());
        to.register("shard_queue", "Commands that wait for a shard", own.queue.clone());
    }

    /// Ephemeral frames that were dropped because a limit was reached.
    pub fn dropped_ephemeral(&self) -> u64 {
        self.0.dropped_by[Dropped::Ephemeral as usize].get()
    }

    /// Connections closed for a reason.
    pub fn closed(&self, reason: CloseReason) -> u64 {
        self.0.closed_by[reason as usize].get()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0
    }

    /// Counts what was added up, and begins a new sum.
    pub(crate) fn count(&self, tally: &mut Tally) {
        let Tally { deliveries, writes, written_bytes } = std::mem::take(tally);
        if deliveries > 0 {
            self.0.deliveries.inc_by(deliveries);
        }
        if writes > 0 {
            self.0.writes.inc_by(writes);
            self.0.written_bytes.inc_by(written_bytes);
        }
    }

    pub(crate) fn count_dropped(&self, why: Dropped, frames: usize) {
        if frames > 0 {
            self.0.dropped_by[why as usize].inc_by(frames as u64);
        }
    }

    pub(crate) fn count_closed(&self, reason: CloseReason) {
        self.0.closed_by[reason as usize].inc();
    }

    pub(crate) fn queue_of(&self, shard: u32) -> Gauge {
        self.0.queue.get_or_create(&ShardLabel { shard }).clone()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Dropped {
    /// In the order of their discriminants.
    const ALL: [Self; 2] = [Self::Ephemeral, Self::Closed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Ephemeral => "ephemeral",
            Self::Closed => "closed",
        }
    }
}
