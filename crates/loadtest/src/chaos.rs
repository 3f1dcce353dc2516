//! Chaos: real servers are broken while clients of both kinds talk, and in the end what every
//! client saw is held against the log.
//!
//! A run has a world (the servers), clients, a board (what they share) and witnesses (what each
//! client saw). What is promised, and so looked for, stands in `reconcile`.

mod args;
mod board;
mod chance;
mod client;
mod faults;
mod gate;
mod link;
mod outbox;
mod program;
mod reconcile;
mod socket;
mod store;
mod timeline;
mod verdict;
mod voices;
mod witness;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub use self::args::{ChaosArgs, Scenario};
use self::board::{Board, Fate, Phase};
use self::chance::Chance;
use self::client::Part;
use self::link::{Link, Transport};
use self::socket::{Heard, Socket};
pub use self::verdict::{Fault, Verdict};
use self::witness::Witness;
use self::world::World;

/// How often it is looked whether something has come to pass.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long people talk in peace between two rounds.
const BETWEEN_MS: u64 = 1_000;

/// How long clients stay on after everything has arrived: what comes twice comes by then.
const LINGER: Duration = Duration::from_millis(500);

/// One of so many clients stops reading, where some do.
const SLOW_OF: usize = 3;

/// Entries of a page of the log.
const PAGE: u64 = 200;

