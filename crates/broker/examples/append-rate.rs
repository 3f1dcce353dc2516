//! How many entries the embedded log makes durable in a second, and what each of them costs of the
//! processor's time; then the same of session records:
//! `cargo run --release -p broker --example append-rate --
//! [DIRECTORY|memory [SECONDS [SESSIONS [CALLERS,…]]]]`.
//! A directory that already holds a log is added to. So many session records are renewed each
//! second meanwhile.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use broker::{
    Broker, Draft, Error, Limits, OwnedSession, SessionRecord, Sessions, embedded::Embedded,
};
use tokio::{task::JoinSet, time::Instant};

/// Bytes of an entry: a short message with its name, id and time.
const ENTRY_BYTES: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| "append-rate-data".into());
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(3);
    let sessions = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let path = (place != "memory").then(|| PathBuf::from(&place));
    let several = arguments.next().unwrap_or_else(|| "1,2,8,32,128,512,2048".into());
    println!("{place}, {ENTRY_BYTES} bytes an entry, {seconds} s each, {sessions} sessions");
    let mut run = 0;
    for callers in several.split(',').filter_map(|number| number.parse().ok()) {
        run += 1;
        let log = Embedded::open(path.as_deref(), Limits::embedded())?;
        let mut renewing = JoinSet::new();
        renewing.spawn(renew(Arc::clone(&log), keep(&log, sessions).await?));
        let before = cpu();
        let (entries, waits) = measure(&log, callers, Duration::from_secs(seconds), run).await;
        let spent = cpu().saturating_sub(before);
        renewing.shutdown().await;
        log.close().await;
        if waits.is_empty() {
            println!("{callers:>5} callers: not one entry went in");
            continue;
        }
        let rate = entries as f64 / seconds as f64;
        let at = |percent: usize| waits[(waits.len() - 1) * percent / 100];
        println!(
            "{callers:>5} callers: {rate:>8.0} entries/s, {:>8.2?} CPU each, \
             wait {:>8.2?} half, {:>8.2?} of 99 %",
            spent / entries as u32,
            at(50),
            at(99)
        );
    }
    measure_sessions(path.as_deref()).await
}

/// Keeps the same records several times, and renews them.
async fn measure_sessions(path: Option<&Path>) -> Result<(), Error> {
    let log = Embedded::open(path, Limits::embedded())?;
    for what in ["new", "again", "once more"] {
        let before = cpu();
        let kept = keep(&log, RECORDS).await?;
        let keeping = cpu().saturating_sub(before) / RECORDS as u32;
        let before = cpu();
        log.renew_sessions(kept, LIFE).await?;
        let renewing = cpu().saturating_sub(before) / RECORDS as u32;
        println!(
            "{RECORDS} session records, {what}: {keeping:.2?} CPU each to keep it, \
             {renewing:.2?} to renew it"
        );
    }
    log.close().await;
    Ok(())
}

/// What this process has used of the processors' time, in steps of ten milliseconds; nothing
/// where the system doesn't say it as Linux does.
fn cpu() -> Duration {
    let said = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold anything.
    let numbers = said.rsplit_once(')').map_or("", |(_, numbers)| numbers).split_whitespace();
    let ticks: u64 = numbers.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// Session records whose cost is measured.
const RECORDS: usize = 20_000;

/// How long a session record lives without being renewed.
const LIFE: Duration = Duration::from_mins(3);

/// Bytes of a session record.
const SESSION_BYTES: usize = 300;

/// As many at a time as an instance keeps.
const TOGETHER: usize = 256;

async fn keep(log: &Arc<Embedded>, count: usize) -> Result<Vec<OwnedSession>, Error> {
    let owned: Vec<_> = (0..count).map(owned).collect();
    for part in owned.chunks(TOGETHER) {
        let record = |OwnedSession { key, owner }: &OwnedSession| SessionRecord {
            key: key.clone(),
            owner: owner.clone(),
            bytes: vec![b'x'; SESSION_BYTES].into(),
        };
        log.keep_sessions(part.iter().map(record).collect(), LIFE).await?;
    }
    Ok(owned)
}

/// Keys are random in life; these lie as far apart.
fn owned(number: usize) -> OwnedSession {
    let key = format!("{:016x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    OwnedSession { key: key.into(), owner: "owner".into() }
}

async fn renew(log: Arc<Embedded>, owned: Vec<OwnedSession>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let (mut rounds, mut longest) = (0, Duration::ZERO);
    while !owned.is_empty() {
        every.tick().await;
        let begun = Instant::now();
        match log.renew_sessions(owned.clone(), LIFE).await {
            Ok(gone) => assert!(gone.is_empty()),
            Err(error) => eprintln!("{error}"),
        }
        rounds += 1;
        longest = longest.max(begun.elapsed());
        eprintln!("        renewed {rounds} times, at most in {longest:.2?}");
    }
}

/// How many entries were acknowledged, and how long each was waited for, ascending.
async fn measure(
    log: &Arc<Embedded>,
    callers: usize,
    length: Duration,
    run: u32,
) -> (usize, Vec<Duration>) {
    let unique = std::process::id();
    let end = Instant::now() + length;
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let log = Arc::clone(log);
        tasks.spawn(async move {
            let mut waits = Vec::new();
            for number in 0_u32.. {
                let begun = Instant::now();
                if begun >= end {
                    break;
                }
                let draft = Draft {
                    room: format!("room {}", caller % 10).into(),
                    user: format!("user {caller}").into(),
                    id: format!("{unique:08}-{run}-{number:08}").into(),
                    bytes: vec![b'x'; ENTRY_BYTES].into(),
                    target: None,
                    redact: None,
                    content: None,
                };
                if let Err(error) = log.append(draft).await {
                    eprintln!("{error}");
                    break;
                }
                waits.push(begun.elapsed());
            }
            waits
        });
    }
    let mut waits: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    waits.sort_unstable();
    (waits.len(), waits)
}
