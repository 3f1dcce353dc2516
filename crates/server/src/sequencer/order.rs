//! The one order in which things reach the hub of this instance: entries of all partitions, and
//! all that the instance itself says. Sans-IO: inputs in, effects out, in that order.
//!
//! Every event takes its place here, so that a cursor never passes an entry that was not handed
//! over before it.

mod returning;

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use broker::{Epoch, Head, Partition, Record, follow::Followed, partition_of};
use bytes::Bytes;
use chat::render::{self, Place as EntryPlace};
use foldhash::quality::RandomState;
use hub::{Class, Publication, SocketKey, Topic};
use smallvec::SmallVec;
use tokio::sync::oneshot;
use wire::Frame;

use super::{
    cursor,
    ring::{self, Recent, Ring},
};
pub use returning::{Returned, Returning, Wanted};

/// Who gets which frames of an entry: an entry has at most one frame for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Palabre clients: the whole entry, no cursor.
    Palabre,
    /// Stock clients: the text, and the cursor behind it.
    Stock,
    /// Stock clients whose handlers can't take one more argument.
    StockPlain,
}

impl Audience {
    const ALL: [Self; 3] = [Self::Palabre, Self::Stock, Self::StockPlain];

    /// The frame of an event for this audience; the cursor goes last, where there is one.
    pub(crate) fn event(self, name: &str, json: &[&str], cursor: &str) -> Frame {
        match self {
            Self::Stock => {
                let cursor = ["\"", cursor, "\""].concat();
                let mut args = SmallVec::<[&str; 4]>::from_slice(json);
                args.push(&cursor);
                wire::socket::event("/", name, &args)
            }
            Self::Palabre | Self::StockPlain => wire::socket::event("/", name, json),
        }
    }
}

/// All palabre clients of the instance, whatever rooms they are in.
const EVERY_PALABRE: Topic = Topic(0);

/// What takes a place in the order.
#[derive(Debug)]
pub enum Input {
    /// What a follower handed on.
    Followed(Partition, Followed),
    /// The newest entries of a partition as the log has them, before its follower starts.
    Recent(Partition, Epoch, Vec<Record>),
    /// A socket wants a place: frames after it wait until the socket is released.
    Enter(Entering),
    /// A socket that takes up an earlier session wants a place in all its rooms at once.
    Return(Returning),
    /// A socket leaves a room.
    Leave {
        /// Who leaves.
        key: SocketKey,
        /// Which frames it got.
        audience: Audience,
        /// What it leaves.
        room: Box<str>,
    },
    /// Something for one socket.
    Tell {
        /// For whom.
        key: SocketKey,
        /// Which kind of client it is.
        audience: Audience,
        /// The event's name.
        name: &'static str,
        /// The event's arguments, each as JSON.
        json: String,
    },
    /// Something for all palabre clients of this instance.
    TellAll {
        /// The event's name.
        name: &'static str,
        /// The event's argument as JSON.
        json: String,
    },
    /// Something for the palabre clients of this instance that are in a room.
    TellRoom {
        /// Which room.
        room: Box<str>,
        /// The event's name.
        name: &'static str,
        /// The event's argument as JSON.
        json: String,
        /// What may happen to it where a client reads too slowly.
        class: Class,
    },
}

/// A socket on its way into the order.
#[derive(Debug)]
pub struct Entering {
    /// Who enters.
    pub key: SocketKey,
    /// Which frames it gets.
    pub audience: Audience,
    /// The room; or none, for what every palabre client of the instance gets.
    pub room: Option<Box<str>>,
    /// Whether its frames wait from this place on; a new socket's wait already.
    pub hold: bool,
    /// Whether it is in the room already, and only asks for a place.
    pub again: bool,
    /// Where the answer goes.
    pub placed: oneshot::Sender<Place>,
}

/// A place in the order.
#[derive(Clone, Debug)]
pub struct Place {
    /// The state of every partition there.
    pub heads: Arc<[Head]>,
}

