use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::time::timeout;

use super::*;
use crate::{
    Answer, AppendError, Appended, Description, Draft, Instance, Instances, Limits as LogLimits,
    Mail, OwnedSession, Range, Recipient, RoomList, RoomPage, SessionRecord, Sessions, State,
    embedded::Embedded,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// An embedded log whose deliveries and reads are bad, in a regular way.
struct Rough {
    log: Arc<Embedded>,
    tasks: TaskTracker,
    reads: AtomicU64,
}

impl Rough {
    fn new() -> Self {
        Self {
            log: Embedded::open(None, LogLimits::memory()).unwrap(),
            tasks: TaskTracker::new(),
            reads: AtomicU64::new(0),
        }
    }

    /// Two reads of three fail.
    fn read<T: Send + 'static>(
        &self,
        answer: Answer<Result<T, Error>>,
    ) -> Answer<Result<T, Error>> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(3) {
            return answer;
        }
        Box::pin(async { Err(Error::Unavailable("a bad day".into())) })
    }
}

impl Instances for Rough {
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>> {
        self.log.renew(me)
    }

    fn resign(&self, id: &str) -> Answer<Result<(), Error>> {
        self.log.resign(id)
    }
}

impl Sessions for Rough {
    fn keep_sessions(
        &self,
        records: Vec<SessionRecord>,
        life: Duration,
    ) -> Answer<Result<Vec<bool>, Error>> {
        self.log.keep_sessions(records, life)
    }

    fn claim(
        &self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Answer<Result<Option<SessionRecord>, Error>> {
        self.log.claim(key, owner, life)
    }

    fn renew_sessions(
        &self,
        owned: Vec<OwnedSession>,
        life: Duration,
    ) -> Answer<Result<Vec<Box<str>>, Error>> {
        self.log.renew_sessions(owned, life)
    }

    fn forget_sessions(&self, owned: Vec<OwnedSession>) -> Answer<Result<(), Error>> {
        self.log.forget_sessions(owned)
    }
}

impl Mail for Rough {
    fn mailbox(&self, id: &str) -> mpsc::Receiver<Bytes> {
        self.log.mailbox(id)
    }

    fn post(&self, to: Recipient, bytes: Bytes) -> Answer<Result<(), Error>> {
        self.log.post(to, bytes)
    }
}

impl Broker for Rough {
    fn description(&self) -> Description {
        self.log.description()
    }

    fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    fn append(&self, draft: Draft) -> Answer<Result<Appended, AppendError>> {
        self.log.append(draft)
    }

    fn secret(&self, proposal: crate::Secret) -> Answer<Result<crate::Secret, Error>> {
        self.log.secret(proposal)
    }

    /// Loses some, doubles some, breaks off and goes on, and ends after a while.
    fn follow(&self, partition: Partition) -> Deliveries {
        let mut deliveries = self.log.follow(partition);
        let (deliverer, rough) = crate::deliveries(16);
        self.tasks.spawn(async move {
            let mut number = 0;
            while let Some(delivery) = deliveries.recv().await {
                number += 1;
                let mut sent = VecDeque::from(match number % 17 {
                    3 | 4 | 10 if matches!(delivery, Delivery::Entry(..)) => continue,
                    6 => vec![delivery.clone(), delivery],
                    8 => vec![Delivery::Interrupted, Delivery::Live],
                    _ => vec![delivery],
                });
                deliverer.has_room(sent.len()).await;
                if deliverer.is_left() || !deliverer.deliver_all(&mut sent, 0) {
                    return;
                }
                if number == 150 {
                    return;
                }
            }
        });
        rough
    }

    fn head(&self, partition: Partition) -> Answer<Result<Head, Error>> {
        self.read(self.log.head(partition))
    }

    fn read_partition(
        &self,
        partition: Partition,
        after: u64,
        to: u64,
        limit: usize,
    ) -> Answer<Result<PartitionPage, Error>> {
        self.read(self.log.read_partition(partition, after, to, limit))
    }

    fn read_room(&self, room: &str, range: Range, limit: usize) -> Answer<Result<RoomPage, Error>> {
        self.log.read_room(room, range, limit)
    }

    fn create_room(&self, room: &str, about: Bytes) -> Answer<Result<bool, Error>> {
        self.log.create_room(room, about)
    }

    fn rooms(&self, limit: usize) -> Answer<Result<RoomList, Error>> {
        self.log.rooms(limit)
    }

    fn signal(&self, room: &str, bytes: Bytes) -> Answer<Result<(), Error>> {
        self.log.signal(room, bytes)
    }

    fn heartbeat(&self, partition: Partition, instance: &str) -> Answer<Result<(), Error>> {
        self.log.heartbeat(partition, instance)
    }

    fn state(&self) -> State {
        self.log.state()
    }

