//! When writing fails, the disk is full or the queue is: nothing is lost, nothing is half done.

use super::*;

const NOT_STORED: AppendError = AppendError::Unavailable { perhaps_stored: false };
const PERHAPS_STORED: AppendError = AppendError::Unavailable { perhaps_stored: true };

/// Runs SQL as the writer.
async fn meddle(log: &Embedded, sql: &'static str) {
    on_writer(log, move |db| db.execute_batch(sql).unwrap()).await;
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.id().trim_start_matches("number-0000")).collect()
}

/// What was delivered by now.
fn heard(deliveries: &mut Deliveries) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(delivery) = deliveries.try_recv() {
        if let Delivery::Entry(_, record) = delivery {
            seqs.push(record.seq);
        }
    }
    seqs
}

/// Three appends in one batch.
async fn three(log: &Embedded) -> [Result<Appended, AppendError>; 3] {
    let busy = keep_busy(log).await;
    let calls = [1, 2, 3].map(|number| log.append(draft("lobby", number)));
    drop(busy);
    let [one, two, three] = calls;
    [within(one).await, within(two).await, within(three).await]
}

/// The seq and the offset of an entry that was made.
fn place(answer: Result<Appended, AppendError>) -> (u64, u64) {
    let Appended { seq, offset, duplicate, .. } = answer.unwrap();
    assert!(!duplicate);
    (seq, offset)
}

#[tokio::test]
async fn one_that_fails_takes_no_other_along() {
    let (_directory, log) = on_disk();
    let mut deliveries = log.follow(Partition(0));
    meddle(
        &log,
        "CREATE TRIGGER t AFTER INSERT ON ids WHEN new.id = 'number-00002'
         BEGIN SELECT raise(ABORT, 'not this one'); END",
    )
    .await;
    let [one, two, three] = three(&log).await;
    assert_eq!([one, three].map(place), [(1, 1), (2, 2)]);
    assert_eq!(two, Err(AppendError::Refused("not this one".into())));
    assert_eq!(ids(&stored(&log).await), ["1", "3"]);
    assert_eq!(heard(&mut deliveries), [1, 2]);
}

