//! What a load test found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::args::Transport;
use crate::footprint::Memory;
use crate::generator::Generator;

/// What a load test found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The servers that were loaded.
    pub urls: Vec<String>,
    /// How the clients connected.
    pub transport: Transport,
    /// Clients that were asked for.
    pub clients: u32,
    /// Rooms that they were spread over; none if they were stock clients in the lobby.
    pub rooms: Option<u32>,
    /// Clients that sent.
    pub senders: u32,
    /// Messages per second that were asked for; none in a closed loop.
    pub rate: Option<f64>,
    /// Messages under way at once; none in an open loop.
    pub in_flight: Option<u32>,
    /// Bytes of a text.
    pub size: u32,
    /// Clients of a hundred that were to leave and come anew in a minute.
    pub churn: Option<f64>,
    /// Workers that shared the clients.
    pub workers: usize,
    /// Clients that got a connection.
    pub connected: u64,
    /// Why clients got no connection, or lost it, and how many.
    pub failures: BTreeMap<String, u64>,
    /// What connecting took.
    pub connect: Connect,
    /// Clients that came later, in the place of others.
    pub came: u64,
    /// Clients that left.
    pub left: u64,
    /// Messages that should have been sent; in a closed loop, that were.
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
    /// How many there should be; none where clients came and went.
    pub expected: Option<u64>,
    /// From the first sending to the last arrival.
    pub seconds: f64,
    /// Acknowledged messages in a second of that time.
    pub messages_per_second: Option<f64>,
    /// Deliveries in a second of that time.
    pub deliveries_per_second: Option<f64>,
    /// Acknowledged messages that a client which stayed connected never received.
    pub lost: u64,
    /// Messages that a client received again.
    pub doubled: u64,
    /// Messages that a client received in another order than others did.
    pub disordered: u64,
    /// Messages that came to clients in other rooms.
    pub misdirected: u64,
    /// Messages from elsewhere that came in between.
    pub strangers: u64,
    /// From when a message should have been sent (in a closed loop, was) to its arrival at each
    /// client.
    pub delivery: Option<Latency>,
    /// From the same moment to its acknowledgement.
    pub acknowledgement: Option<Latency>,
    /// How late the generator itself sent: part of the other two.
    pub generator_lag: Latency,
    /// The generator's own part.
    pub generator: Generator,
    /// The servers' memory, where their process ids were given.
    pub memory: Option<Memory>,
    /// CPU microseconds of the servers for one delivery, likewise.
    pub cpu_us_per_delivery: Option<f64>,
    /// What arrived when.
    pub timeline: Vec<Point>,
    /// All delivery times, in microseconds.
    #[serde(skip)]
    pub distribution: Histogram<u64>,
}

/// What connecting took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Connect {
    /// Seconds until all were connected; none if the generator had no core to spare for it.
    pub seconds: Option<f64>,
    /// CPU microseconds of the servers for one connection, where their process ids were given.
    pub cpu_us_per_connection: Option<f64>,
}

/// A stretch of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Point {
    /// When it began, from the start of the messages.
    pub second: u32,
    /// Messages received in it.
    pub deliveries: u64,
    /// Milliseconds that half of them took at most.
    pub p50: Option<f64>,
    /// Milliseconds that 99 of 100 took at most.
    pub p99: Option<f64>,
    /// Bytes of memory that the servers had at its end, where their process ids were given.
    pub memory: Option<u64>,
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
            && self.expected.is_none_or(|expected| self.deliveries == expected)
            && (self.lost, self.doubled, self.disordered, self.misdirected) == (0, 0, 0, 0)
    }
}

impl Latency {
    pub(crate) fn of(microseconds: &Histogram<u64>) -> Self {
        let at = |quantile| microseconds.value_at_quantile(quantile) as f64 / 1000.0;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_connections(f)?;
        self.write_messages(f)?;
        self.write_times(f)?;
        self.write_costs(f)?;
        write!(f, "{}", if self.is_clean() { "clean" } else { "NOT CLEAN" })
    }
}

