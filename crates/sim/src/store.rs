//! What the simulated log holds, as a value: positions, ids, retention, and what lies beside it.
//! It is never wrong and never away; that is the matter of the lines to it (`line`). It also
//! remembers every entry that there ever was, so that what clients saw can be compared.

mod beside;
mod part;

use std::{sync::Arc, time::Duration};

use broker::{
    AppendError, Appended, Draft, Epoch, Error, Head, Limits, PAGE_MAX, Partition, PartitionPage,
    Range, Record, RoomPage, Secret, partition_of,
};

use crate::chance::Chance;
use beside::Beside;
pub(crate) use part::Part;

/// When the store's clock begins: milliseconds since 1970.
const BEGINNING: u64 = 1_700_000_000_000;

/// All that is kept.
#[derive(Debug)]
pub(crate) struct Store {
    limits: Limits,
    chance: Chance,
    parts: Vec<Part>,
    /// Lives of partitions that are over.
    past: Vec<Part>,
    secret: Option<Secret>,
    /// Every append is refused, as by a store that is out of memory.
    pub(crate) refuses: bool,
    /// It is another store now, which takes nothing until it has been repaired.
    pub(crate) fenced: bool,
    pub(crate) beside: Beside,
}

impl Store {
    pub(crate) fn new(partitions: u16, limits: Limits, mut chance: Chance) -> Self {
        let parts = (0..partitions).map(|_| Part::new(Epoch::from_random(chance.bytes())));
        let parts = parts.collect();
        let beside = Beside::new(limits.lease);
        Self {
            limits,
            chance,
            parts,
            past: Vec::new(),
            secret: None,
            refuses: false,
            fenced: false,
            beside,
        }
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.beside.lease = limits.lease;
        self.limits = limits;
    }

    pub(crate) fn partitions(&self) -> u16 {
        self.parts.len() as u16
    }

    pub(crate) fn home(&self, room: &str) -> Partition {
        partition_of(room, self.partitions())
    }

    fn part(&self, partition: Partition) -> Result<&Part, Error> {
        self.parts.get(usize::from(partition.0)).ok_or(Error::NoSuchPartition(partition.0))
    }

    fn part_of(&self, room: &str) -> &Part {
        &self.parts[usize::from(self.home(room).0)]
    }

    pub(crate) fn head(&self, partition: Partition) -> Result<Head, Error> {
        Ok(self.part(partition)?.head())
    }

    /// Stores a draft, or finds what it made before; the record is what is to be published.
    pub(crate) fn append(
        &mut self,
        draft: &Draft,
        now: Duration,
    ) -> Result<(Appended, Option<Arc<Record>>), AppendError> {
        if self.refuses {
            return Err(AppendError::Refused("out of memory".into()));
        }
        if self.fenced {
            return Err(AppendError::Fenced);
        }
        let home = usize::from(self.home(&draft.room).0);
        let kept = Kept::at(&self.limits, now);
        self.parts[home].append(draft, millis(now), &kept)
    }

    pub(crate) fn read_partition(
        &self,
        partition: Partition,
        after: u64,
        to: u64,
        limit: usize,
        now: Duration,
    ) -> Result<PartitionPage, Error> {
        let kept = Kept::at(&self.limits, now);
        Ok(self.part(partition)?.read(after, to, limit.min(PAGE_MAX), &kept))
    }

    pub(crate) fn read_room(
        &self,
        room: &str,
        range: Range,
        limit: usize,
        now: Duration,
    ) -> RoomPage {
        let kept = Kept::at(&self.limits, now);
        self.part_of(room).read_room(room, range, limit.min(PAGE_MAX), &kept)
    }

    /// The first proposal stays.
    pub(crate) fn secret(&mut self, proposal: Secret) -> Secret {
        *self.secret.get_or_insert(proposal)
    }

    /// A partition loses its newest entries, or all: a new epoch begins.
    pub(crate) fn lose(&mut self, partition: Partition, kept_up_to: u64) -> Epoch {
        let epoch = Epoch::from_random(self.chance.bytes());
        let slot = usize::from(partition.0);
        let younger = self.parts[slot].rolled_back(epoch, kept_up_to);
        self.past.push(std::mem::replace(&mut self.parts[slot], younger));
        epoch
    }

    /// Trims a partition and all its rooms, so that nothing up to there is kept.
    pub(crate) fn trim(&mut self, partition: Partition, up_to: u64) {
        self.parts[usize::from(partition.0)].trim(up_to);
    }

    /// A defect, on purpose: what was sent before is not known again.
    pub(crate) fn forget_ids(&mut self, room: &str) {
        let home = usize::from(self.home(room).0);
        self.parts[home].forget_ids(room);
    }

    /// An entry that was ever stored.
    pub(crate) fn ever(&self, epoch: &str, room: &str, offset: u64) -> Option<&Record> {
        self.life(epoch)?.entry(room, offset)
    }

    /// Whether a room has an entry with this id now.
    pub(crate) fn has_id(&self, room: &str, id: &str) -> bool {
        self.part_of(room).log().iter().any(|record| record.room() == room && record.id() == id)
    }

    /// A life of a partition, by its epoch.
    pub(crate) fn life(&self, epoch: &str) -> Option<&Part> {
        self.parts.iter().chain(&self.past).find(|part| part.head().epoch.as_str() == epoch)
    }

    /// Up to which offset nothing of a room is kept any more.
    pub(crate) fn floor_of(&self, room: &str, now: Duration) -> u64 {
        self.part_of(room).floor_of(room, &Kept::at(&self.limits, now))
    }

    /// Whether a room exists.
    pub(crate) fn has_room(&self, room: &str) -> bool {
        self.part_of(room).has_room(room)
    }
}

/// What is kept at one moment.
pub(crate) struct Kept {
    partition_entries: u64,
    partition_since: u64,
    room_entries: u64,
    room_since: u64,
    ids_since: u64,
}

impl Kept {
    fn at(limits: &Limits, now: Duration) -> Self {
        let since = |age: Duration| {
            millis(now).saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
        };
        Self {
            partition_entries: limits.partition_entries,
            partition_since: since(limits.partition_age),
            room_entries: limits.room_entries,
            room_since: since(limits.room_age),
            ids_since: since(limits.id_window),
        }
    }
}

/// The store's clock.
pub(crate) fn millis(now: Duration) -> u64 {
    BEGINNING + u64::try_from(now.as_millis()).unwrap_or(0)
}
