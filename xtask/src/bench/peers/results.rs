//! What was measured: kept as JSON, one file for each run, so that several commands together make
//! one page; and the arithmetic of several runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// One run of one load on one server.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) load: String,
    pub(super) server: String,
    pub(super) repetition: u32,
    /// Whether it was a short one.
    pub(super) is_quick: bool,
    pub(super) clients: u32,
    /// What the generator found; null if it found nothing.
    pub(super) report: Value,
    /// Microseconds of a round trip through the run's Redis.
    pub(super) round_trip_us: Option<f64>,
    /// Why it doesn't count, if it doesn't.
    pub(super) fault: Option<String>,
}

/// All runs that are kept.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) runs: Vec<Run>,
}

/// The middle of several runs, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

/// A number that a run gives.
pub(super) type Figure = fn(&Run) -> Option<f64>;

/// CPU microseconds of the servers for one delivery.
pub(super) fn cpu_us(run: &Run) -> Option<f64> {
    run.report.pointer("/cpu_us_per_delivery")?.as_f64()
}

/// CPU microseconds of the servers from a connection's first packet to its CONNECT answer.
pub(super) fn accept_us(run: &Run) -> Option<f64> {
    run.report.pointer("/connect/cpu_us_per_connection")?.as_f64()
}

/// Resident bytes for one connection: as all were connected or at the end, whichever is less, so
/// that nobody pays for garbage that was not collected yet.
pub(super) fn connection_bytes(run: &Run) -> Option<f64> {
    let memory = |name: &str| run.report.pointer("/memory")?.get(name)?.as_f64();
    let least = memory("connected")?.min(memory("after")?);
    Some((least - memory("before")?).max(0.0) / f64::from(run.clients))
}

/// Milliseconds within which half of the deliveries came.
pub(super) fn p50_ms(run: &Run) -> Option<f64> {
    run.report.pointer("/delivery/p50")?.as_f64()
}

/// Milliseconds within which 99 of 100 deliveries came.
pub(super) fn p99_ms(run: &Run) -> Option<f64> {
    run.report.pointer("/delivery/p99")?.as_f64()
}

/// A round trip through the run's Redis.
pub(super) fn round_trip_us(run: &Run) -> Option<f64> {
    run.round_trip_us
}

impl Run {
    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.load).join(format!("{}.{}.json", self.server, self.repetition))
    }

    /// Keeps it, in the place of an earlier one.
    pub(super) fn keep(&self, folder: &Path) -> Result<()> {
        let path = self.path(folder);
        let parent = path.parent().context("a result lies in a folder")?;
        fs::create_dir_all(parent)?;
        let value = json!({
            "load": self.load,
            "server": self.server,
            "repetition": self.repetition,
            "is_quick": self.is_quick,
            "clients": self.clients,
            "report": self.report,
            "round_trip_us": self.round_trip_us,
            "fault": self.fault,
        });
        fs::write(&path, format!("{value:#}\n"))
            .with_context(|| format!("{} can't be written", path.display()))
    }

    fn read(path: &Path) -> Option<Self> {
        let value: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        let number = |name: &str| u32::try_from(value.get(name)?.as_u64()?).ok();
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        Some(Self {
            load: text("load")?,
            server: text("server")?,
            repetition: number("repetition")?,
            is_quick: value.get("is_quick")?.as_bool()?,
            clients: number("clients")?,
            report: value.get("report")?.clone(),
            round_trip_us: value.get("round_trip_us").and_then(Value::as_f64),
            fault: text("fault"),
        })
    }
}

impl Results {
    /// Reads all that is kept in `folder`; what can't be read was never finished.
    pub(super) fn read(folder: &Path) -> Self {
        let entries = |path: &Path| -> Vec<PathBuf> {
            let listed = fs::read_dir(path).into_iter().flatten().flatten();
            listed.map(|entry| entry.path()).collect()
        };
        let mut runs: Vec<Run> = entries(folder)
            .iter()
            .flat_map(|load| entries(load))
            .filter_map(|path| Run::read(&path))
            .collect();
        runs.sort_by_key(|run| run.repetition);
        Self { runs }
    }

