//! The contract between the instances and their log. Each implementation passes the same
//! conformance suite.

mod deliveries;
mod instances;
mod mail;
mod names;
mod sessions;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;

pub(crate) use self::sessions::check_names;
pub use self::{
    deliveries::{DELIVERIES_TAKEN_MAX, Deliverer, Deliveries, deliveries},
    instances::{Instance, Instances},
    mail::{Mail, Recipient},
    names::Names,
    sessions::{OwnedSession, SessionRecord, Sessions},
};
pub use crate::limits::{
    INSTANCE_ABOUT_BYTES_MAX, INSTANCE_ID_BYTES_MAX, Limits, MAIL_BYTES_MAX, PAGE_MAX,
    ROOM_ABOUT_BYTES_MAX, SESSION_BYTES_MAX, SESSION_NAME_BYTES_MAX, TARGETING_MAX,
};

/// A future that a broker answers with. Poll it for its work to be done; only an append goes on
/// by itself.
pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The log, shared by all instances.
///
/// # Order
/// Every partition has one sequence: seq 1, 2, 3, … without holes. Every room has one inside it:
/// offset 1, 2, 3, … without holes. Appends made by one caller for one partition are carried out
/// in the order of the calls to [`Broker::append`] (not of the polls of what it returns).
///
/// # Atomicity
/// Dedupe, position, storage and publication of an entry happen together or not at all, also when
/// the store errs in the middle.
///
/// # Partitions
/// Whoever asks about a partition that is not one of `0..partitions()` gets
/// [`Error::NoSuchPartition`], or deliveries that end at once.
///
/// # Retention
/// What has passed a limit is not shown any more, and pages say where something is missing
/// (`reaches_back`). An implementation may keep a little more than the limits say.
///
/// # A store that went on without its newest entries
/// A Redis that took over from another, or was started again, may lack what was acknowledged last.
/// Then nothing is appended or read until the instances that were registered ([`Instances::renew`])
/// have said how far they know the log, and what any of them heard or had acknowledged is back at
/// its seq, offset and time. The implementation does all of it by itself; callers see
/// `Unavailable` meanwhile, for at most [`Limits::lease`]. If something may still be missing, or
/// an instance did not answer, the epoch is a new one: positions in the old one are worth nothing,
/// but seqs, offsets and whatever is stored go on.
///
/// # Beside the log
/// What is not atomic with the log has traits of its own: the registry of the instances, session
/// records, and mail between instances.
pub trait Broker: Instances + Sessions + Mail + Send + Sync + 'static {
    /// What this broker is and how long it keeps entries, for the start-up line.
    fn description(&self) -> Description;

    /// How many partitions there are: at least 1, and never changing during the life of a log.
    fn partitions(&self) -> u16;

    /// Appends an entry, or finds the entry that the same room, user and id made before.
    ///
    /// Retrying with the same id is always safe: within the id window it never makes a second
    /// entry. What an id stands for is the draft's `content`, or the bytes where that is `None`,
    /// with target and redaction; it outlives a redaction of the entry. A target that the room
    /// doesn't have, and a redaction without a target, are [`AppendError::Refused`]; but what was
    /// appended before is found before anything else is looked at. The entry is made even if the
    /// answer is dropped.
    /// Bounded: an answer comes within [`Limits::append_wait`], the worst one being
    /// [`AppendError::Unavailable`].
    fn append(&self, draft: Draft) -> Answer<Result<Appended, AppendError>>;

    /// Follows a partition from now on. The first delivery is [`Delivery::Live`] as soon as the
    /// subscription stands. Deliveries are at most once and in seq order; whatever may have been
    /// missed is announced by [`Delivery::Interrupted`], and [`Delivery::Live`] follows it, without
    /// being asked for, as soon as deliveries go on. The queue holds at most
    /// [`Limits::delivery_queue`] of them: a reader that lags behind is interrupted, never waited
    /// for. Deliveries end when the broker is closed.
    fn follow(&self, partition: Partition) -> Deliveries;

    /// The present state of a partition. Creates the partition (with a new epoch) if it has none.
    fn head(&self, partition: Partition) -> Answer<Result<Head, Error>>;

    /// Entries with `after < seq <= to`, ascending, at most `limit` and at most [`PAGE_MAX`].
    fn read_partition(
        &self,
        partition: Partition,
        after: u64,
        to: u64,
        limit: usize,
    ) -> Answer<Result<PartitionPage, Error>>;

    /// Entries of a room, ascending, at most `limit` and at most [`PAGE_MAX`]; and the later
    /// entries that target them.
    fn read_room(&self, room: &str, range: Range, limit: usize) -> Answer<Result<RoomPage, Error>>;

    /// Makes a room, with what is known of it (opaque, at most [`ROOM_ABOUT_BYTES_MAX`], beyond
    /// [`Error::Refused`]). `false` where the room exists, because it was made or because it ever
    /// had entries: then nothing is changed. Of several who make one room at once, one gets `true`.
    /// Durable when it is answered. What is known of a room is kept as long as the partition's
    /// epoch, whatever happens to its entries.
    fn create_room(&self, room: &str, about: Bytes) -> Answer<Result<bool, Error>>;

    /// The rooms that exist, at most `limit` and at most [`PAGE_MAX`], those first whose newest
    /// entry (or making, where there never was one) is the youngest; and whether there are more.
    /// Rooms of the same millisecond come in any order.
    fn rooms(&self, limit: usize) -> Answer<Result<RoomList, Error>>;

    /// Sends something ephemeral to all followers of a room's partition: at most once, never
    /// logged, never holding up an entry.
    fn signal(&self, room: &str, bytes: Bytes) -> Answer<Result<(), Error>>;

    /// Publishes a [`Delivery::Watermark`] on the partition, carrying the head as the store knows
    /// it. Sent every second by every instance: it finds a lost tail, and hearing one's own is the
    /// proof of being connected.
    fn heartbeat(&self, partition: Partition, instance: &str) -> Answer<Result<(), Error>>;

    /// The secret that all instances of a log share, kept beside it: the first proposal is kept,
    /// and who comes later gets that one.
    fn secret(&self, proposal: Secret) -> Answer<Result<Secret, Error>>;

    /// Whether the store can be reached right now, for metrics and `/readyz`.
    fn state(&self) -> State;

    /// Stops background work; what was acknowledged is durable when the answer comes. From then
    /// on everything is answered by an error, appends by `Unavailable { perhaps_stored: false }`.
    /// It closes this handle for everybody who shares it, and may be called again.
    fn close(&self) -> Answer<()>;
}

