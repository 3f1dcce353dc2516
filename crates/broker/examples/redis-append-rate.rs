//! How many entries a second one lane gets into a Redis, beside what `redis-benchmark` gets into it
//! by the same script with entries of the same size, and what an entry costs Redis:
//!
//! `cargo run --release -p broker --example redis-append-rate -- [HOST:PORT [ENTRIES [ROUNDS]]]`
//!
//! Both take turns. It writes under a prefix of its own, whose keys are left behind for a look.

#![allow(clippy::print_stdout, reason = "it is a program for people")]

use std::{
    collections::VecDeque,
    env::args,
    error::Error,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::Command,
    sync::Arc,
    time::Duration,
};

use broker::redis::{Config, Redis};
use broker::{Broker, Draft, Partition, State};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

type Failed = Box<dyn Error>;

/// What is appended: short chat messages.
const TEXT: &[u8] = &[b'x'; 64];

/// Calls that wait for their answers at the same time.
const DEPTHS: [usize; 4] = [1, 16, 128, 512];

/// What `redis-benchmark` puts a random number of 12 digits in the place of.
const RANDOM: &str = "__rand_int__";

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let entries: usize = args.next().map_or(Ok(20_000), |count| count.parse())?;
    let rounds: usize = args.next().map_or(Ok(3), |count| count.parse())?;
    let url = format!("redis://{address}");
    let config = Config { prefix: "palabre-rate".into(), ..Config::new(url) };
    let redis = Redis::start(config, &TaskTracker::new())?;
    while redis.state() != State::Connected {
        sleep(Duration::from_millis(10)).await;
    }
    for round in 0..rounds {
        for depth in DEPTHS {
            // One call at a time takes a round trip each; a few tell enough.
            let entries = if depth == 1 { entries / 10 } else { entries };
            let run = redis.head(Partition(0)).await?.seq;
            let ours = timed(&address, entries, append(&redis, run, depth, entries)).await?;
            let theirs =
                timed(&address, entries, benchmark(&redis, &address, depth, entries)).await?;
            let stored = redis.head(Partition(0)).await?.seq - run;
            println!(
                "{round}: {depth:4} at a time: {:6.0} a second, {:5.1} us of Redis each; \
                 redis-benchmark {:6.0}, {:5.1} us; {:.2} x; {stored} stored of {}",
                ours.rate,
                ours.micros,
                theirs.rate,
                theirs.micros,
                ours.rate / theirs.rate,
                2 * entries,
            );
        }
    }
    redis.close().await;
    println!("{:?}", redis.counts());
    Ok(())
}

/// What a run came to.
struct Measured {
    rate: f64,
    /// CPU time of Redis for each entry.
    micros: f64,
}

async fn timed(
    address: &str,
    entries: usize,
    work: impl Future<Output = Result<(), Failed>>,
) -> Result<Measured, Failed> {
    let (start, before) = (Instant::now(), cpu_of_redis(address)?);
    work.await?;
    let (took, spent) = (start.elapsed(), cpu_of_redis(address)? - before);
    let entries = entries as f64;
    Ok(Measured { rate: entries / took.as_secs_f64(), micros: spent * 1e6 / entries })
}

/// Seconds of CPU that Redis has used.
fn cpu_of_redis(address: &str) -> Result<f64, Failed> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"INFO cpu\r\nQUIT\r\n")?;
    let mut seconds = 0.0;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if let Some((name, value)) = line.split_once(':')
            && matches!(name, "used_cpu_user" | "used_cpu_sys")
        {
            seconds += value.trim().parse::<f64>()?;
        }
    }
    Ok(seconds)
}

fn draft(id: String) -> Draft {
    Draft {
        room: "room".into(),
        user: "a-user-with-a-name".into(),
        id: id.into(),
        bytes: TEXT.into(),
        target: None,
        redact: None,
        content: None,
    }
}

async fn append(redis: &Arc<Redis>, run: u64, depth: usize, entries: usize) -> Result<(), Failed> {
    let mut waiting = VecDeque::with_capacity(depth);
    for number in 0..entries {
        if waiting.len() == depth {
            let answer: broker::Answer<_> = waiting.pop_front().ok_or("nothing waits")?;
            answer.await?;
        }
        waiting.push_back(redis.append(draft(format!("{run:012}-{number:08}"))));
    }
    for answer in waiting {
        answer.await?;
    }
    Ok(())
}

/// The same calls, by one connection that has so many under way.
async fn benchmark(
    redis: &Arc<Redis>,
    address: &str,
    depth: usize,
    entries: usize,
) -> Result<(), Failed> {
    let (host, port) = address.rsplit_once(':').ok_or("the address has no port")?;
    let words = redis.append_call(&draft(format!("{RANDOM}-{depth:08}"))).ok_or("no epoch")?;
    let words: Vec<String> = words.into_iter().map(String::from_utf8).collect::<Result<_, _>>()?;
    let mut command = Command::new("redis-benchmark");
    command.args(["-h", host, "-p", port, "-c", "1", "-q", "-r", "1000000000"]);
    command.args(["-n", &entries.to_string(), "-P", &depth.to_string()]).args(words);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into())
}
