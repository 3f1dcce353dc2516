//! What the chat counts; connections and fan-out are counted by `gateway` and `hub`. All metrics
//! bear the prefix `palabre_`.

use std::{fmt::Write, sync::OnceLock};

use chat::Code;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// The outcome of something, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// Of an append `stored`, `duplicate`, or a refusal's code; of a recovery [`Recovered`].
    pub outcome: &'static str,
}

/// How an attempt to take up a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// Taken up; what was missed came from memory.
    Ring,
    /// Taken up; what was missed was read from the log.
    Log,
    /// Not taken up: no record of it is kept.
    NoRecord,
    /// Not taken up: the log or this deployment has lost something that was missed.
    PastLost,
    /// Not taken up: more was missed than is read from the log.
    TooMuch,
    /// Put off: this instance has not come as far as the client.
    Behind,
    /// Put off: the store can't be asked.
    Unavailable,
}

impl Recovered {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Log => "log",
            Self::NoRecord => "no_record",
            Self::PastLost => "past_lost",
            Self::TooMuch => "too_much",
            Self::Behind => "behind",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Handles on the chat's metrics.
#[derive(Debug)]
pub struct Metrics {
    /// Entries that the followers handed on.
    pub entries_in: Counter,
    /// Frames handed to the hub, each for all sockets of a topic.
    pub frames_out: Counter,
    /// Appends by outcome.
    pub appends: Family<Outcome, Counter>,
    /// The one of them that is counted for nearly every message; there as soon as there is one.
    stored: OnceLock<Counter>,
    /// From the command to the log's answer, in seconds.
    pub append_seconds: Histogram,
    /// Events of stock clients that no rule knows.
    pub unknown_events: Counter,
    /// Signals of instances that came faster than they could be taken.
    pub signals_dropped: Counter,
    /// Rooms that sockets of this instance are in.
    pub rooms: Gauge,
    /// Recent entries that are kept in memory.
    pub ring_entries: Gauge,
    /// Bytes of them.
    pub ring_bytes: Gauge,
    /// Attempts to take up a session, by outcome.
    pub recoveries: Family<Outcome, Counter>,
    /// Sessions of this instance that can be taken up.
    pub session_records: Gauge,
    /// Records that are still to be written or forgotten.
    pub session_records_waiting: Gauge,
    /// Records that were not written because too many waited.
    pub session_records_dropped: Counter,
    /// Letters between instances that were lost on the way, or came too fast.
    pub control_dropped: Counter,
    /// 1 while the instance hears its own heartbeat.
    pub ready: Gauge,
    /// 1 while the log's store is connected.
    pub broker_connected: Gauge,
    /// Instances that share the log, this one included.
    pub instances: Gauge,
}

impl Metrics {
    /// Makes the handles and registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            entries_in: Counter::default(),
            frames_out: Counter::default(),
            appends: Family::default(),
            stored: OnceLock::new(),
            append_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 18)),
            unknown_events: Counter::default(),
            signals_dropped: Counter::default(),
            rooms: Gauge::default(),
            recoveries: Family::default(),
            session_records: Gauge::default(),
            session_records_waiting: Gauge::default(),
            session_records_dropped: Counter::default(),
            control_dropped: Counter::default(),
            ring_entries: Gauge::default(),
            ring_bytes: Gauge::default(),
            ready: Gauge::default(),
            broker_connected: Gauge::default(),
            instances: Gauge::default(),
        };
        let m = &metrics;
        registry.register("entries_in", "Entries heard from the log", m.entries_in.clone());
        registry.register("frames_out", "Frames handed to the hub", m.frames_out.clone());
        registry.register("appends", "Appends by outcome", m.appends.clone());
        registry.register(
            "append_seconds",
            "From the command to the log's answer",
            m.append_seconds.clone(),
        );
        registry.register("unknown_events", "Events no rule knows", m.unknown_events.clone());
        registry.register(
            "signals_dropped",
            "Signals of instances that came too fast",
            m.signals_dropped.clone(),
        );
        registry.register("rooms", "Rooms with sockets of this instance", m.rooms.clone());
        registry.register("recoveries", "Attempts to take up a session", m.recoveries.clone());
        registry.register(
            "session_records",
            "Sessions that can be taken up",
            m.session_records.clone(),
        );
        registry.register(
            "session_records_waiting",
            "Session records that are still to be written or forgotten",
            m.session_records_waiting.clone(),
        );
        registry.register(
            "session_records_dropped",
            "Session records that were not written",
            m.session_records_dropped.clone(),
        );
        registry.register(
            "control_dropped",
            "Letters between instances that were lost",
            m.control_dropped.clone(),
        );
        registry.register("ring_entries", "Recent entries in memory", m.ring_entries.clone());
        registry.register("ring_bytes", "Bytes of recent entries in memory", m.ring_bytes.clone());
        registry.register("ready", "Whether this instance hears the log", m.ready.clone());
        registry.register(
            "broker_connected",
            "Whether the log's store is connected",
            m.broker_connected.clone(),
        );
        registry.register("instances", "Instances that share the log", m.instances.clone());
        metrics
    }

    /// Counts an entry that was appended, or had been before.
    pub fn count_appended(&self, duplicate: bool) {
        if duplicate {
            self.count_append("duplicate");
        } else {
            let counter = || self.appends.get_or_create_owned(&Outcome { outcome: "stored" });
            self.stored.get_or_init(counter).inc();
        }
    }

    /// Counts an entry that was not appended.
    pub fn count_not_appended(&self, code: Code) {
        self.count_append(code.as_str());
    }

    fn count_append(&self, outcome: &'static str) {
        self.appends.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts an attempt to take up a session.
    pub fn count_recovery(&self, outcome: Recovered) {
        self.recoveries.get_or_create(&Outcome { outcome: outcome.as_str() }).inc();
    }
}

/// The registry in the Prometheus text format.
pub fn encode(registry: &Registry) -> String {
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, registry).is_err() {
        write!(text, "# the metrics could not be written").expect("a String takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_are_counted_by_outcome_from_the_first_on() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let counted = || {
            let text = encode(&registry);
            let lines = text.lines().filter(|line| line.starts_with("appends_total"));
            let mut lines: Vec<String> = lines.map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert!(counted().is_empty());
        for duplicate in [false, true, false] {
            metrics.count_appended(duplicate);
        }
        metrics.count_not_appended(Code::Conflict);
        let want = [("conflict", 1), ("duplicate", 1), ("stored", 2)];
        let line = |(outcome, count)| format!("appends_total{{outcome=\"{outcome}\"}} {count}");
        assert_eq!(counted(), want.map(line));
    }
}
