//! A load test from its first connection to its report.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::args::{BenchArgs, Transport};
use crate::client::{self, Outcome};
use crate::footprint::{self, Memory};
use crate::ledger::{Fate, Ledger, Tally};
use crate::meter::Meter;
use crate::packet::Phrase;
use crate::report::{Latency, Report};
use crate::run::{Counts, Phase, Run};
use crate::target::Target;

/// Clients that connect at the same time: about a server's usual backlog.
const CONNECTING_MAX: usize = 128;

/// How often the counters are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often a line of progress is printed.
const LOOKS_PER_LINE: u32 = 20;

/// How long clients stay on after all has arrived: what comes twice is seen if it comes by then.
const LINGER: Duration = Duration::from_millis(200);

/// More messages than this are one run no more.
const MESSAGES_MAX: f64 = 100_000_000.0;

/// Runs a load test; prints its progress on standard error.
///
/// # Errors
/// When an argument makes no sense, or no client could connect. What the server does wrong is no
/// error but in the report.
pub async fn bench(args: BenchArgs) -> anyhow::Result<Report> {
    let Transport::Websocket = args.transport;
    let mut targets = Vec::new();
    for url in &args.url {
        targets.push(Arc::new(Target::find(url).await?));
    }
    let run = Arc::new(prepare(&args)?);
    let memory_before = footprint::memory(&args.pid)?;
    let began = Instant::now();
    let mut clients = JoinSet::new();
    let turn = Arc::new(Semaphore::new(CONNECTING_MAX));
    for (number, target) in (0..args.clients).zip(targets.iter().cycle()) {
        let (target, run, turn) = (Arc::clone(target), Arc::clone(&run), Arc::clone(&turn));
        clients.spawn(client::live(number, target, run, turn));
    }
    gather(&run, args.clients).await;
    let connect_seconds = began.elapsed().as_secs_f64();
    let connected = Counts::get(&run.counts.connected);
    if connected == 0 {
        return Err(first_failure(clients).await);
    }
    let memory_connected = footprint::memory(&args.pid)?;
    let cpu_before = footprint::cpu_seconds(&args.pid)?;
    load(&run, Duration::from_secs_f64(args.patience)).await;
    let memory_after = footprint::memory(&args.pid)?;
    let cpu_after = footprint::cpu_seconds(&args.pid)?;
    run.phase.send_replace(Phase::Leave);
    let (tally, failures) = add_up(clients, &run.ledger).await;

    let mut report = report(&args, &run, tally, failures);
    report.connect_seconds = connect_seconds;
    if let (Some(before), Some(all), Some(after)) = (memory_before, memory_connected, memory_after)
    {
        let per_connection = all.saturating_sub(before) / connected;
        report.memory = Some(Memory { before, connected: all, after, per_connection });
    }
    if let (Some(before), Some(after)) = (cpu_before, cpu_after)
        && report.deliveries > 0
    {
        report.cpu_us_per_delivery = Some((after - before) * 1e6 / report.deliveries as f64);
    }
    Ok(report)
}

fn prepare(args: &BenchArgs) -> anyhow::Result<Run> {
    let messages = (args.rate * args.duration).floor().max(1.0);
    if messages > MESSAGES_MAX {
        bail!("--rate times --duration is more than {MESSAGES_MAX} messages");
    }
    #[expect(clippy::cast_sign_loss, reason = "it is at least 1")]
    let messages = messages as u32;
    let mut random = [0; 4];
    getrandom::fill(&mut random).context("no random numbers")?;
    let name = format!("{:08x}", u32::from_ne_bytes(random));
    Ok(Run {
        phrase: Phrase::new(&name, args.size as usize),
        ledger: Ledger::new(messages),
        meter: Meter::new(),
        start: OnceLock::new(),
        rate: args.rate,
        messages,
        senders: args.senders(),
        phase: watch::Sender::new(Phase::Gather),
        counts: Counts::default(),
        refusals: Mutex::default(),
    })
}