/// Which partition a room belongs to: the same on every instance and in every release.
pub fn partition_of(room: &str, partitions: u16) -> Partition {
    // FNV-1a: stable, and this is no place where a client gains by collisions.
    let hash = room.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Partition((hash % u64::from(partitions.max(1))) as u16)
}

/// What instances sign with; nobody else may know it.
pub type Secret = [u8; 32];

/// The number of a partition, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u16);

/// The random name of a partition's life: 16 ASCII letters and digits. A new one when its past
/// was lost, or may lack its newest entries.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; 16]);

/// A text that is no epoch: not 16 ASCII letters and digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an epoch is 16 ASCII letters and digits")]
pub struct NotAnEpoch;

impl Epoch {
    /// Makes an epoch of 16 random bytes.
    pub fn from_random(random: [u8; 16]) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        Self(random.map(|byte| ALPHABET[usize::from(byte % 32)]))
    }

    /// The epoch as ASCII.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The epoch as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an epoch is made of ASCII only")
    }
}

impl std::str::FromStr for Epoch {
    type Err = NotAnEpoch;

    fn from_str(text: &str) -> Result<Self, NotAnEpoch> {
        let bytes: [u8; 16] = text.as_bytes().try_into().map_err(|_| NotAnEpoch)?;
        if bytes.iter().all(u8::is_ascii_alphanumeric) { Ok(Self(bytes)) } else { Err(NotAnEpoch) }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({})", self.as_str())
    }
}

/// What somebody wants to have in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The room's immutable key.
    pub room: Box<str>,
    /// Who sends it; the scope of `id`, with the room.
    pub user: Box<str>,
    /// The idempotency id, 8 to 64 characters of `[A-Za-z0-9_-]`, made by the client.
    pub id: Box<str>,
    /// The entry, opaque. The first byte is its format's version.
    pub bytes: Bytes,
    /// The offset in the same room that this entry edits, deletes or reacts to.
    pub target: Option<u64>,
    /// What to put in the place of the target's stored bytes.
    pub redact: Option<Bytes>,
    /// What a retry with the same id must say again, where that is less than all of `bytes`: a
    /// message is the same under another display name of its author.
    pub content: Option<Bytes>,
}

impl Draft {
    /// What is compared, beside target and redaction, when its id comes again.
    pub(crate) fn content(&self) -> &[u8] {
        self.content.as_deref().unwrap_or(&self.bytes)
    }

    /// Bytes that it holds while it waits.
    pub(crate) fn weight(&self) -> usize {
        let Self { room, user, id, bytes, target: _, redact, content } = self;
        let more = [redact, content].into_iter().flatten().map(Bytes::len).sum::<usize>();
        room.len() + user.len() + id.len() + bytes.len() + more
    }
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The partition's epoch.
    pub epoch: Epoch,
    /// Place in the partition, from 1.
    pub seq: u64,
    /// Place in the room, from 1.
    pub offset: u64,
    /// Milliseconds since 1970 by the store's clock.
    pub at: u64,
    /// Whether the entry had been made before by the same room, user and id.
    pub duplicate: bool,
}

