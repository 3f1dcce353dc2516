//! What the recovery of a session costs a Redis in commands, and its record in memory.
//!
//! `cargo run -p broker --example redis-recovery-cost -- 127.0.0.1:6379 [sessions]`
//!
//! The Redis must be one that nobody else uses at the same time, and that asks for no password.
//! Everything is written under a prefix of its own, and forgotten at the end.

#![allow(clippy::print_stdout, reason = "it is a program for people")]

use std::{
    collections::BTreeMap,
    env::args,
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use broker::redis::{Config, Redis};
use broker::{Broker, OwnedSession, SessionRecord, Sessions, State};
use bytes::Bytes;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

type Outcome<T> = Result<T, Box<dyn Error>>;

const LIFE: Duration = Duration::from_mins(10);

/// A record as large as that of a socket in five rooms.
const RECORD_BYTES: usize = 300;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let sessions: usize = args.next().map_or(Ok(1_000), |count| count.parse())?;
    let config =
        Config { prefix: "palabre-cost".into(), ..Config::new(format!("redis://{address}")) };
    let redis = Redis::start(config, &TaskTracker::new())?;
    while redis.state() != State::Connected {
        sleep(Duration::from_millis(10)).await;
    }
    // Loads the scripts.
    recover(&redis, "first").await?;

    let before = used_memory(&address)?;
    keep_all(&redis, sessions).await?;
    let bytes = (used_memory(&address)?.saturating_sub(before)) as f64 / sessions as f64;
    let of_key = command(&address, &["MEMORY", "USAGE", "palabre-cost:session:session-0000000"])?;
    println!("a record of {RECORD_BYTES} bytes takes {bytes:.0} bytes of used_memory");
    println!("MEMORY USAGE says {} for its key", of_key.trim_start_matches(':'));

    println!("a recovery (claim and keep):");
    let before = calls(&address)?;
    for number in 0..sessions {
        recover(&redis, &key(number)).await?;
    }
    report(&before, &calls(&address)?, sessions);

    println!("a renewal of {sessions} records in one call, for each record:");
    let before = calls(&address)?;
    let owned = |number| OwnedSession { key: key(number).into(), owner: owner("after") };
    let lost = redis.renew_sessions((0..sessions).map(owned).collect(), LIFE).await?;
    report(&before, &calls(&address)?, sessions);
    if !lost.is_empty() {
        return Err(format!("{} records are lost", lost.len()).into());
    }
    for number in 0..sessions {
        redis.forget(&key(number), &owner("after")).await?;
    }
    redis.close().await;
    Ok(())
}

fn key(number: usize) -> String {
    format!("session-{number:07}")
}

/// As long as a token is.
fn owner(name: &str) -> Box<str> {
    format!("{name:-<22}").into()
}

fn record(key: &str, by: &str) -> SessionRecord {
    SessionRecord { key: key.into(), owner: owner(by), bytes: Bytes::from(vec![7; RECORD_BYTES]) }
}

async fn keep_all(redis: &Arc<Redis>, sessions: usize) -> Outcome<()> {
    for number in 0..sessions {
        redis.keep(record(&key(number), "before"), LIFE).await?;
    }
    Ok(())
}

/// What an instance does when a client comes back to it.
async fn recover(redis: &Arc<Redis>, key: &str) -> Outcome<()> {
    redis.claim(key, &owner("after"), LIFE).await?;
    redis.keep(record(key, "after"), LIFE).await?;
    Ok(())
}

fn report(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, sessions: usize) {
    for (name, count) in after {
        let more = count - before.get(name).copied().unwrap_or(0);
        // Our own question, and those of the connections that stay awake, are no part of it.
        if more > 0 && !matches!(name.as_str(), "info" | "ping") {
            println!("  {name:10} {:.3}", more as f64 / sessions as f64);
        }
    }
}

/// How often Redis has carried out each command, those inside scripts included.
fn calls(address: &str) -> Outcome<BTreeMap<String, u64>> {
    let stats = command(address, &["INFO", "commandstats"])?;
    let count = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    Ok(stats.lines().filter_map(count).collect())
}

fn used_memory(address: &str) -> Outcome<u64> {
    let memory = command(address, &["INFO", "memory"])?;
    let line = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.ok_or("Redis says nothing of its memory")?.trim().parse()?)
}

/// Carries out a command whose reply is one text or number.
fn command(address: &str, words: &[&str]) -> Outcome<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "*{}\r\n", words.len())?;
    for word in words {
        write!(stream, "${}\r\n{word}\r\n", word.len())?;
    }
    let mut replies = BufReader::new(stream);
    let mut line = String::new();
    replies.read_line(&mut line)?;
    let Some(length) = line.trim_end().strip_prefix('$') else { return Ok(line.trim().into()) };
    let mut text = vec![0; length.parse()?];
    replies.read_exact(&mut text)?;
    Ok(String::from_utf8(text)?)
}
