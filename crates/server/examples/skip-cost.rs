//! What an instance pays for an entry of a room that none of its sockets is in, from the socket to
//! Redis up to the end of the sequencer's work on it, the system's share included:
//!
//! `cargo run --profile profiling -p server --example skip-cost -- [HOST:PORT [ENTRIES [AT_ONCE]]]`
//!
//! Entries are published by another process, so that only the instance is measured; `ENTRIES`
//! for each number that are published at once, or for `AT_ONCE` alone. Nothing is stored.

#![allow(clippy::print_stdout, reason = "it is a program for people")]

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use broker::redis::{Config, Redis};
use broker::{Broker, Epoch, Head, Partition, State};
use hub::Hub;
use prometheus_client::registry::Registry;
use server::{
    metrics::Metrics,
    pulse::Pulse,
    sequencer::{Parts, Sequencer, order::Wanted, ring},
    trace::Traces,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// As the server does.
#[cfg(all(target_os = "linux", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Failed = Box<dyn Error>;

/// How many entries are on their way at once.
const AT_ONCE: [u64; 4] = [1, 32, 512, 4_096];

/// A room of the size of its name.
const ROOM: &str = "a-room-that-nobody-here-is-in";

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, address, channel, epoch] = &args[..]
        && role == "publish"
    {
        return publish(address, channel, epoch);
    }
    let address = args.first().map_or("127.0.0.1:6379", |text| text);
    let entries = args.get(1).map_or(Ok(200_000), |text| text.parse())?;
    let at_once: Option<u64> = args.get(2).map(|text| text.parse()).transpose()?;
    let at_once = at_once.map_or(AT_ONCE.to_vec(), |number| vec![number]);
    // One worker, as on one core: more would only change who waits for whom.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build()?.block_on(measure(address, entries, &at_once))
}

async fn measure(address: &str, entries: u64, all: &[u64]) -> Result<(), Failed> {
    let tasks = TaskTracker::new();
    let prefix = format!("palabre-skip-{}", std::process::id());
    let config = Config { prefix: prefix.clone(), ..Config::new(format!("redis://{address}")) };
    let redis: Arc<dyn Broker> = Redis::start(config, &tasks)?;
    while redis.state() != State::Connected {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (metrics, stop) =
        (Arc::new(Metrics::new(&mut Registry::default())), CancellationToken::new());
    let (signals, _signalled) = mpsc::channel(1);
    let parts = Parts {
        hub: Hub::start(1, hub::Limits::default(), hub::Metrics::new(), &tasks),
        broker: redis.clone(),
        pulse: Arc::new(Pulse::new("skip".into(), redis.clone(), metrics.clone())),
        ring: ring::Limits { time: Duration::from_mins(2), bytes: 64 << 20 },
        signals,
        traces: Traces::default(),
        metrics: metrics.clone(),
    };
    let sequencer = Sequencer::start(parts, &tasks, &stop);
    let mut head = redis.head(Partition(0)).await?;
    reach(&sequencer, head).await;
    let channel = format!("{prefix}:{{p0}}:0");
    let mut publisher = Publisher::start(address, &channel, head.epoch)?;
    for &at_once in all {
        // The first ones of each run are not measured: they are warming up.
        let mut round = |count: u64| -> Result<Head, Failed> {
            publisher.publish(head.seq + 1, count)?;
            head.seq += count;
            Ok(head)
        };
        reach(&sequencer, round(512)?).await;
        let entries = if at_once == 1 { entries / 20 } else { entries };
        let (before, mut sent) = (cpu()?, 0);
        while sent < entries {
            reach(&sequencer, round(at_once)?).await;
            sent += at_once;
        }
        let after = cpu()?;
        let [instance, orders] =
            [0, 1].map(|which| after[which].saturating_sub(before[which]) as f64 / sent as f64);
        println!(
            "{at_once:5} at once: {instance:6.0} ns of CPU for each of {sent} entries, and \
             {orders:.0} ns for ordering it"
        );
    }
    let (entries_in, wanted) = (metrics.entries_in.get(), head.seq);
    assert_eq!(entries_in, wanted, "every entry went through the sequencer once");
    stop.cancel();
    redis.close().await;
    Ok(())
}

async fn reach(sequencer: &Sequencer, after: Head) {
    sequencer.reach(&[Wanted { room: ROOM.into(), after }]).await;
}

/// What the instance's threads have used, and this one, which gives the orders and is woken to
/// give the next one; as exactly as the scheduler counts it.
fn cpu() -> Result<[u64; 2], Failed> {
    let me = std::process::id().to_string();
    let [mut instance, mut orders] = [0, 0];
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?;
        let text = fs::read_to_string(thread.path().join("schedstat"))?;
        let nanos = text.split(' ').next().ok_or("no time")?.parse::<u64>()?;
        *(if thread.file_name() == *me { &mut orders } else { &mut instance }) += nanos;
    }
    Ok([instance, orders])
}

/// The other process.
struct Publisher(Child);

impl Publisher {
    fn start(address: &str, channel: &str, epoch: Epoch) -> Result<Self, Failed> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["publish", address, channel, epoch.as_str()]).stdin(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    fn publish(&mut self, first: u64, count: u64) -> Result<(), Failed> {
        let orders = self.0.stdin.as_mut().ok_or("no pipe")?;
        Ok(orders.write_all(&[first.to_le_bytes(), count.to_le_bytes()].concat())?)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It ends with the pipe.
        let _ = self.0.wait();
    }
}

/// Publishes what the other end of the pipe orders, until that is closed.
fn publish(address: &str, channel: &str, epoch: &str) -> Result<(), Failed> {
    let mut redis = TcpStream::connect(address)?;
    redis.set_nodelay(true)?;
    let mut replies = redis.try_clone()?;
    // Nobody reads what Redis answers; it only must not fill its buffers.
    std::thread::spawn(move || std::io::copy(&mut replies, &mut std::io::sink()));
    let mut order = [0; 16];
    while std::io::stdin().read_exact(&mut order).is_ok() {
        let [first, count] = [&order[..8], &order[8..]]
            .map(|half| u64::from_le_bytes(half.try_into().expect("it has eight bytes")));
        let mut calls = Vec::new();
        for seq in first..first + count {
            let (user, id) = ("a-user-with-a-name", format!("{seq:020}"));
            let bytes = chat::Entry::message("Ada Lovelace", &"x".repeat(64)).encode();
            let mut entry = format!(
                "1e {epoch} {}\n{ROOM}{seq} {seq} 1700000000000 0 {} {}\n{user}{id}",
                ROOM.len(),
                user.len(),
                id.len()
            )
            .into_bytes();
            entry.extend_from_slice(&bytes);
            let (of_channel, of_entry) = (channel.len(), entry.len());
            write!(calls, "*3\r\n$7\r\nPUBLISH\r\n${of_channel}\r\n{channel}\r\n${of_entry}\r\n")?;
            calls.extend_from_slice(&entry);
            calls.extend_from_slice(b"\r\n");
        }
        redis.write_all(&calls)?;
    }
    Ok(())
}