/// Why an entry was not appended, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The same room, user and id made an entry with other content.
    #[error("this id was used before, with other content")]
    Conflict,
    /// The partition has another epoch than at the call, since its past was lost or repaired: who
    /// tries again appends to that one. An entry that an earlier try made may be there still, and
    /// is found by its id.
    #[error("the partition has a new epoch")]
    Fenced,
    /// The store could not be reached in time, or the queue in front of it is full.
    #[error("the log can't be reached")]
    Unavailable {
        /// It was handed to the store and no answer came: it may be in the log.
        perhaps_stored: bool,
    },
    /// The store refused it; nothing was stored.
    #[error("the store refused the entry: {0}")]
    Refused(String),
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Place in the partition.
    pub seq: u64,
    /// Place in the room.
    pub offset: u64,
    /// Milliseconds since 1970 by the store's clock.
    pub at: u64,
    /// Its room, who sent it, and its idempotency id.
    pub names: Names,
    /// The offset that it edits, deletes or reacts to.
    pub target: Option<u64>,
    /// The entry, opaque.
    pub bytes: Bytes,
}

impl Record {
    /// The room's key.
    pub fn room(&self) -> &str {
        self.names.room()
    }

    /// Who sent it.
    pub fn user(&self) -> &str {
        self.names.user()
    }

    /// The idempotency id.
    pub fn id(&self) -> &str {
        self.names.id()
    }
}

/// What a follower of a partition hears.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// From here on nothing is missed, until the next `Interrupted`.
    Live,
    /// Entries, signals and watermarks may have been missed since the delivery before.
    Interrupted,
    /// An entry of the given epoch.
    Entry(Epoch, Arc<Record>),
    /// Something ephemeral for a room.
    Signal {
        /// The room's key.
        room: Box<str>,
        /// What was signalled.
        bytes: Bytes,
    },
    /// An instance's heartbeat, with the head of the log at that moment.
    Watermark {
        /// Who sent it.
        instance: Box<str>,
        /// The head, as the store knew it.
        head: Head,
    },
}

/// The state of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The life of the partition.
    pub epoch: Epoch,
    /// The newest seq; 0 where there is none yet.
    pub seq: u64,
}

/// A stretch of a partition.
#[derive(Clone, Debug)]
pub struct PartitionPage {
    /// The state of the partition when it was read.
    pub head: Head,
    /// The entries, ascending by seq, without holes.
    pub records: Vec<Record>,
    /// Whether nothing between `after` and the first record had been trimmed.
    pub reaches_back: bool,
}

/// Which entries of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest ones.
    Newest,
    /// The newest ones with a smaller offset.
    Before(u64),
    /// The oldest ones with a greater offset.
    After(u64),
}

/// A stretch of a room.
#[derive(Clone, Debug)]
pub struct RoomPage {
    /// The partition's epoch when it was read.
    pub epoch: Epoch,
    /// The room's newest offset; 0 where there is none yet.
    pub head: u64,
    /// What is known of the room, where it was made.
    pub about: Option<Bytes>,
    /// The seq of the partition's head when it was read: the page knows of nothing later.
    pub seq: u64,
    /// The entries, ascending by offset, without holes.
    pub records: Vec<Record>,
    /// Entries, ascending, outside the page that target an entry of the page. If there are more
    /// than [`TARGETING_MAX`], the newest ones.
    pub targeting: Vec<Record>,
    /// Whether there is more in the direction that was asked.
    pub more: bool,
    /// For [`Range::After`]: whether nothing between there and the first record had been trimmed.
    /// For the others: whether the room's first entry is still kept.
    pub reaches_back: bool,
}

/// The rooms of the log.
#[derive(Clone, Debug)]
pub struct RoomList {
    /// The youngest first.
    pub rooms: Vec<ListedRoom>,
    /// Whether there are more.
    pub more: bool,
}

/// A room as a list shows it.
#[derive(Clone, Debug)]
pub struct ListedRoom {
    /// The room's key.
    pub room: Box<str>,
    /// The epoch of its partition.
    pub epoch: Epoch,
    /// Its newest offset; 0 where there is none yet.
    pub head: u64,
    /// Milliseconds since 1970 by the store's clock: when its newest entry, or else itself, was
    /// made.
    pub at: u64,
    /// What is known of it, where it was made.
    pub about: Option<Bytes>,
    /// Its newest entry, where one is kept.
    pub newest: Option<Record>,
}

/// Why the store could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It can't be reached, or does not answer in time.
    #[error("the log can't be reached: {0}")]
    Unavailable(String),
    /// What it holds was written by a newer release.
    #[error("the log has schema version {found}, this release knows {known}")]
    NewerSchema {
        /// What was found.
        found: u32,
        /// What this release reads and writes.
        known: u32,
    },
    /// What it holds can't be understood.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// Another process holds it.
    #[error("{0}")]
    InUse(String),
    /// It was asked for something that passes a limit; nothing was done.
    #[error("the store refused it: {0}")]
    Refused(String),
    /// The partition is not one of `0..Broker::partitions()`.
    #[error("there is no partition {0}")]
    NoSuchPartition(u16),
}

impl Error {
    /// Whether asking again later can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Whether the store can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet reached since the start.
    Connecting,
    /// Reached.
    Connected,
    /// Lost, with the reason.
    Away(String),
}

/// What a broker is, in words for the start-up line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// For example `redis://127.0.0.1:6379` (never with a password) or `embedded (./palabre-data)`.
    pub name: String,
    /// For example `10,000 entries or 7 days per room`.
    pub retention: String,
}