impl Place {
    /// The cursor of that place.
    pub fn cursor(&self) -> String {
        cursor::text(&self.heads)
    }

    /// The state of a room's partition there.
    pub fn head_of(&self, room: &str) -> Head {
        let partition = partition_of(room, self.heads.len() as u16);
        self.heads[usize::from(partition.0)]
    }
}

/// What is to be done, in order.
#[derive(Debug)]
pub enum Effect {
    /// Hand a frame to all sockets of a topic.
    Publish(Publication),
    /// Hand a frame to one socket.
    Send(SocketKey, Frame),
    /// From here on a socket's frames wait.
    Hold(SocketKey),
    /// A socket gets a topic's frames from here on.
    Enter(SocketKey, Topic),
    /// A socket gets a topic's frames no more.
    Leave(SocketKey, Topic),
    /// Tell who entered where that was; if nobody waits for it any more, undo it.
    Placed {
        /// Who waits.
        placed: oneshot::Sender<Place>,
        /// Where it was.
        place: Place,
        /// What takes it back.
        undo: Option<Input>,
    },
    /// Tell who came back where that was, and what it missed; if nobody waits for it any more,
    /// undo it.
    Returned {
        /// Who waits.
        placed: oneshot::Sender<Returned>,
        /// Where it was.
        returned: Returned,
        /// What takes it back.
        undo: Vec<Input>,
    },
    /// An instance's heartbeat went by.
    Heartbeat(Partition, Box<str>),
    /// An instance signalled something for a room.
    Signal(Box<str>, Bytes),
    /// The log lost its past: tell the rooms of the partition.
    Reset(Epoch, Vec<(Box<str>, Topic)>),
    /// The log lost its past: the clients that get this topic are to come back and learn it.
    Close(Topic),
}

/// The rooms of this instance, and how far each partition has been handed over.
#[derive(Debug)]
pub struct Order {
    heads: Vec<Option<Head>>,
    /// Looked at for every entry, so the hash is a quick one.
    rooms: HashMap<Name, LocalRoom, RandomState>,
    next_topic: u64,
    waiting: Vec<Entering>,
    /// The recent entries of each partition.
    rings: Vec<Ring>,
    /// Where an entry is written before it becomes a frame; as large as the largest one.
    scratch: String,
}

/// A room's key, found by its bytes: an entry that nobody here gets is never looked at as text.
#[derive(Debug, PartialEq, Eq)]
struct Name(Box<str>);

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_bytes().hash(state);
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A room that sockets of this instance are in.
#[derive(Debug)]
struct LocalRoom {
    /// The first of three topics, one for each audience.
    topics: u64,
    members: [usize; 3],
}

impl LocalRoom {
    fn topic(&self, audience: Audience) -> Topic {
        Topic(self.topics + audience as u64)
    }

    fn has(&self, audience: Audience) -> bool {
        self.members[audience as usize] > 0
    }
}

/// Sockets that may wait for the first sight of the log; one more gets no place.
const WAITING_MAX: usize = 20_000;

impl Order {
    /// Nothing handed over yet.
    pub fn new(partitions: u16, ring: ring::Limits) -> Self {
        let partitions = usize::from(partitions);
        Self {
            heads: vec![None; partitions],
            rings: (0..partitions).map(|_| Ring::new(ring)).collect(),
            rooms: HashMap::default(),
            next_topic: 4,
            waiting: Vec::new(),
            scratch: String::new(),
        }
    }