/// Waits until each client is connected or has failed.
async fn gather(run: &Run, clients: u32) {
    look(|| {
        let connected = Counts::get(&run.counts.connected);
        let failed = Counts::get(&run.counts.failed);
        let line = format!("{connected} of {clients} connected, {failed} failed");
        (connected + failed >= u64::from(clients), line)
    })
    .await;
}

/// Lets the clients send, and waits until all has arrived, or nothing more comes.
async fn load(run: &Run, patience: Duration) {
    run.start.get_or_init(Instant::now);
    run.phase.send_replace(Phase::Send);
    let last_due = run.due(run.messages - 1).expect("the clock has begun");
    let mut before = (0, 0, 0);
    let mut moved = last_due;
    look(|| {
        let counts = &run.counts;
        let dropped = Counts::get(&counts.dropped);
        let (sent, answered, received) = (
            Counts::get(&counts.sent),
            Counts::get(&counts.answered),
            Counts::get(&counts.received),
        );
        let line = format!("{sent} sent, {answered} answered, {received} received");
        let now = Instant::now();
        if (sent, answered, received) != before {
            before = (sent, answered, received);
            moved = now.max(last_due);
        }
        let receivers = Counts::get(&counts.connected).saturating_sub(dropped);
        let complete = sent == u64::from(run.messages)
            && answered == sent
            && dropped == 0
            && received >= run.ledger.seen() * receivers;
        (complete || receivers == 0 || now > moved + patience, line)
    })
    .await;
    sleep_until(Instant::now() + LINGER).await;
}

/// Looks at the counters until they say that this phase is over; shows them now and then.
async fn look(mut at: impl FnMut() -> (bool, String)) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for looks in 1_u32.. {
        ticks.tick().await;
        let (is_over, line) = at();
        if is_over || looks.is_multiple_of(LOOKS_PER_LINE) {
            eprintln!("{line}");
        }
        if is_over {
            return;
        }
    }
}

async fn first_failure(mut clients: JoinSet<anyhow::Result<Outcome>>) -> anyhow::Error {
    while let Some(ended) = clients.join_next().await {
        if let Ok(Err(error)) = ended {
            return error.context("no client could connect");
        }
    }
    anyhow::anyhow!("no client could connect")
}

/// Waits for all clients to leave. What a client that lost its connection did not get is no loss
/// but a failure.
async fn add_up(
    mut clients: JoinSet<anyhow::Result<Outcome>>,
    ledger: &Ledger,
) -> (Tally, BTreeMap<String, u64>) {
    let (mut sum, mut failures) = (Tally::default(), BTreeMap::new());
    while let Some(ended) = clients.join_next().await {
        let why = match ended {
            Ok(Ok(Outcome { receiver, dropped: None })) => {
                sum.add(receiver.close(ledger));
                continue;
            }
            Ok(Ok(Outcome { receiver, dropped: Some(why) })) => {
                sum.add(receiver.tally);
                why
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => format!("a defect of the load test: {panic}"),
        };
        *failures.entry(why).or_default() += 1;
    }
    (sum, failures)
}

fn report(args: &BenchArgs, run: &Run, tally: Tally, failures: BTreeMap<String, u64>) -> Report {
    let times = run.meter.sum();
    let seconds = Counts::get(&run.counts.last_us) as f64 / 1e6;
    let per_second = if seconds > 0.0 { tally.received as f64 / seconds } else { 0.0 };
    Report {
        urls: args.url.clone(),
        clients: args.clients,
        connected: Counts::get(&run.counts.connected),
        failures,
        connect_seconds: 0.0,
        rate: args.rate,
        messages: run.messages,
        sent: Counts::get(&run.counts.sent),
        acknowledged: run.ledger.count(Fate::Acknowledged),
        refused: run.refusals.lock().clone(),
        unanswered: run.ledger.count(Fate::Unanswered),
        deliveries: tally.received,
        deliveries_per_second: per_second,
        lost: tally.lost,
        doubled: tally.doubled,
        disordered: tally.disordered,
        strangers: Counts::get(&run.counts.strangers),
        delivery: Latency::of(&times.delivery),
        acknowledgement: Latency::of(&times.answer),
        generator_lag: Latency::of(&times.lag),
        memory: None,
        cpu_us_per_delivery: None,
    }
}
