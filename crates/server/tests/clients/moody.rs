//! A log with moods: for a while its session records can't be reached, or it tells its instance
//! nothing new. All else works.

#![allow(dead_code, unreachable_pub, reason = "each test includes it and uses its part")]

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use broker::{
    Answer, AppendError, Appended, Broker, Deliveries, Description, Draft, Error, Head, Instance,
    Instances, Mail, OwnedSession, Partition, PartitionPage, Range, Recipient, RoomList, RoomPage,
    Secret, SessionRecord, Sessions, State, embedded::Embedded,
};
use bytes::Bytes;
use tokio::sync::{mpsc, watch};

pub struct Moody {
    log: Arc<Embedded>,
    /// While set, no session record is read or written.
    pub away: AtomicBool,
    /// The keys of the records that were written.
    written: watch::Sender<Vec<Box<str>>>,
    /// While set, nothing is delivered to who follows.
    pub silent: watch::Sender<bool>,
}

impl Moody {
    pub fn new() -> Arc<Self> {
        Self::over(Embedded::open(None, broker::Limits::default()).unwrap())
    }

    pub fn over(log: Arc<Embedded>) -> Arc<Self> {
        let (written, silent) = (watch::Sender::default(), watch::Sender::default());
        Arc::new(Self { log, away: AtomicBool::new(false), written, silent })
    }

    /// Waits until a record with this key has been written so often.
    pub async fn written(&self, key: &str, times: usize) {
        let mut written = self.written.subscribe();
        let is_there = written
            .wait_for(|keys| keys.iter().filter(|written| &***written == key).count() >= times);
        tokio::time::timeout(Duration::from_mins(1), is_there).await.expect("in time").unwrap();
    }

    fn or_away<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Embedded) -> Answer<Result<T, Error>>,
    ) -> Answer<Result<T, Error>> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Error::Unavailable("it is away".into())) });
        }
        ask(&self.log)
    }
}

impl Sessions for Moody {
    fn keep_sessions(
        &self,
        records: Vec<SessionRecord>,
        life: Duration,
    ) -> Answer<Result<Vec<bool>, Error>> {
        let keys: Vec<_> = records.iter().map(|record| record.key.clone()).collect();
        let written = self.written.clone();
        let kept = self.or_away(|log| log.keep_sessions(records, life));
        Box::pin(async move {
            let kept = kept.await?;
            let done = keys.into_iter().zip(&kept).filter(|(_, kept)| **kept);
            written.send_modify(|keys| keys.extend(done.map(|(key, _)| key)));
            Ok(kept)
        })
    }

    fn claim(
        &self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Answer<Result<Option<SessionRecord>, Error>> {
        self.or_away(|log| log.claim(key, owner, life))
    }

    fn renew_sessions(
        &self,
        owned: Vec<OwnedSession>,
        life: Duration,
    ) -> Answer<Result<Vec<Box<str>>, Error>> {
        self.or_away(|log| log.renew_sessions(owned, life))
    }

    fn forget_sessions(&self, owned: Vec<OwnedSession>) -> Answer<Result<(), Error>> {
        self.or_away(|log| log.forget_sessions(owned))
    }
}

impl Instances for Moody {
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>> {
        self.log.renew(me)
    }

    fn resign(&self, id: &str) -> Answer<Result<(), Error>> {
        self.log.resign(id)
    }
}

impl Mail for Moody {
    fn mailbox(&self, id: &str) -> mpsc::Receiver<Bytes> {
        self.log.mailbox(id)
    }

    fn post(&self, to: Recipient, bytes: Bytes) -> Answer<Result<(), Error>> {
        self.log.post(to, bytes)
    }
}

impl Broker for Moody {
    fn description(&self) -> Description {
        self.log.description()
    }

    fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    fn append(&self, draft: Draft) -> Answer<Result<Appended, AppendError>> {
        self.log.append(draft)
    }

    fn follow(&self, partition: Partition) -> Deliveries {
        let mut deliveries = self.log.follow(partition);
        let (deliverer, told) = broker::deliveries(1_000);
        let mut silent = self.silent.subscribe();
        tokio::runtime::Handle::current().spawn(async move {
            let mut all = VecDeque::new();
            while deliveries.recv_many(&mut all).await > 0 {
                if silent.wait_for(|silent| !silent).await.is_err() || deliverer.is_left() {
                    return;
                }
                deliverer.has_room(all.len()).await;
                deliverer.deliver_all(&mut all, 0);
            }
        });
        told
    }

    fn head(&self, partition: Partition) -> Answer<Result<Head, Error>> {
        self.log.head(partition)
    }

    fn read_partition(
        &self,
        partition: Partition,
        after: u64,
        to: u64,
        limit: usize,
    ) -> Answer<Result<PartitionPage, Error>> {
        self.log.read_partition(partition, after, to, limit)
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

    fn secret(&self, proposal: Secret) -> Answer<Result<Secret, Error>> {
        self.log.secret(proposal)
    }

    fn state(&self) -> State {
        self.log.state()
    }

    fn close(&self) -> Answer<()> {
        self.log.close()
    }
}