    /// Takes an input at its place; what follows from it is added to `effects`.
    pub fn handle(&mut self, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Followed(partition, followed) => {
                self.followed(partition, followed, effects);
            }
            Input::Recent(partition, epoch, records) => self.recent(partition, epoch, records),
            Input::Enter(entering) => self.enter(entering, effects),
            Input::Return(returning) => self.come_back(returning, effects),
            Input::Leave { key, audience, room } => self.leave(key, audience, &room, effects),
            Input::Tell { key, audience, name, json } => {
                let frame = audience.event(name, &[&json], &cursor::text(&self.known_heads()));
                effects.push(Effect::Send(key, frame));
            }
            Input::TellAll { name, json } => {
                let frame = Audience::Palabre.event(name, &[&json], "");
                effects.push(Effect::Publish(lasting(EVERY_PALABRE, frame)));
            }
            Input::TellRoom { room, name, json, class } => {
                let Some(room) = self.rooms.get(room.as_bytes()) else { return };
                if room.has(Audience::Palabre) {
                    let (topic, frame) = (
                        room.topic(Audience::Palabre),
                        Audience::Palabre.event(name, &[&json], ""),
                    );
                    effects.push(Effect::Publish(Publication { topic, frame, class }));
                }
            }
        }
    }

    /// Takes what a follower handed on at its place. Says for how many sockets of this instance it
    /// is, where it is an entry.
    pub fn followed(
        &mut self,
        partition: Partition,
        followed: Followed,
        effects: &mut Vec<Effect>,
    ) -> usize {
        let slot = usize::from(partition.0);
        match followed {
            Followed::Start(head) => {
                self.heads[slot] = Some(head);
                self.rings[slot].begin(head);
                self.admit_waiting(effects);
            }
            Followed::Entry(epoch, record) => {
                self.heads[slot] = Some(Head { epoch, seq: record.seq });
                self.rings[slot].push(epoch, record);
                let mut scratch = std::mem::take(&mut self.scratch);
                let newest = self.rings[slot].newest();
                let sockets = newest.map_or(0, |recent| self.entry(recent, &mut scratch, effects));
                self.scratch = scratch;
                return sockets;
            }
            Followed::Watermark { instance, .. } => {
                effects.push(Effect::Heartbeat(partition, instance));
            }
            Followed::Reset(head) => {
                self.heads[slot] = Some(head);
                self.rings[slot].begin(head);
                self.admit_waiting(effects);
                let palabre = self.topics_of(partition, Audience::Palabre);
                effects.push(Effect::Reset(head.epoch, palabre));
                for audience in [Audience::Stock, Audience::StockPlain] {
                    let topics = self.topics_of(partition, audience).into_iter();
                    effects.extend(topics.map(|(_, topic)| Effect::Close(topic)));
                }
            }
            Followed::Signal { room, bytes } => effects.push(Effect::Signal(room, bytes)),
            // How the follower mends a gap is its own matter; the order only waits.
            Followed::Behind | Followed::CaughtUp { .. } => {}
        }
        0
    }

    fn recent(&mut self, partition: Partition, epoch: Epoch, records: Vec<Record>) {
        let ring = &mut self.rings[usize::from(partition.0)];
        for record in records {
            ring.push(epoch, Arc::new(record));
        }
    }

    /// Says for how many sockets it is.
    fn entry(&self, recent: &Recent, json: &mut String, effects: &mut Vec<Effect>) -> usize {
        let (record, head) = (recent.record(), recent.head());
        let Some(room) = self.rooms.get(record.names.room_bytes()) else { return 0 };
        let mut publish = |audience, frame| {
            effects.push(Effect::Publish(lasting(room.topic(audience), frame)));
        };
        if room.has(Audience::Palabre) {
            json.clear();
            render::put_entry(&entry_place(head.epoch.as_str(), record), &record.bytes, json);
            publish(Audience::Palabre, Audience::Palabre.event("entry", &[json], ""));
        }
        if room.has(Audience::Stock)
            && let Some(frame) = self.stock_frame(recent)
        {
            publish(Audience::Stock, frame);
        }
        if room.has(Audience::StockPlain)
            && let Some(frame) = recent.frame(Audience::StockPlain, "")
        {
            publish(Audience::StockPlain, frame);
        }
        room.members.iter().sum()
    }

    /// With one partition it is the same as for who comes back later, else its cursor differs.
    fn stock_frame(&self, recent: &Recent) -> Option<Frame> {
        match &*self.heads {
            [_] => recent.frame_alone(),
            _ => recent.frame(Audience::Stock, &cursor::text(&self.known_heads())),
        }
    }

    fn enter(&mut self, entering: Entering, effects: &mut Vec<Effect>) {
        if self.heads.iter().any(Option::is_none) {
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push(entering);
            }
            return;
        }
        let Entering { key, audience, room, hold, again, placed } = entering;
        if placed.is_closed() {
            return;
        }
        if hold {
            effects.push(Effect::Hold(key));
        }
        let undo = room.clone().filter(|_| !again).map(|room| Input::Leave { key, audience, room });
        match room {
            Some(room) => self.enter_room(key, audience, room, again, effects),
            None => effects.push(Effect::Enter(key, EVERY_PALABRE)),
        }
        let place = Place { heads: self.known_heads() };
        effects.push(Effect::Placed { placed, place, undo });
    }

    fn enter_room(
        &mut self,
        key: SocketKey,
        audience: Audience,
        name: Box<str>,
        again: bool,
        effects: &mut Vec<Effect>,
    ) {
        let next_topic = &mut self.next_topic;
        let room = self.rooms.entry(Name(name)).or_insert_with(|| {
            let topics = *next_topic;
            *next_topic += Audience::ALL.len() as u64;
            LocalRoom { topics, members: [0; 3] }
        });
        if !again {
            room.members[audience as usize] += 1;
            effects.push(Effect::Enter(key, room.topic(audience)));
        }
    }

    fn leave(&mut self, key: SocketKey, audience: Audience, name: &str, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(name.as_bytes()) else { return };
        let members = &mut room.members[audience as usize];
        *members = members.saturating_sub(1);
        out.push(Effect::Leave(key, room.topic(audience)));
        if room.members == [0; 3] {
            self.rooms.remove(name.as_bytes());
        }
    }

    fn admit_waiting(&mut self, effects: &mut Vec<Effect>) {
        if self.heads.iter().all(Option::is_some) {
            for entering in std::mem::take(&mut self.waiting) {
                self.enter(entering, effects);
            }
        }
    }

    /// The rooms of a partition that clients of this kind are in, with their topics, in the order
    /// in which they came to be here: so a run of the simulation can be repeated.
    fn topics_of(&self, partition: Partition, audience: Audience) -> Vec<(Box<str>, Topic)> {
        let partitions = self.heads.len() as u16;
        let held = self.rooms.iter().filter(|(name, room)| {
            partition_of(&name.0, partitions) == partition && room.has(audience)
        });
        let mut topics: Vec<_> =
            held.map(|(name, room)| (name.0.clone(), room.topic(audience))).collect();
        topics.sort_unstable_by_key(|(_, topic)| *topic);
        topics
    }

    /// The state of every partition, where all are known.
    pub fn heads(&self) -> Option<Arc<[Head]>> {
        self.heads.iter().copied().collect()
    }

    fn known_heads(&self) -> Arc<[Head]> {
        self.heads.iter().flatten().copied().collect()
    }

    /// Entries and bytes in all rings.
    pub fn ring_sizes(&self) -> (usize, usize) {
        let sizes = self.rings.iter().map(|ring| (ring.entries(), ring.bytes()));
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    /// How many rooms sockets of this instance are in.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }
}

/// Where a record stands, for rendering.
pub fn entry_place<'a>(epoch: &'a str, record: &'a Record) -> EntryPlace<'a> {
    EntryPlace {
        room: record.room(),
        epoch,
        offset: record.offset,
        id: record.id(),
        user: record.user(),
        at: record.at,
    }
}

fn lasting(topic: Topic, frame: Frame) -> Publication {
    Publication { topic, frame, class: Class::Lasting }
}

#[cfg(test)]
mod tests;