/// Runs the scenarios, one after the other; says on standard error how far it is.
///
/// # Errors
/// A run could not be made: a program is missing, a server did not start, an argument makes no
/// sense. A promise that was broken is no error but in the verdict.
pub async fn chaos(args: ChaosArgs) -> anyhow::Result<Vec<Verdict>> {
    let mut scenarios = Scenario::chosen(&args.scenario);
    if !args.url.is_empty() && args.scenario.contains(&Scenario::All) {
        scenarios.retain(|scenario| scenario.needs_only_clients());
    }
    let mut verdicts = Vec::new();
    for scenario in scenarios {
        eprintln!("{}: starting", scenario.name());
        let run = run(&args, scenario).await;
        let verdict = run.with_context(|| scenario.name())?;
        eprintln!("{verdict}");
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

async fn run(args: &ChaosArgs, scenario: Scenario) -> anyhow::Result<Verdict> {
    let mut world = World::open(args, scenario).await?;
    let clients = args.clients as usize + args.palabre_clients as usize;
    let name =
        format!("{:08x}", Chance::new(args.seed ^ u64::from(std::process::id())).below(1 << 32));
    let board = Arc::new(Board::new(&name, scenario.flow().0, clients));
    let reading = watch::Sender::new(true);
    let mut living = start_clients(args, scenario, &world, &board, &reading);
    let patience = Duration::from_secs_f64(args.patience);
    if !waited(patience, || board.waiting_since(0) == 0).await {
        bail!("{} clients heard nothing at all", board.waiting_since(0));
    }
    let mut chance = Chance::new(args.seed);
    let mut faults = Vec::new();
    for round in 0..scenario.rounds(args.rounds) {
        let from = board.now();
        let slow = (&reading, clients.div_ceil(SLOW_OF) as u64);
        faults::strike(scenario, round, &mut world, &mut chance, slow).await?;
        let lifted = board.now();
        let has_healed = waited(patience, || board.waiting_since(lifted) == 0).await;
        let healed_ms = has_healed.then(|| board.now() - lifted);
        faults.push(Fault { at_ms: from, lasted_ms: lifted - from, healed_ms });
        let how = healed_ms.map_or("not healed".into(), |ms| format!("healed after {ms} ms"));
        eprintln!("{}: round {}, {how}", scenario.name(), round + 1);
        faults::undo(scenario, round, &mut world).await?;
        let after = board.now() + BETWEEN_MS;
        waited(patience, || board.waiting_since(after) == 0).await;
    }
    board.phase.send_replace(Phase::Finish);
    waited(patience, || board.unanswered() == 0).await;
    let is_stored = |fate| matches!(fate, Fate::Acknowledged(_));
    let stored = board.messages().into_iter().filter(|made| is_stored(made.fate));
    let last = stored.map(|made| made.at).max().unwrap_or(0);
    waited(patience, || board.waiting_since(last) == 0).await;
    sleep(LINGER).await;
    board.phase.send_replace(Phase::Leave);
    let mut witnesses = Vec::new();
    while let Some(ended) = living.join_next().await {
        witnesses.push(ended.context("a defect of the run")?);
    }
    let log = read_log(world.addresses[0], &board).await.context("the log can't be read")?;
    let made = board.messages();
    let tally = reconcile::reconcile(&log, &made, &witnesses);
    let verdict = Verdict::new(scenario.name(), tally, &made, &witnesses, faults);
    if let Some(folder) = &args.timelines {
        std::fs::create_dir_all(folder)?;
        let picture = timeline::draw(&verdict, &made, &witnesses);
        std::fs::write(folder.join(format!("{}.svg", verdict.scenario)), picture)?;
    }
    if !verdict.kept {
        explain(&mut world, &witnesses);
    }
    Ok(verdict)
}

fn start_clients(
    args: &ChaosArgs,
    scenario: Scenario,
    world: &World,
    board: &Arc<Board>,
    reading: &watch::Sender<bool>,
) -> JoinSet<Witness> {
    let (stock, members) = (args.clients as usize, args.palabre_clients as usize);
    let rate = args.rate.max(scenario.flow().1);
    let every = Duration::from_secs_f64((stock + members) as f64 / rate);
    let always = watch::Sender::new(true).subscribe();
    let mut clients = JoinSet::new();
    for number in 0..stock + members {
        let polls = match scenario {
            Scenario::AnyInstancePolling => true,
            Scenario::Herd | Scenario::SlowClient => false,
            _ => number % 2 == 1,
        };
        // A connection through the gate would never fill up: the gate reads.
        let is_slow = scenario == Scenario::SlowClient && number.is_multiple_of(SLOW_OF);
        let direct = world.addresses[number % world.addresses.len()];
        let kind = if number < stock { "stock" } else { "palabre" };
        let part = Part {
            number,
            name: format!("{kind} {number}"),
            server: if is_slow { direct } else { world.gate.address() },
            transport: if polls { Transport::Polling } else { Transport::WebSocket },
            board: board.clone(),
            every,
            reading: if is_slow { reading.subscribe() } else { always.clone() },
            has_small_buffer: is_slow,
        };
        if number < stock {
            clients.spawn(client::live(part, voices::Stock::default()));
        } else {
            let voice = voices::Member::new(part.name.clone());
            clients.spawn(client::live(part, voice));
        }
    }
    clients
}

/// Waits until something has come to pass; `false` where it did not in time.
async fn waited(patience: Duration, mut has_come: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !has_come() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
    true
}

/// The numbers of this run's messages, in the order of the log.
async fn read_log(server: SocketAddr, board: &Board) -> anyhow::Result<Vec<u32>> {
    let reading = watch::Sender::new(true);
    let link = Link::open(server, Transport::WebSocket, reading.subscribe(), false).await?;
    let mut socket = Socket::join(link, &json!({ "palabre": 1, "name": "reader" })).await?;
    let lobby = loop {
        if let Heard::Event(name, args) = socket.next().await?
            && name == "palabre:welcome"
        {
            break args[0]["lobby"].as_str().context("no lobby is named")?.to_owned();
        }
    };
    let (mut numbers, mut after) = (Vec::new(), 0);
    loop {
        let takes = json!({ "room": lobby, "after": after, "limit": PAGE });
        let page = asked(&mut socket, "history", takes).await?;
        let entries = page["entries"].as_array().context("a page without entries")?;
        let texts = entries.iter().filter_map(|entry| entry["text"].as_str());
        numbers.extend(texts.filter_map(|text| board.number_of(text)));
        after = entries.last().and_then(|entry| entry["offset"].as_u64()).unwrap_or(after);
        if page["more"] != true {
            return Ok(numbers);
        }
    }
}

async fn asked(socket: &mut Socket, command: &str, takes: Value) -> anyhow::Result<Value> {
    let number = socket.emit(command, &[takes]).await?;
    loop {
        if let Heard::Answer(answered, answer) = socket.next().await?
            && answered == number
        {
            anyhow::ensure!(answer["ok"] == true, "{command} was refused: {answer}");
            return Ok(answer);
        }
    }
}

/// Says where to look when a promise was broken.
fn explain(world: &mut World, witnesses: &[Witness]) {
    for witness in witnesses {
        let (recovered, restarted) = (
            witness.count(|what| what == witness::What::Recovered),
            witness.count(|what| what == witness::What::Restarted),
        );
        eprintln!("  {}: {recovered} recovered, {restarted} afresh", witness.name);
    }
    if let Some(folder) = world.keep_folder() {
        eprintln!("  what the servers said is in {}", folder.display());
    }
}
