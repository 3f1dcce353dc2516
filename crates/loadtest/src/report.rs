//! What a load test found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::footprint::Memory;

/// What a load test found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The servers that were loaded.
    pub urls: Vec<String>,
    /// Clients that were asked for.
    pub clients: u32,
    /// Clients that got a connection.
    pub connected: u64,
    /// Why clients got no connection, or lost it, and how many.
    pub failures: BTreeMap<String, u64>,
    /// Seconds until all were connected.
    pub connect_seconds: f64,
    /// Messages per second that were asked for.
    pub rate: f64,
    /// Messages that should have been sent.
    pub messages: u32,
    /// Messages that were sent.
    pub sent: u64,
    /// Messages that the server took on.
    pub acknowledged: u64,
    /// Messages that it refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Messages that were never answered.
    pub unanswered: u64,
    /// Messages received, over all clients, each counted once for each client.
    pub deliveries: u64,
    /// The same in a second, from the first sending to the last arrival.
    pub deliveries_per_second: f64,
    /// Acknowledged messages that a client which stayed connected never received.
    pub lost: u64,
    /// Messages that a client received again.
    pub doubled: u64,
    /// Messages that a client received in another order than others did.
    pub disordered: u64,
    /// Messages from elsewhere that came in between.
    pub strangers: u64,
    /// From when a message should have been sent to its arrival at each client.
    pub delivery: Latency,
    /// From when a message should have been sent to its acknowledgement.
    pub acknowledgement: Latency,
    /// How late the generator itself sent: part of the other two.
    pub generator_lag: Latency,
    /// The servers' memory, where their process ids were given.
    pub memory: Option<Memory>,
    /// CPU microseconds of the servers for one delivery, likewise.
    pub cpu_us_per_delivery: Option<f64>,
}

/// Milliseconds below which so many of a hundred (or thousand) stayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of them.
    pub p50: f64,
    /// 90 of 100.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1000.
    pub p999: f64,
    /// All of them.
    pub max: f64,
}

impl Report {
    /// Whether everything was as promised: every client connected and stayed, and every message
    /// was acknowledged, and reached every client once and in the same order.
    pub fn is_clean(&self) -> bool {
        self.connected == u64::from(self.clients)
            && self.failures.is_empty()
            && self.messages > 0
            && self.acknowledged == u64::from(self.messages)
            && self.deliveries == u64::from(self.messages) * u64::from(self.clients)
            && (self.lost, self.doubled, self.disordered) == (0, 0, 0)
    }
}

impl Latency {
    pub(crate) fn of(microseconds: &Histogram<u32>) -> Self {
        let at = |quantile| microseconds.value_at_quantile(quantile) as f64 / 1000.0;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = format!("{} of {} clients connected", self.connected, self.clients);
        writeln!(f, "{clients} in {:.1} s to {}", self.connect_seconds, self.urls.join(", "))?;
        for (why, count) in &self.failures {
            writeln!(f, "  {count} x {why}")?;
        }
        let refused: u64 = self.refused.values().sum();
        let Self { sent, messages, rate, acknowledged, unanswered, .. } = self;
        write!(f, "{sent} of {messages} messages sent, {rate} a second: ")?;
        writeln!(f, "{acknowledged} acknowledged, {refused} refused, {unanswered} unanswered")?;
        for (code, count) in &self.refused {
            writeln!(f, "  {count} x {code}")?;
        }
        let Self { deliveries, deliveries_per_second, lost, doubled, disordered, .. } = self;
        write!(f, "{deliveries} deliveries, {deliveries_per_second:.0} a second: ")?;
        writeln!(f, "{lost} lost, {doubled} doubled, {disordered} out of order")?;
        if self.strangers > 0 {
            writeln!(f, "{} messages from elsewhere", self.strangers)?;
        }
        writeln!(f, "milliseconds     p50      p90      p99    p99.9      max")?;
        writeln!(f, "delivery    {}", self.delivery)?;
        writeln!(f, "ack         {}", self.acknowledgement)?;
        writeln!(f, "generator   {}", self.generator_lag)?;
        if let Some(Memory { before, connected, after, per_connection }) = self.memory {
            let mib = |bytes| bytes as f64 / f64::from(1 << 20);
            write!(f, "memory: {:.1} MiB, {:.1} connected, ", mib(before), mib(connected))?;
            writeln!(f, "{:.1} at the end; {per_connection} bytes a connection", mib(after))?;
        }
        if let Some(cost) = self.cpu_us_per_delivery {
            writeln!(f, "CPU: {cost:.2} µs a delivery")?;
        }
        write!(f, "{}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max } = self;
        write!(f, "{p50:8.2} {p90:8.2} {p99:8.2} {p999:8.2} {max:8.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Report {
        Report {
            urls: vec!["http://127.0.0.1:3000".into()],
            clients: 3,
            connected: 3,
            failures: BTreeMap::new(),
            connect_seconds: 0.1,
            rate: 10.0,
            messages: 20,
            sent: 20,
            acknowledged: 20,
            refused: BTreeMap::new(),
            unanswered: 0,
            deliveries: 60,
            deliveries_per_second: 30.0,
            lost: 0,
            doubled: 0,
            disordered: 0,
            strangers: 0,
            delivery: Latency::default(),
            acknowledgement: Latency::default(),
            generator_lag: Latency::default(),
            memory: None,
            cpu_us_per_delivery: None,
        }
    }

    #[test]
    fn anything_less_than_all_is_not_clean() {
        assert!(clean().is_clean());
        assert!(Report { strangers: 9, ..clean() }.is_clean());
        let failures = BTreeMap::from([("gone".to_owned(), 1)]);
        let unclean = [
            Report { connected: 2, ..clean() },
            Report { failures, ..clean() },
            Report { messages: 0, acknowledged: 0, deliveries: 0, ..clean() },
            Report { acknowledged: 19, ..clean() },
            Report { deliveries: 59, ..clean() },
            Report { lost: 1, ..clean() },
            Report { doubled: 1, ..clean() },
            Report { disordered: 1, ..clean() },
        ];
        for report in unclean {
            assert!(!report.is_clean(), "{report:?}");
            assert!(report.to_string().ends_with("NOT CLEAN"));
        }
    }

    #[test]
    fn times_are_shown_in_milliseconds() {
        let mut times = Histogram::new(3).unwrap();
        for microseconds in 1..=1000 {
            times.record(microseconds).unwrap();
        }
        let Latency { p50, p90, max, .. } = Latency::of(&times);
        assert_eq!((p50, p90, max), (0.5, 0.9, 1.0));
    }
}