#[tokio::test]
async fn undoing_everything_undoes_the_answers_too() {
    let (_directory, log) = on_disk();
    let mut deliveries = log.follow(Partition(0));
    meddle(
        &log,
        "CREATE TRIGGER t AFTER INSERT ON ids WHEN new.id = 'number-00002'
         BEGIN SELECT raise(ROLLBACK, 'nothing at all'); END",
    )
    .await;
    for answer in three(&log).await {
        assert_eq!(answer, Err(AppendError::Refused("nothing at all".into())));
    }
    assert!(stored(&log).await.is_empty());
    meddle(&log, "DROP TRIGGER t").await;
    assert_eq!(three(&log).await.map(place), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(heard(&mut deliveries), [1, 2, 3]);
}

#[tokio::test]
async fn refusal_that_has_written_something_leaves_nothing_of_it() {
    let (_directory, log) = on_disk();
    append(&log, "lobby", 1).await;
    // The id is written before it turns out that the target can't be replaced.
    meddle(&log, "CREATE TRIGGER t BEFORE UPDATE ON entries BEGIN SELECT raise(IGNORE); END").await;
    let redaction = Draft { target: Some(1), redact: Some("gone".into()), ..draft("lobby", 3) };
    let busy = keep_busy(&log).await;
    let calls = [draft("lobby", 2), redaction.clone(), draft("lobby", 4)];
    let [two, refused, four] = calls.map(|draft| log.append(draft));
    drop(busy);
    assert_eq!(place(within(two).await), (2, 2));
    assert!(matches!(within(refused).await, Err(AppendError::Refused(_))));
    assert_eq!(place(within(four).await), (3, 3));
    assert_eq!(log.state(), State::Connected, "it is no failure");
    meddle(&log, "DROP TRIGGER t").await;
    assert_eq!(place(within(log.append(redaction)).await), (4, 4));
}

#[tokio::test]
async fn commit_that_fails_says_perhaps_and_delivers_nothing() {
    let (_directory, log) = on_disk();
    let mut deliveries = log.follow(Partition(0));
    append(&log, "lobby", 9).await;
    // Checked only at the commit.
    meddle(
        &log,
        "PRAGMA foreign_keys = ON;
         CREATE TABLE parents (key INTEGER PRIMARY KEY);
         CREATE TABLE children (parent REFERENCES parents (key) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER t AFTER INSERT ON ids BEGIN INSERT INTO children VALUES (7); END",
    )
    .await;
    for answer in three(&log).await {
        assert_eq!(answer, Err(PERHAPS_STORED));
    }
    assert_eq!(within(log.append(draft("kitchen", 1))).await, Err(PERHAPS_STORED));
    assert!(matches!(log.state(), State::Away(reason) if reason.contains("FOREIGN KEY")));
    assert_eq!(ids(&stored(&log).await), ["9"]);
    meddle(&log, "INSERT INTO parents VALUES (7)").await;
    assert_eq!(three(&log).await.map(place), [(2, 2), (3, 3), (4, 4)]);
    assert_eq!(place(within(log.append(draft("kitchen", 1))).await), (5, 1));
    let kitchen = within(log.read_room("kitchen", Range::Newest, 9)).await.unwrap();
    assert_eq!((kitchen.head, kitchen.records.len()), (1, 1));
    assert_eq!(log.state(), State::Connected);
    assert_eq!(heard(&mut deliveries), [1, 2, 3, 4, 5]);
}

/// Lets the database grow by so many pages.
async fn leave_pages(log: &Embedded, pages: i64) {
    on_writer(log, move |db| {
        // What is free inside would be used first.
        db.execute_batch("VACUUM").unwrap();
        let count: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        schema::limit_pages(db, count + pages).unwrap();
    })
    .await;
}

async fn full_log_refuses_and_goes_on_reading(log: Arc<Embedded>) {
    let mut deliveries = log.follow(Partition(0));
    append(&log, "lobby", 1).await;
    leave_pages(&log, 2).await;
    let large = Draft { bytes: vec![b'x'; 100_000].into(), ..draft("lobby", 2) };
    let Err(AppendError::Refused(reason)) = within(log.append(large.clone())).await else {
        panic!("it was stored")
    };
    assert!(reason.contains("full"), "{reason}");
    assert_eq!(log.state(), State::Away(reason));
    assert_eq!(ids(&stored(&log).await), ["1"]);
    // Nobody appends any more, but each heartbeat tries.
    within(log.heartbeat(Partition(0), "me")).await.unwrap();
    assert!(matches!(log.state(), State::Away(_)));
    leave_pages(&log, 1_000).await;
    within(log.heartbeat(Partition(0), "me")).await.unwrap();
    assert_eq!(log.state(), State::Connected);
    assert_eq!(within(log.append(large)).await.unwrap().seq, 2);
    assert_eq!(heard(&mut deliveries), [1, 2]);
}

#[tokio::test]
async fn full_disk_refuses_and_goes_on_reading() {
    let (_directory, log) = on_disk();
    full_log_refuses_and_goes_on_reading(log).await;
}

#[tokio::test]
async fn full_memory_refuses_and_goes_on_reading() {
    full_log_refuses_and_goes_on_reading(Embedded::open(None, Limits::memory()).unwrap()).await;
}

#[tokio::test]
async fn trying_to_write_writes_and_leaves_nothing() {
    let (_directory, log) = on_disk();
    meddle(&log, "CREATE TRIGGER t AFTER INSERT ON ids BEGIN SELECT raise(ABORT, 'no'); END").await;
    within(log.append(draft("lobby", 1))).await.unwrap_err();
    checkpoint(&log).await;
    within(log.heartbeat(Partition(0), "me")).await.unwrap();
    assert_eq!(log.state(), State::Connected);
    assert!(checkpoint(&log).await > 0, "pages were written");
    assert!(!on_writer(&log, |db| db.table_exists(None, "probe").unwrap()).await);
}

#[tokio::test]
async fn memory_is_bounded() {
    let log = Embedded::open(None, Limits::memory()).unwrap();
    let bytes = on_writer(&log, |db| {
        let read = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        read("max_page_count") * read("page_size")
    })
    .await;
    assert_eq!(bytes, schema::MEMORY_BYTES_MAX);
}

#[tokio::test]
async fn queue_is_bounded_by_bytes() {
    let limits = Limits { append_queue_bytes: 10_000, ..Limits::memory() };
    let log = Embedded::open(None, limits).unwrap();
    let sized = |number, size| Draft { bytes: vec![0; size].into(), ..draft("lobby", number) };
    let busy = keep_busy(&log).await;
    let first = log.append(sized(1, 5_000));
    assert_eq!(within(log.append(sized(2, 5_000))).await, Err(NOT_STORED));
    let third = log.append(sized(3, 4_000));
    assert!(matches!(within(log.append(sized(4, 10_000))).await, Err(AppendError::Refused(_))));
    drop(busy);
    assert_eq!((within(first).await.unwrap().seq, within(third).await.unwrap().seq), (1, 2));
    assert_eq!(within(log.append(sized(2, 5_000))).await.unwrap().seq, 3);
}

#[tokio::test]
async fn append_that_waited_too_long_is_withdrawn() {
    let limits = Limits { append_wait: Duration::from_millis(50), ..Limits::embedded() };
    let directory = tempfile::tempdir().unwrap();
    let log = Embedded::open(Some(directory.path()), limits).unwrap();
    let busy = keep_busy(&log).await;
    assert_eq!(within(log.append(draft("lobby", 1))).await, Err(NOT_STORED));
    drop(busy);
    // The writer has passed it when it comes to this.
    on_writer(&log, |_| ()).await;
    assert!(stored(&log).await.is_empty());
}

#[tokio::test]
async fn append_that_was_begun_is_perhaps_stored() {
    let limits = Limits { append_wait: Duration::from_millis(50), ..Limits::embedded() };
    let directory = tempfile::tempdir().unwrap();
    let log = Embedded::open(Some(directory.path()), limits).unwrap();
    let other = Connection::open(directory.path().join("palabre.sqlite")).unwrap();
    let mut deliveries = log.follow(Partition(0));
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The writer may be too slow to begin with the first ones; those are withdrawn.
    let mut answers = (1..100).map(|number| log.append(draft("lobby", number)));
    while within(answers.next().unwrap()).await != Err(PERHAPS_STORED) {}
    other.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(within(deliveries.recv()).await, Some(Delivery::Live)));
    assert!(matches!(within(deliveries.recv()).await, Some(Delivery::Entry(..))));
    assert_eq!(stored(&log).await.len(), 1);
}

#[tokio::test]
async fn writer_that_panics_leaves_nobody_waiting() {
    let limits = Limits { append_wait: 100 * PATIENCE, ..Limits::memory() };
    let log = Embedded::open(None, limits).unwrap();
    append(&log, "lobby", 1).await;
    let busy = keep_busy(&log).await;
    let panics = Box::new(|_: &mut Connection| panic!("on purpose"));
    log.shared.jobs.push(Job::Read(panics), JOB_WEIGHT).unwrap();
    let append = log.append(draft("lobby", 2));
    drop(busy);
    assert!(within(append).await.is_ok_and(|appended| appended.seq == 2), "it came first");
    within(log.closed.clone().changed()).await.unwrap_err();
    assert_eq!(within(log.append(draft("lobby", 3))).await, Err(NOT_STORED));
    assert!(matches!(log.state(), State::Away(_)));
    assert!(within(log.heartbeat(Partition(0), "me")).await.is_err());
    within(log.close()).await;
}