impl Report {
    fn write_connections(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} clients connected", self.connected, self.clients)?;
        if let Some(seconds) = self.connect.seconds {
            write!(f, " in {seconds:.1} s")?;
        }
        write!(f, " to {}", self.urls.join(", "))?;
        if let Some(cost) = self.connect.cpu_us_per_connection {
            write!(f, ", {cost:.0} µs of CPU each")?;
        }
        writeln!(f)?;
        for (why, count) in &self.failures {
            writeln!(f, "  {count} x {why}")?;
        }
        if let Some(percent) = self.churn {
            writeln!(f, "{} left, {} came ({percent} % a minute)", self.left, self.came)?;
        }
        Ok(())
    }

    fn write_messages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused: u64 = self.refused.values().sum();
        let Self { sent, messages, acknowledged, unanswered, .. } = self;
        write!(f, "{sent} of {messages} messages sent, ")?;
        match (self.rate, self.in_flight) {
            (Some(rate), _) => write!(f, "{rate} a second: ")?,
            (None, in_flight) => write!(f, "{} under way at once: ", in_flight.unwrap_or(1))?,
        }
        writeln!(f, "{acknowledged} acknowledged, {refused} refused, {unanswered} unanswered")?;
        for (code, count) in &self.refused {
            writeln!(f, "  {count} x {code}")?;
        }
        let Self { deliveries, lost, doubled, disordered, .. } = self;
        write!(f, "{deliveries} deliveries: ")?;
        write!(f, "{lost} lost, {doubled} doubled, {disordered} out of order")?;
        if self.rooms.is_some() {
            write!(f, ", {} in a wrong room", self.misdirected)?;
        }
        writeln!(f)?;
        if self.strangers > 0 {
            writeln!(f, "{} messages from elsewhere", self.strangers)?;
        }
        Ok(())
    }

    fn write_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(messages), Some(deliveries)) =
            (self.messages_per_second, self.deliveries_per_second)
        {
            writeln!(f, "{messages:.1} messages a second, {deliveries:.0} deliveries a second")?;
        }
        let since = if self.in_flight.is_some() { "sent" } else { "due" };
        writeln!(f, "ms from {since:<4}      p50      p90      p99    p99.9      max")?;
        if let (Some(delivery), Some(answer)) = (&self.delivery, &self.acknowledgement) {
            writeln!(f, "delivery    {delivery}")?;
            writeln!(f, "ack         {answer}")?;
        }
        writeln!(f, "sent late   {}", self.generator_lag)?;
        writeln!(f, "unread here {}", self.generator.unread)?;
        let Generator { cpu_share, busy_share, .. } = self.generator;
        write!(f, "generator: {:.0} % of a core, ", cpu_share * 100.0)?;
        writeln!(f, "at most {:.0} % of the time busy", busy_share * 100.0)?;
        if self.generator.was_bottleneck {
            let why = self.generator.why.join("; ");
            writeln!(f, "no latencies and rates: the generator was too slow for them ({why})")?;
        }
        Ok(())
    }

    fn write_costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Memory { before, connected, after, peak, per_connection }) = self.memory {
            let mib = |bytes| bytes as f64 / f64::from(1 << 20);
            write!(f, "memory: {:.1} MiB, {:.1} connected, ", mib(before), mib(connected))?;
            write!(f, "{:.1} at the end, {:.1} at most; ", mib(after), mib(peak))?;
            writeln!(f, "{per_connection} bytes a connection")?;
        }
        if let Some(cost) = self.cpu_us_per_delivery {
            writeln!(f, "CPU: {cost:.2} µs a delivery")?;
        }
        Ok(())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max } = self;
        write!(f, "{p50:8.2} {p90:8.2} {p99:8.2} {p999:8.2} {max:8.2}")
    }
}

#[cfg(test)]
impl Report {
    /// One of a clean run, for tests.
    pub(crate) fn sample() -> Self {
        Self {
            urls: vec!["http://127.0.0.1:3000".into()],
            transport: Transport::Websocket,
            clients: 3,
            rooms: None,
            senders: 3,
            rate: Some(10.0),
            in_flight: None,
            size: 64,
            churn: None,
            workers: 1,
            connected: 3,
            failures: BTreeMap::new(),
            connect: Connect { seconds: Some(0.1), cpu_us_per_connection: None },
            came: 0,
            left: 0,
            messages: 20,
            sent: 20,
            acknowledged: 20,
            refused: BTreeMap::new(),
            unanswered: 0,
            deliveries: 60,
            expected: Some(60),
            seconds: 2.0,
            messages_per_second: Some(10.0),
            deliveries_per_second: Some(30.0),
            lost: 0,
            doubled: 0,
            disordered: 0,
            misdirected: 0,
            strangers: 0,
            delivery: Some(Latency::default()),
            acknowledgement: Some(Latency::default()),
            generator_lag: Latency::default(),
            generator: Generator::default(),
            memory: None,
            cpu_us_per_delivery: None,
            timeline: Vec::new(),
            distribution: Histogram::new(3).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_less_than_all_is_not_clean() {
        assert!(Report::sample().is_clean());
        assert!(Report { strangers: 9, ..Report::sample() }.is_clean());
        assert!(Report { deliveries: 59, expected: None, ..Report::sample() }.is_clean());
        let failures = BTreeMap::from([("gone".to_owned(), 1)]);
        let unclean = [
            Report { connected: 2, ..Report::sample() },
            Report { failures, ..Report::sample() },
            Report { messages: 0, acknowledged: 0, deliveries: 0, ..Report::sample() },
            Report { acknowledged: 19, ..Report::sample() },
            Report { deliveries: 59, ..Report::sample() },
            Report { lost: 1, ..Report::sample() },
            Report { doubled: 1, ..Report::sample() },
            Report { disordered: 1, ..Report::sample() },
            Report { misdirected: 1, ..Report::sample() },
        ];
        for report in unclean {
            assert!(!report.is_clean(), "{report:?}");
            assert!(report.to_string().ends_with("NOT CLEAN"));
        }
    }

    #[test]
    fn text_says_why_figures_are_missing() {
        let why = vec!["it was busy".to_owned()];
        let generator = Generator { was_bottleneck: true, why, ..Generator::default() };
        let (deliveries_per_second, delivery) = (None, None);
        let report =
            Report { deliveries_per_second, delivery, generator, ..Report::sample() }.to_string();
        assert!(report.contains("the generator was too slow for them (it was busy)"), "{report}");
        assert!(!report.contains("deliveries a second") && !report.contains("\nack"), "{report}");
        assert!(Report::sample().to_string().contains("30 deliveries a second"));
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
