//! What the tests have in common: instances, drafts, streams of appends, and what the log must
//! hold afterwards.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use broker::{
    Answer, AppendError, Appended, Broker, Deliveries, Delivery, Draft, Limits, Partition, Record,
    State,
    redis::{Config, Redis},
};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::server::{PATIENCE, Server};

pub(crate) const P0: Partition = Partition(0);

/// Waits for what must come.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it came in time")
}

/// Looks again and again until something holds; each look yields to the broker's tasks.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what}: not in time"));
}

/// Limits under which nothing is answered before it has its true answer.
pub(crate) fn patient() -> Limits {
    Limits { append_wait: PATIENCE, ..Limits::default() }
}

pub(crate) fn start(server: &Server, limits: Limits) -> Arc<Redis> {
    let config = Config { limits, ..Config::new(server.url()) };
    Redis::start(config, &TaskTracker::new()).unwrap()
}

/// An instance that is connected.
pub(crate) async fn connected(server: &Server, limits: Limits) -> Arc<Redis> {
    let redis = start(server, limits);
    connection(&redis).await;
    redis
}

pub(crate) async fn connection(redis: &Redis) {
    until("a connection", async || redis.state() == State::Connected).await;
}

pub(crate) fn draft(room: &str, id: &str, text: &str) -> Draft {
    Draft {
        room: room.into(),
        user: "ann".into(),
        id: id.into(),
        bytes: text.to_owned().into(),
        target: None,
        redact: None,
        content: None,
    }
}

/// The draft that a stream of appends makes of a number: in one of three rooms.
pub(crate) fn numbered(number: usize) -> Draft {
    let room = ["lobby", "kitchen", "garden"][number % 3];
    draft(room, &format!("number-{number:06}"), &format!("text {number}"))
}

/// Calls of one caller, made in the order of their numbers and not waited for.
pub(crate) struct Stream(Vec<Answer<Result<Appended, AppendError>>>);

impl Stream {
    pub(crate) fn of(redis: &Redis, numbers: std::ops::Range<usize>) -> Self {
        Self(numbers.map(|number| redis.append(numbered(number))).collect())
    }

    /// Waits for all answers; after each so many, does the harm.
    pub(crate) async fn answers(
        self,
        every: usize,
        mut harm: impl FnMut(usize),
    ) -> Vec<Result<Appended, AppendError>> {
        let mut answers = Vec::new();
        for (number, answer) in self.0.into_iter().enumerate() {
            answers.push(within(answer).await);
            if number % every == every - 1 {
                harm(number / every);
            }
        }
        answers
    }
}

/// All entries of the partition.
pub(crate) async fn log_of(redis: &Redis) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.last().map_or(0, |record| record.seq);
        let page = within(redis.read_partition(P0, after, u64::MAX, 1_000)).await;
        let page = page.expect("the log is read");
        assert!(page.reaches_back);
        if page.records.is_empty() {
            assert_eq!(after, page.head.seq);
            return all;
        }
        all.extend(page.records);
    }
}

/// Checks that every answer is true, that the order of the calls is that of the log, that no call
/// made two entries, and that there are no holes. Says how many were acknowledged.
pub(crate) async fn check_log(
    redis: &Redis,
    numbers: std::ops::Range<usize>,
    answers: &[Result<Appended, AppendError>],
) -> usize {
    let log = log_of(redis).await;
    let mut by_id = BTreeMap::new();
    let mut offsets: BTreeMap<&str, u64> = BTreeMap::new();
    for (record, seq) in log.iter().zip(1..) {
        assert_eq!(record.seq, seq, "the partition has no holes");
        let offset = offsets.entry(record.room()).or_default();
        *offset += 1;
        assert_eq!(record.offset, *offset, "the room has no holes");
        assert!(by_id.insert(record.id(), record).is_none(), "{} is there once", record.id());
    }
    let mut last = 0;
    let acknowledged = numbers.zip(answers).filter_map(|(number, answer)| {
        let answer = answer.as_ref().ok()?;
        let draft = numbered(number);
        let record = by_id.get(&*draft.id).expect("what was acknowledged is there");
        assert_eq!((record.seq, record.offset), (answer.seq, answer.offset));
        assert_eq!((record.room(), &record.bytes), (&*draft.room, &draft.bytes));
        assert!(answer.seq > last, "{} stands where it was called", draft.id);
        last = answer.seq;
        Some(())
    });
    acknowledged.count()
}

/// The next delivery that must come.
pub(crate) async fn delivered(deliveries: &mut Deliveries) -> Delivery {
    within(deliveries.recv()).await.expect("deliveries go on")
}

/// A follower that is live.
pub(crate) async fn listen(redis: &Redis) -> Deliveries {
    let mut deliveries = redis.follow(P0);
    expect_live(&mut deliveries).await;
    deliveries
}

pub(crate) async fn expect_live(deliveries: &mut Deliveries) {
    match delivered(deliveries).await {
        Delivery::Live => {}
        other => panic!("expected Live, not {other:?}"),
    }
}

/// Takes entries until the interruption that must come. Gives the last seq before it.
pub(crate) async fn expect_interrupted(deliveries: &mut Deliveries) -> u64 {
    let mut last = 0;
    loop {
        match delivered(deliveries).await {
            Delivery::Entry(_, record) => last = record.seq,
            Delivery::Interrupted => return last,
            other => panic!("expected Interrupted, not {other:?}"),
        }
    }
}

/// The entry that must come next.
pub(crate) async fn heard(deliveries: &mut Deliveries) -> Arc<Record> {
    match delivered(deliveries).await {
        Delivery::Entry(_, record) => record,
        other => panic!("expected an entry, not {other:?}"),
    }
}
