//! How many entries a second one lane gets into a Redis, and what an entry costs there in memory.
//!
//! `cargo run --release -p broker --example redis-append-rate -- redis://127.0.0.1:6379 [entries]`
//!
//! It writes under a prefix of its own, whose keys are left behind for a look.

#![allow(clippy::print_stdout, reason = "it is a program for people")]

use std::{collections::VecDeque, env::args, error::Error, sync::Arc, time::Duration};

use broker::redis::{Config, Redis};
use broker::{Broker, Draft, State};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

/// What is appended: short chat messages in a few rooms.
const TEXT: &[u8] = &[b'x'; 64];
const ROOMS: usize = 8;

/// Calls that wait for their answers at the same time.
const DEPTHS: [usize; 4] = [1, 16, 128, 1024];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let entries: usize = args.next().map_or(Ok(50_000), |count| count.parse())?;
    let config = Config { prefix: "palabre-rate".into(), ..Config::new(url) };
    let redis = Redis::start(config, &TaskTracker::new())?;
    while redis.state() != State::Connected {
        sleep(Duration::from_millis(10)).await;
    }
    let run = redis.head(broker::Partition(0)).await?.seq;
    for depth in DEPTHS {
        measure(&redis, &format!("run-{run}-{depth}"), depth, entries).await?;
    }
    redis.close().await;
    println!("{:?}", redis.counts());
    Ok(())
}

async fn measure(
    redis: &Arc<Redis>,
    run: &str,
    depth: usize,
    entries: usize,
) -> Result<(), Box<dyn Error>> {
    // One call at a time takes a round trip each; a few tell enough.
    let entries = if depth == 1 { entries / 10 } else { entries };
    let start = Instant::now();
    let mut waiting = VecDeque::with_capacity(depth);
    for number in 0..entries {
        if waiting.len() == depth {
            let answer: broker::Answer<_> = waiting.pop_front().ok_or("nothing waits")?;
            answer.await?;
        }
        waiting.push_back(redis.append(Draft {
            room: format!("room-{}", number % ROOMS).into(),
            user: "a-user-with-a-name".into(),
            id: format!("{run}-{number:020}").into(),
            bytes: TEXT.into(),
            target: None,
            redact: None,
            content: None,
        }));
    }
    for answer in waiting {
        answer.await?;
    }
    let took = start.elapsed();
    let rate = entries as f64 / took.as_secs_f64();
    println!("{depth:5} at a time: {entries} entries in {took:.2?}, {rate:.0} a second");
    Ok(())
}
