//! The workers of a load test: a thread if there is one, processes if there are several, since
//! each process may have only so many connections.

use std::io::{BufRead as _, BufReader, BufWriter, stdin, stdout};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mio::Waker;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::now_us;
use crate::plan::{News, Order, Plan};
use crate::worker::Worker;

/// Orders or news that wait for whoever reads them.
const WAITING_MAX: usize = 1024;

/// What is told, and the worker who tells it.
pub(crate) type From = (usize, News);

/// How long processes may take to end.
const END_WAIT: Duration = Duration::from_secs(10);

/// How often it is looked whether they have.
const END_LOOK: Duration = Duration::from_millis(5);

pub(crate) struct Crew {
    members: Vec<Member>,
    news: Receiver<From>,
}

enum Member {
    Thread { orders: SyncSender<Order>, waker: Waker },
    Process { child: Child, orders: Option<BufWriter<ChildStdin>> },
}

impl Crew {
    /// Starts a worker for each plan. They begin to connect at once.
    pub(crate) fn start(plans: Vec<Plan>) -> anyhow::Result<Self> {
        let (sender, news) = sync_channel(WAITING_MAX);
        let is_alone = plans.len() == 1;
        let mut crew = Self { members: Vec::new(), news };
        for (at, plan) in plans.into_iter().enumerate() {
            let sender = sender.clone();
            let member = if is_alone { thread(plan, sender)? } else { process(at, &plan, sender)? };
            crew.members.push(member);
        }
        Ok(crew)
    }

    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// Tells all of them.
    pub(crate) fn tell(&mut self, order: &Order) -> anyhow::Result<()> {
        for member in &mut self.members {
            match member {
                Member::Thread { orders, waker } => {
                    orders.send(order.clone()).context("the worker has ended")?;
                    waker.wake()?;
                }
                Member::Process { orders: Some(orders), .. } => {
                    write_line(orders, order).context("a worker has ended")?;
                }
                Member::Process { orders: None, .. } => {}
            }
        }
        Ok(())
    }

    /// Waits for news; none if there were none in this time.
    pub(crate) fn hear(&self, wait: Duration) -> anyhow::Result<Option<From>> {
        match self.news.recv_timeout(wait) {
            Ok((_, News::Broken(why))) => bail!("a worker can't go on: {why}"),
            Ok(news) => Ok(Some(news)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("all workers have ended"),
        }
    }
}

impl Drop for Crew {
    /// Lets processes end by themselves: they do when nobody gives orders any more. Whoever
    /// doesn't is ended.
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Member::Process { orders, .. } = member {
                *orders = None;
            }
        }
        let end_us = now_us() + END_WAIT.as_micros() as u64;
        // Their news are read on, so that nobody waits for somebody to hear them.
        while now_us() < end_us && !self.has_ended() {
            let _unheard = self.news.recv_timeout(END_LOOK);
        }
        for member in &mut self.members {
            if let Member::Process { child, .. } = member {
                // One that has ended can't be ended, and one that is gone can't be waited for.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

impl Crew {
    fn has_ended(&mut self) -> bool {
        self.members.iter_mut().all(|member| match member {
            Member::Thread { .. } => true,
            Member::Process { child, .. } => !matches!(child.try_wait(), Ok(None)),
        })
    }
}

fn thread(plan: Plan, news: SyncSender<From>) -> anyhow::Result<Member> {
    let (orders, order_box) = sync_channel(WAITING_MAX);
    let (worker, waker) = Worker::new(plan, order_box, news)?;
    thread::Builder::new().name("clients".into()).spawn(|| worker.work())?;
    Ok(Member::Thread { orders, waker })
}

fn process(at: usize, plan: &Plan, news: SyncSender<From>) -> anyhow::Result<Member> {
    let program = std::env::current_exe().context("this program's file is not known")?;
    let mut child = Command::new(program)
        .args(["bench", "--worker"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("a worker could not be started")?;
    let mut orders = BufWriter::new(child.stdin.take().expect("it was asked for"));
    let told = child.stdout.take().expect("it was asked for");
    write_line(&mut orders, plan)?;
    thread::Builder::new().name("news".into()).spawn(move || {
        let broken = |why: String| News::Broken(format!("worker {at}: {why}"));
        for line in BufReader::new(told).lines() {
            let read = line.map_err(|error| error.to_string());
            let read = read.and_then(|line| parse(&line).map_err(|error| format!("{error:#}")));
            let is_end = read.is_err();
            if news.send((at, read.unwrap_or_else(broken))).is_err() || is_end {
                return;
            }
        }
        // Where nobody listens any more, it ended because it was to.
        let _ = news.send((at, broken("it ended".into())));
    })?;
    Ok(Member::Process { child, orders: Some(orders) })
}

/// Is a worker: takes its plan and orders from standard input, and tells its news on standard
/// output.
///
/// # Errors
/// When what comes is not what a load test says to its workers.
pub fn work() -> anyhow::Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    let plan = lines.next().context("a worker needs a plan on standard input")??;
    let plan: Plan = parse(&plan).context("a worker needs a plan on standard input")?;
    crate::limits::raise_files();
    let (orders, order_box) = sync_channel(WAITING_MAX);
    let (sender, news) = sync_channel::<From>(WAITING_MAX);
    let (worker, waker) = Worker::new(plan, order_box, sender)?;
    // A waker that is gone wakes nobody, not even for what was said before.
    let waker = Arc::new(waker);
    let kept = Arc::clone(&waker);
    thread::Builder::new().name("orders".into()).spawn(move || {
        for line in lines {
            let order = line.map_err(Into::into).and_then(|line| parse::<Order>(&line));
            if order.is_err() || orders.send(order.expect("it was looked at")).is_err() {
                break;
            }
            if waker.wake().is_err() {
                break;
            }
        }
        drop(orders);
        // A worker that has ended needs no waking.
        let _ = waker.wake();
    })?;
    let clients = thread::Builder::new().name("clients".into()).spawn(|| worker.work())?;
    let mut out = BufWriter::new(stdout().lock());
    while let Ok((_, news)) = news.recv() {
        write_line(&mut out, &news)?;
    }
    drop(kept);
    clients.join().map_err(|_| anyhow::anyhow!("a defect of the load test"))
}

fn write_line(out: &mut impl std::io::Write, what: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, what)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn parse<T: DeserializeOwned>(line: &str) -> anyhow::Result<T> {
    serde_json::from_str(line).with_context(|| format!("not understood: {line:.80}"))
}
