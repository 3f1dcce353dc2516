//! The simulated broker: one handle for each life of an instance, keeping the contract as far as
//! the weather on its line lets it. It passes the conformance suite where the weather is fair.

use std::{sync::Arc, time::Duration};

use broker::{
    Answer, AppendError, Appended, Broker, Deliveries, Delivery, Description, Draft, Error, Head,
    Instance, Instances, Limits, MAIL_BYTES_MAX, Mail, OwnedSession, Partition, PartitionPage,
    Range, Recipient, RoomList, RoomPage, Secret, SessionRecord, Sessions, State,
};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::world::{Plant, World};

/// The world, shared by all handles; locked for one call at a time.
pub type SharedWorld = Arc<Mutex<World>>;

/// One instance's handle on the simulated log.
pub struct SimBroker {
    world: SharedWorld,
    line: usize,
    partitions: u16,
    retention: String,
}

impl SimBroker {
    /// Opens a line for one more life of an instance.
    pub fn open(world: &SharedWorld, name: &str, limits: &Limits) -> Arc<Self> {
        let mut locked = world.lock();
        locked.store.set_limits(limits.clone());
        let (line, partitions) = (locked.open_line(name, limits), locked.store.partitions());
        drop(locked);
        let retention = limits.room_retention();
        Arc::new(Self { world: world.clone(), line, partitions, retention })
    }

    /// The number of its line.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut World) -> Result<T, Error> + Send + 'static,
    ) -> Answer<Result<T, Error>> {
        self.world.lock().ask(self.line, question)
    }

    fn no_such<T: Send + 'static>(&self, partition: Partition) -> Option<Answer<Result<T, Error>>> {
        let error = Error::NoSuchPartition(partition.0);
        (partition.0 >= self.partitions)
            .then(|| Box::pin(async { Err(error) }) as Answer<Result<T, Error>>)
    }
}

impl Broker for SimBroker {
    fn description(&self) -> Description {
        Description { name: "simulated".into(), retention: self.retention.clone() }
    }

    fn partitions(&self) -> u16 {
        self.partitions
    }

    fn append(&self, draft: Draft) -> Answer<Result<Appended, AppendError>> {
        self.world.lock().append(self.line, draft)
    }

    fn follow(&self, partition: Partition) -> Deliveries {
        self.world.lock().follow(self.line, partition)
    }

    fn head(&self, partition: Partition) -> Answer<Result<Head, Error>> {
        let none = self.no_such(partition);
        none.unwrap_or_else(|| self.ask(move |world| world.store.head(partition)))
    }

    fn read_partition(
        &self,
        partition: Partition,
        after: u64,
        to: u64,
        limit: usize,
    ) -> Answer<Result<PartitionPage, Error>> {
        let none = self.no_such(partition);
        none.unwrap_or_else(|| {
            self.ask(move |world| {
                let page = world.store.read_partition(partition, after, to, limit, world.now);
                world.planted(page)
            })
        })
    }

    fn read_room(&self, room: &str, range: Range, limit: usize) -> Answer<Result<RoomPage, Error>> {
        let room: Box<str> = room.into();
        self.ask(move |world| Ok(world.store.read_room(&room, range, limit, world.now)))
    }

    fn create_room(&self, room: &str, about: Bytes) -> Answer<Result<bool, Error>> {
        let room: Box<str> = room.into();
        self.ask(move |world| world.store.create_room(&room, about, world.now))
    }

    fn rooms(&self, limit: usize) -> Answer<Result<RoomList, Error>> {
        self.ask(move |world| Ok(world.store.rooms(limit, world.now)))
    }

    fn signal(&self, room: &str, bytes: Bytes) -> Answer<Result<(), Error>> {
        let room: Box<str> = room.into();
        self.ask(move |world| {
            let partition = world.store.home(&room);
            world.publish(partition, &Delivery::Signal { room, bytes });
            Ok(())
        })
    }

    fn heartbeat(&self, partition: Partition, instance: &str) -> Answer<Result<(), Error>> {
        let (none, instance) = (self.no_such(partition), Box::<str>::from(instance));
        none.unwrap_or_else(|| {
            self.ask(move |world| {
                let head = world.store.head(partition)?;
                world.publish(partition, &Delivery::Watermark { instance, head });
                Ok(())
            })
        })
    }

    fn secret(&self, proposal: Secret) -> Answer<Result<Secret, Error>> {
        self.ask(move |world| Ok(world.store.secret(proposal)))
    }

    fn state(&self) -> State {
        if self.world.lock().lines[self.line].is_cut() {
            State::Away("the line is cut".into())
        } else {
            State::Connected
        }
    }

    fn close(&self) -> Answer<()> {
        self.world.lock().close_line(self.line);
        Box::pin(async {})
    }
}

impl World {
    /// The same page, unless it is a defect that is there on purpose: the first entries are
    /// missing, and those behind them have moved up.
    fn planted(&mut self, page: Result<PartitionPage, Error>) -> Result<PartitionPage, Error> {
        let mut page = page?;
        if self.plant == Some(Plant::TrimsInSilence) && page.records.len() > 1 {
            let first = page.records.remove(0);
            page.records[0].seq = first.seq;
        }
        Ok(page)
    }
}

impl Instances for SimBroker {
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>> {
        let me = me.clone();
        self.ask(move |world| world.store.beside.renew(&me, world.now))
    }

    fn resign(&self, id: &str) -> Answer<Result<(), Error>> {
        let id: Box<str> = id.into();
        self.ask(move |world| {
            world.store.beside.resign(&id);
            Ok(())
        })
    }
}

impl Sessions for SimBroker {
    fn keep_sessions(
        &self,
        records: Vec<SessionRecord>,
        life: Duration,
    ) -> Answer<Result<Vec<bool>, Error>> {
        self.ask(move |world| world.store.beside.keep_sessions(records, life, world.now))
    }

    fn claim(
        &self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Answer<Result<Option<SessionRecord>, Error>> {
        let (key, owner) = (Box::<str>::from(key), Box::<str>::from(owner));
        self.ask(move |world| world.store.beside.claim(&key, &owner, life, world.now))
    }

    fn renew_sessions(
        &self,
        owned: Vec<OwnedSession>,
        life: Duration,
    ) -> Answer<Result<Vec<Box<str>>, Error>> {
        self.ask(move |world| world.store.beside.renew_sessions(owned, life, world.now))
    }

    fn forget_sessions(&self, owned: Vec<OwnedSession>) -> Answer<Result<(), Error>> {
        self.ask(move |world| world.store.beside.forget_sessions(&owned, world.now))
    }
}

impl Mail for SimBroker {
    fn mailbox(&self, id: &str) -> mpsc::Receiver<Bytes> {
        self.world.lock().mailbox(self.line, id)
    }

    fn post(&self, to: Recipient, bytes: Bytes) -> Answer<Result<(), Error>> {
        self.ask(move |world| {
            if bytes.len() > MAIL_BYTES_MAX {
                return Err(Error::Refused("the message is too long".into()));
            }
            let to = if let Recipient::One(id) = &to { Some(&**id) } else { None };
            world.deliver_mail(to, &bytes);
            Ok(())
        })
    }
}