    /// Forgets what is kept of a load on a server: a new measurement takes its place as a whole.
    pub(super) fn forget(folder: &Path, load: &str, server: &str) -> Result<()> {
        let kept = Self::read(folder);
        for run in kept.of(load, server) {
            let path = run.path(folder);
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }

    /// All runs of a load on a server.
    pub(super) fn of<'a>(
        &'a self,
        load: &'a str,
        server: &'a str,
    ) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.load == load && run.server == server)
    }

    /// A figure over the runs that count.
    pub(super) fn spread(&self, load: &str, server: &str, figure: Figure) -> Option<Spread> {
        let counted = self.of(load, server).filter(|run| run.fault.is_none());
        Spread::of(counted.filter_map(figure))
    }

    /// How many times as much one is as the other. Runs of one repetition followed each other
    /// closely, so they are compared first, and the middle is taken of the ratios.
    pub(super) fn ratio(&self, of: Place<'_>, to: Place<'_>, figure: Figure) -> Option<Spread> {
        let counts = |run: &&Run| run.fault.is_none();
        let paired = self.of(of.load, of.server).filter(counts).filter_map(|run| {
            let mut others = self.of(to.load, to.server).filter(counts);
            let other = others.find(|other| other.repetition == run.repetition)?;
            let base = figure(other).filter(|base| *base > 0.0)?;
            Some(figure(run)? / base)
        });
        Spread::of(paired)
    }

    /// Why runs of a load on a server don't count, each reason once.
    pub(super) fn faults(&self, load: &str, server: &str) -> Vec<String> {
        let mut faults: Vec<String> =
            self.of(load, server).filter_map(|run| run.fault.clone()).collect();
        faults.sort();
        faults.dedup();
        faults
    }
}

/// Which runs a ratio is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) load: &'a str,
    pub(super) server: &'a str,
}

impl Spread {
    /// None of no numbers. Of an even number, the middle is between two.
    pub(super) fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[half - 1], sorted[half])
        } else {
            sorted[half]
        };
        Some(Self { median, min, max })
    }
}

/// Why a report doesn't count: it lost, doubled or disordered something, or not all were served.
pub(super) fn fault(report: &Value) -> Option<String> {
    let number = |name: &str| report.get(name).and_then(Value::as_u64);
    let mut faults = Vec::new();
    for (name, what) in [
        ("lost", "lost"),
        ("doubled", "doubled"),
        ("disordered", "out of order"),
        ("misdirected", "in the wrong room"),
    ] {
        match number(name) {
            Some(0) => {}
            Some(count) => faults.push(format!("{count} {what}")),
            None => faults.push(format!("no word about what was {what}")),
        }
    }
    let (clients, connected) = (number("clients"), number("connected"));
    if connected != clients || clients.is_none() {
        let of = |number: Option<u64>| number.unwrap_or(0);
        faults.push(format!("{} of {} clients connected", of(connected), of(clients)));
    }
    let failures = report.get("failures").and_then(Value::as_object);
    for (why, count) in failures.into_iter().flatten() {
        faults.push(format!("{count} clients: {why}"));
    }
    match (number("sent"), number("acknowledged")) {
        (Some(sent), Some(acknowledged)) if sent == acknowledged && sent > 0 => {}
        (sent, acknowledged) => faults.push(format!(
            "{} of {} messages acknowledged",
            acknowledged.unwrap_or(0),
            sent.unwrap_or(0)
        )),
    }
    match (number("deliveries"), number("expected")) {
        (Some(deliveries), Some(expected)) if deliveries == expected && expected > 0 => {}
        (deliveries, expected) => faults.push(format!(
            "{} of {} deliveries",
            deliveries.unwrap_or(0),
            expected.unwrap_or(0)
        )),
    }
    (!faults.is_empty()).then(|| faults.join(", "))
}

#[cfg(test)]
mod tests;
