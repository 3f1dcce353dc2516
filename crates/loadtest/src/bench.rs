//! A load test from its first connection to its report.

use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::args::{BenchArgs, CONNECTING_MAX};
use crate::board::Board;
use crate::clock::now_us;
use crate::crew::Crew;
use crate::footprint::{self, Memory};
use crate::ledger::Settlement;
use crate::limits;
use crate::plan::{Order, Plan};
use crate::plot;
use crate::report::{Connect, Report};
use crate::target::Target;

/// How often the counters are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long clients stay on after all has arrived: what comes twice is seen if it comes by then.
const LINGER_US: u64 = 200_000;

/// How long workers may take to say what they found.
const CLOSING_US: u64 = 60_000_000;

/// Runs a load test; prints its progress on standard error.
///
/// # Errors
/// When arguments make no sense, or no client could connect. What the server does wrong is no
/// error but in the report.
pub fn bench(args: &BenchArgs) -> anyhow::Result<Report> {
    args.check()?;
    let plans = plans(args)?;
    let mut board = Board::new(args, &plans);
    let high_water = footprint::high_water(&args.pid)?;
    let before = Sample::take(&args.pid)?;
    let began_us = now_us();
    let mut crew = Crew::start(plans)?;
    until(&mut crew, &mut board, Board::has_gathered)?;
    let connect_us = now_us() - began_us;
    let connected = Sample::take(&args.pid)?;
    let clients = board.connected();
    if clients == 0 {
        return Err(nobody(args, &mut crew, &mut board));
    }
    board.start(now_us());
    crew.tell(&Order::Start(board.start_us()))?;
    if let Some(allowed) = board.allowed() {
        crew.tell(&Order::Allow(allowed))?;
    }
    until(&mut crew, &mut board, Board::is_complete)?;
    let after = Sample::take(&args.pid)?;
    let end_us = now_us() + LINGER_US;
    until(&mut crew, &mut board, |_| now_us() >= end_us)?;
    close(&mut crew, &mut board)?;
    crew.tell(&Order::Leave)?;

    let mut report = board.report(args);
    report.workers = crew.count();
    let cpu = |from: &Sample, to: &Sample, by: u64| {
        let spent = to.cpu_us?.saturating_sub(from.cpu_us?);
        (by > 0).then(|| spent as f64 / by as f64)
    };
    report.connect = Connect {
        seconds: (!board.was_busy_connecting()).then_some(connect_us as f64 / 1e6),
        cpu_us_per_connection: cpu(&before, &connected, clients),
    };
    report.cpu_us_per_delivery = cpu(&connected, &after, report.deliveries);
    if let (Some(before), Some(all), Some(after)) = (before.memory, connected.memory, after.memory)
    {
        let now_high = footprint::high_water(&args.pid)?;
        // The system's own mark counts if it was set in this run.
        let mark = now_high.filter(|mark| Some(*mark) > high_water);
        let seen = board.memory_peak().max(before).max(all).max(after);
        report.memory = Some(Memory {
            before,
            connected: all,
            after,
            peak: mark.unwrap_or(0).max(seen),
            per_connection: all.saturating_sub(before) / clients,
        });
    }
    if let Some(path) = &args.plot {
        std::fs::write(path, plot::draw(&report))
            .with_context(|| format!("--plot {}: it could not be written", path.display()))?;
    }
    Ok(report)
}

/// What the servers have used at some moment.
struct Sample {
    memory: Option<u64>,
    cpu_us: Option<u64>,
}

impl Sample {
    fn take(pids: &[u32]) -> anyhow::Result<Self> {
        Ok(Self { memory: footprint::memory(pids)?, cpu_us: footprint::cpu_us(pids)? })
    }
}

/// Who does what: a plan for each worker.
pub(crate) fn plans(args: &BenchArgs) -> anyhow::Result<Vec<Plan>> {
    let targets: anyhow::Result<Vec<_>> = args.url.iter().map(|url| Target::find(url)).collect();
    let targets = targets?;
    let mut random = [0; 4];
    getrandom::fill(&mut random).context("no random numbers")?;
    let run = format!("{:08x}", u32::from_ne_bytes(random));
    let files = limits::raise_files();
    let least = args.clients.div_ceil(limits::clients_max(files, args.transport));
    let workers = args.workers.unwrap_or(1).max(least);
    let shares = limits::shares(args.clients, workers);
    let mut first = 0;
    let mut plans = Vec::new();
    for clients in &shares {
        let course = args.course()?;
        plans.push(Plan {
            targets: targets.clone(),
            run: run.clone(),
            size: args.size,
            transport: args.transport,
            first,
            clients: *clients,
            senders: args.senders(),
            rooms: args.rooms,
            course,
            is_alone: shares.len() == 1,
            churn: args.churn.unwrap_or(0.0) / 100.0 * f64::from(*clients),
            connecting_max: (CONNECTING_MAX / shares.len() as u32).max(1),
            bin_seconds: args.bin_seconds(),
        });
        first += clients;
    }
    Ok(plans)
}

/// Hears what the workers say until it is over.
fn until(
    crew: &mut Crew,
    board: &mut Board,
    mut is_over: impl FnMut(&mut Board) -> bool,
) -> anyhow::Result<()> {
    loop {
        let mut next = crew.hear(LOOK_EVERY)?;
        while let Some((worker, news)) = next {
            if let Some(allowed) = board.take(worker, news) {
                crew.tell(&Order::Allow(allowed))?;
            }
            next = crew.hear(Duration::ZERO)?;
        }
        board.look(now_us())?;
        if is_over(board) {
            return Ok(());
        }
    }
}

/// Lets the workers say what became of the messages, and then what was lost.
fn close(crew: &mut Crew, board: &mut Board) -> anyhow::Result<()> {
    let give_up_us = now_us() + CLOSING_US;
    let is_late = || now_us() > give_up_us;
    crew.tell(&Order::Stop)?;
    until(crew, board, |board| board.has_stopped() || is_late())?;
    crew.tell(&Order::Settle(board.settle()))?;
    until(crew, board, |board| board.has_settled() || is_late())?;
    if !board.has_settled() {
        bail!("the workers did not say in time what they had found");
    }
    Ok(())
}

/// Why no client could connect.
fn nobody(args: &BenchArgs, crew: &mut Crew, board: &mut Board) -> anyhow::Error {
    let urls = args.url.join(", ");
    let asked = crew.tell(&Order::Settle(Settlement::default()));
    let heard = asked.and_then(|()| until(crew, board, |board| board.has_settled()));
    let why = match heard {
        Ok(()) => board.failures().into_keys().next().unwrap_or_default(),
        Err(error) => format!("{error:#}"),
    };
    anyhow::anyhow!("no client could connect to {urls}: {why}")
}