    fn close(&self) -> Answer<()> {
        self.log.close()
    }
}

async fn append(broker: &dyn Broker, number: u64) {
    let draft = Draft {
        room: "lobby".into(),
        user: "ann".into(),
        id: format!("number-{number:05}").into(),
        bytes: Bytes::new(),
        target: None,
        redact: None,
        content: None,
    };
    broker.append(draft).await.unwrap();
}

async fn next(followed: &mut mpsc::Receiver<Followed>) -> Option<Followed> {
    timeout(PATIENCE, followed.recv()).await.expect("it came in time")
}

#[tokio::test]
async fn stream_is_whole_over_a_rough_broker() {
    let broker = Arc::new(Rough::new());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    append(&*broker, 1).await;
    let limits = Limits {
        retry_first: Duration::from_millis(1),
        held_entries: 5,
        page: 3,
        ..Limits::default()
    };
    let mut followed = follow_with(broker.clone(), Partition(0), limits, &tasks, stop.clone());
    assert!(matches!(next(&mut followed).await, Some(Followed::Start(Head { seq: 1, .. }))));
    let beating = {
        let broker = broker.clone();
        tasks.spawn(async move {
            let mut beats = tokio::time::interval(Duration::from_millis(5));
            loop {
                beats.tick().await;
                broker.heartbeat(Partition(0), "me").await.unwrap();
            }
        })
    };
    let (mut last, mut read) = (1, 0);
    for number in 2..=400 {
        append(&*broker, number).await;
        while number % 20 == 0 && last < number {
            match next(&mut followed).await {
                Some(Followed::Entry(_, record)) => {
                    assert_eq!(record.seq, last + 1);
                    last = record.seq;
                }
                Some(Followed::CaughtUp { repaired, .. }) => read += repaired,
                Some(Followed::Behind | Followed::Watermark { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(read > 20, "the broker was rough: {read} had to be read");
    beating.abort();
    stop.cancel();
    tasks.close();
    timeout(PATIENCE, tasks.wait()).await.unwrap();
}

#[tokio::test]
async fn everything_that_is_heard_is_handed_on() {
    let log = Embedded::open(None, LogLimits::memory()).unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut followed = follow(log.clone(), Partition(0), &tasks, stop.clone());
    assert!(matches!(next(&mut followed).await, Some(Followed::Start(Head { seq: 0, .. }))));
    append(&*log, 1).await;
    log.signal("lobby", "x".into()).await.unwrap();
    log.heartbeat(Partition(0), "me").await.unwrap();
    let head = log.head(Partition(0)).await.unwrap();
    match next(&mut followed).await {
        Some(Followed::Entry(epoch, record)) => assert_eq!((epoch, record.seq), (head.epoch, 1)),
        other => panic!("{other:?}"),
    }
    let signal = Followed::Signal { room: "lobby".into(), bytes: "x".into() };
    assert_eq!(next(&mut followed).await, Some(signal));
    let watermark = Followed::Watermark { instance: "me".into(), head };
    assert_eq!(next(&mut followed).await, Some(watermark));
    stop.cancel();
    assert_eq!(next(&mut followed).await, None);
}

#[tokio::test]
async fn it_ends_with_the_receiver_also_while_nothing_happens() {
    let log = Embedded::open(None, LogLimits::memory()).unwrap();
    let tasks = TaskTracker::new();
    let mut followed = follow(log, Partition(0), &tasks, CancellationToken::new());
    assert!(matches!(next(&mut followed).await, Some(Followed::Start(_))));
    drop(followed);
    tasks.close();
    timeout(PATIENCE, tasks.wait()).await.unwrap();
}

#[tokio::test]
async fn receiver_that_takes_nothing_loses_nothing() {
    const ENTRIES: u64 = 2 * FOLLOWED_QUEUE as u64;
    let limits = LogLimits { delivery_queue: 100, ..LogLimits::embedded() };
    let log = Embedded::open(None, limits).unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut followed = follow(log.clone(), Partition(0), &tasks, stop.clone());
    assert!(matches!(next(&mut followed).await, Some(Followed::Start(_))));
    for number in 1..=ENTRIES {
        append(&*log, number).await;
    }
    let mut last = 0;
    while last < ENTRIES {
        match next(&mut followed).await {
            Some(Followed::Entry(_, record)) => {
                assert_eq!(record.seq, last + 1);
                last = record.seq;
            }
            Some(Followed::Behind | Followed::CaughtUp { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    stop.cancel();
}

#[tokio::test]
async fn closed_broker_is_waited_for() {
    let log = Embedded::open(None, LogLimits::memory()).unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut followed = follow(log.clone(), Partition(0), &tasks, stop.clone());
    assert!(matches!(next(&mut followed).await, Some(Followed::Start(_))));
    log.close().await;
    assert_eq!(next(&mut followed).await, Some(Followed::Behind));
    stop.cancel();
    assert_eq!(next(&mut followed).await, None);
    tasks.close();
    timeout(PATIENCE, tasks.wait()).await.unwrap();
}
