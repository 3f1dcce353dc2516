//! One run: a fleet is started, loaded by the generator, and ended, whatever happens.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::fleet::{Fleet, Running};
use super::loads::Load;
use super::redis::Redis;
use super::results::{Run, accept_us, connection_bytes, cpu_us, fault, p99_ms};
use super::servers::{Server, pinned};
use super::{Place, now};

/// How long a run may take beside its messages: connecting 100,000 clients, or a slow server's
/// arrears.
const LIMIT: Duration = Duration::from_mins(4);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Seconds without any progress after which the generator gives up.
const PATIENCE: &str = "20";

/// Measures, or says in the result why that could not be.
pub(super) fn run(place: &Place, load: &Load, server: &Server, repetition: u32) -> Run {
    let mut run = Run {
        load: load.name.clone(),
        server: server.name.to_owned(),
        repetition,
        is_quick: false,
        clients: load.clients,
        report: Value::Null,
        round_trip_us: None,
        fault: None,
    };
    match fill(&mut run, place, load, server) {
        Ok(()) => run.fault = fault(&run.report),
        Err(error) => run.fault = Some(format!("{error:#}")),
    }
    run
}

fn fill(run: &mut Run, place: &Place, load: &Load, server: &Server) -> Result<()> {
    let name = format!("{}-{}-{}", load.name, server.name, run.repetition);
    let folder = place.scratch.join(name);
    fs::create_dir_all(&folder)?;
    let mut fleet = Fleet::start(server, load, place, &folder)?;
    run.round_trip_us = fleet.redis.as_ref().map(Redis::round_trip_us).transpose()?;
    run.report = generate(place, load, &mut fleet, &folder)?;
    if let Some(fallen) = fleet.fallen()? {
        bail!("{fallen}");
    }
    // What was printed is of interest only where something went wrong.
    drop(fleet);
    let _left_lying = fs::remove_dir_all(&folder);
    Ok(())
}

/// Loads the fleet from the generator's core.
fn generate(place: &Place, load: &Load, fleet: &mut Fleet, folder: &Path) -> Result<Value> {
    let mut line = vec![place.palabre.to_string_lossy().into_owned(), "bench".to_owned()];
    for url in &fleet.urls {
        line.extend(["--url".to_owned(), url.clone()]);
    }
    for id in fleet.ids() {
        line.extend(["--pid".to_owned(), id.to_string()]);
    }
    line.extend(load.arguments());
    line.extend(["--patience", PATIENCE, "--json"].map(str::to_owned));
    let mut generator = Running::start(pinned(place.cores.generator, &line), folder, "generator")?;
    let since = now();
    let limit = LIMIT + Duration::from_secs_f64(load.seconds);
    // A run that was not as promised ends with an exit code other than 0, and with a report.
    while generator.ended()?.is_none() {
        if since.elapsed() > limit {
            bail!("not over after {} seconds", limit.as_secs());
        }
        if let Some(fallen) = fleet.fallen()? {
            bail!("{fallen}");
        }
        sleep(LOOK_EVERY);
    }
    report(&generator.printed()?)
        .with_context(|| format!("the generator gave no report: {}", generator.last_words()))
}

/// The report is the last line that is JSON; lines of progress may stand before it.
fn report(printed: &str) -> Result<Value> {
    let from = printed.rfind("\n{").map_or(0, |at| at + 1);
    serde_json::from_str(printed[from..].trim()).context("what it printed is no JSON")
}

/// What a run gave, for whoever watches.
pub(super) fn line(run: &Run) -> String {
    let shown = |figure: Option<f64>, unit: &str| match figure {
        Some(number) => format!("{number:9.2} {unit}"),
        None => format!("{:>9} {unit}", "-"),
    };
    let figures = [
        shown(cpu_us(run), "µs/delivery"),
        shown(p99_ms(run), "ms p99"),
        shown(accept_us(run), "µs/connect"),
        shown(connection_bytes(run).map(|bytes| bytes / 1024.0), "KiB/connection"),
    ];
    let fault = run.fault.as_ref().map(|fault| format!("  DOESN'T COUNT: {fault}"));
    let Run { load, server, repetition, .. } = run;
    let fault = fault.unwrap_or_default();
    format!("{load:<14} {server:<15} {repetition} {}{fault}", figures.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_found_behind_lines_of_progress() {
        let printed = "3 of 3 connected\n{\"lost\":0,\n \"deeper\": {\"a\":1}}\n";
        assert_eq!(report(printed).unwrap()["lost"], 0);
        assert_eq!(report("{\"lost\":1}").unwrap()["lost"], 1);
        assert!(report("error: nobody there\n").is_err());
        assert!(report("").is_err());
    }
}
