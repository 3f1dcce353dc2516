//! What is particular to the embedded broker; the contract itself is tested by the conformance
//! suite.

mod beside;
mod damage;
mod past;
mod retention;
mod trouble;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::Record;

const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that goes as it is told.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn at(millis: u64) -> Self {
        Self(Arc::new(AtomicU64::new(millis)))
    }

    fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let hand = self.0.clone();
        Arc::new(move || hand.load(Ordering::SeqCst))
    }
}

fn on_disk() -> (TempDir, Arc<Embedded>) {
    let directory = tempfile::tempdir().unwrap();
    let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
    (directory, log)
}

fn draft(room: &str, number: usize) -> Draft {
    Draft {
        room: room.into(),
        user: "ann".into(),
        id: format!("number-{number:05}").into(),
        bytes: format!("text {number}").into(),
        target: None,
        redact: None,
        content: None,
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it came in time")
}

async fn append(log: &Embedded, room: &str, number: usize) -> Appended {
    within(log.append(draft(room, number))).await.unwrap()
}

async fn stored(log: &Embedded) -> Vec<Record> {
    within(log.read_partition(Partition(0), 0, u64::MAX, 10_000)).await.unwrap().records
}

/// Does something with the writer's connection.
async fn on_writer<T: Send + 'static>(
    log: &Embedded,
    work: impl FnOnce(&Connection) -> T + Send + 'static,
) -> T {
    let (sender, receiver) = oneshot::channel();
    let job = Job::Read(Box::new(move |db: &mut Connection| drop(sender.send(work(db)))));
    log.shared.jobs.push(job, JOB_WEIGHT).unwrap();
    within(receiver).await.unwrap()
}

/// Keeps the writer busy until this is dropped.
struct Busy(#[expect(dead_code, reason = "dropping it is the use")] std::sync::mpsc::Sender<()>);

async fn keep_busy(log: &Embedded) -> Busy {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = oneshot::channel();
    let job = Job::Read(Box::new(move |_: &mut Connection| {
        let _ = begun.send(());
        let _ = receiver.recv();
    }));
    log.shared.jobs.push(job, JOB_WEIGHT).unwrap();
    within(begins).await.unwrap();
    Busy(sender)
}

#[tokio::test]
async fn directory_is_refused_to_a_second_one_until_the_first_is_closed() {
    let (directory, log) = on_disk();
    append(&log, "lobby", 1).await;
    let Err(Error::InUse(text)) = Embedded::open(Some(directory.path()), Limits::embedded()) else {
        panic!("it was opened twice")
    };
    assert!(text.contains(directory.path().to_str().unwrap()), "{text}");
    within(log.close()).await;
    let again = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
    assert_eq!(stored(&again).await.len(), 1);
}

#[tokio::test]
async fn dropping_it_ends_its_threads_and_keeps_what_was_appended() {
    let (directory, log) = on_disk();
    let mut closed = log.closed.clone();
    let deliveries = log.follow(Partition(0));
    drop(log.append(draft("lobby", 1)));
    drop(log);
    within(closed.wait_for(|closed| *closed)).await.unwrap();
    assert!(deliveries.has_ended());
    let again = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
    assert_eq!(stored(&again).await.len(), 1);
}

#[tokio::test]
async fn memory_is_empty_each_time() {
    for _ in 0..2 {
        let log = Embedded::open(None, Limits::memory()).unwrap();
        assert!(stored(&log).await.is_empty());
        append(&log, "lobby", 1).await;
    }
}

#[test]
fn description_says_where_and_for_how_long() {
    let says = |path: Option<&Path>, limits: &Limits| {
        let Description { name, retention } = describe(path, limits);
        format!("{name}: {retention}")
    };
    assert_eq!(
        says(Some(Path::new("./palabre-data")), &Limits::embedded()),
        "embedded (./palabre-data): everything"
    );
    assert_eq!(
        says(None, &Limits::memory()),
        "embedded (in memory): 10,000 entries or 7 days per room, until the process ends"
    );
}

/// Empties the write-ahead log; says how many pages it had.
async fn checkpoint(log: &Embedded) -> i64 {
    on_writer(log, |db| {
        let sql = "PRAGMA wal_checkpoint(PASSIVE)";
        let pages = db.query_row(sql, [], |row| row.get(1)).unwrap();
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        pages
    })
    .await
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let (_directory, log) = on_disk();
    checkpoint(&log).await;
    for number in 1..=100 {
        append(&log, "alone", number).await;
    }
    let apart = checkpoint(&log).await;
    let busy = keep_busy(&log).await;
    let calls: Vec<_> = (1..=100).map(|number| log.append(draft("crowd", number))).collect();
    drop(busy);
    for call in calls {
        within(call).await.unwrap();
    }
    // A commit writes every page that it touched.
    let together = checkpoint(&log).await;
    assert!(apart >= 100 && together <= 50, "{apart} pages apart, {together} together");
}
