//! Who is where: the sockets of one shard, and the members of each topic.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use wire::Frame;

use super::memberships::{Membership, Memberships};
use super::slots::{Place, Slots};
use crate::connection::{Full, Item, Outbox};
use crate::metrics::{Dropped, Tally};
use crate::{Class, CloseReason, Connection, Metrics, SocketKey, Topic};

/// A topic's list of members is shortened in memory when it is this much shorter than its room.
const SHRINK_BELOW: usize = 4;

#[derive(Debug)]
pub(super) struct Roster {
    sockets: Slots<Socket>,
    by_key: HashMap<SocketKey, Place, RandomState>,
    topics: Slots<Members>,
    by_topic: HashMap<Topic, Place, RandomState>,
    metrics: Metrics,
}

/// The members of a topic.
#[derive(Debug)]
pub(super) struct Members {
    topic: Topic,
    /// Where their sockets are, side by side for iterating.
    sockets: Vec<Place>,
    /// Which of the runs of the present batch is the topic's. While there is one the topic stays,
    /// also when its last member has left.
    run: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Socket {
    connection: Arc<Connection>,
    /// The publications before this number have been dealt with for this socket.
    pub(super) given: u64,
    memberships: Memberships,
    held: Option<Box<Held>>,
}

#[derive(Debug)]
struct Held {
    /// Releases that are still to come.
    holds: u32,
    waiting: Outbox,
}

impl Roster {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            sockets: Slots::default(),
            by_key: HashMap::default(),
            topics: Slots::default(),
            by_topic: HashMap::default(),
            metrics,
        }
    }

    pub(super) fn attach(&mut self, key: SocketKey, connection: Arc<Connection>, given: u64) {
        let memberships = Memberships::default();
        let mut socket = Socket { connection, given, memberships, held: None };
        socket.hold();
        self.by_key.insert(key, self.sockets.insert(socket));
        self.metrics.counts().sockets.inc();
    }

    pub(super) fn detach(&mut self, key: SocketKey) {
        let socket = self.by_key.remove(&key).and_then(|place| self.sockets.remove(place));
        let Some(mut socket) = socket else { return };
        self.metrics.counts().sockets.dec();
        socket.drop_held();
        for membership in socket.memberships.all() {
            self.remove_member(*membership);
        }
    }

    pub(super) fn enter(&mut self, key: SocketKey, topic: Topic) {
        let Some(socket_place) = self.by_key.get(&key).copied() else { return };
        let place = self.place_of(topic);
        let (Some(socket), Some(members)) =
            (self.sockets.get_mut(socket_place), self.topics.get_mut(place))
        else {
            return;
        };
        if socket.is_in(place) {
            return;
        }
        if members.sockets.is_empty() {
            self.metrics.counts().topics.inc();
        }
        let position = u32::try_from(members.sockets.len()).expect("fewer than fit into memory");
        members.sockets.push(socket_place);
        socket.memberships.add(Membership { topic: place, position });
    }

    /// Where the topic is, from now on if it was nowhere.
    fn place_of(&mut self, topic: Topic) -> Place {
        let topics = &mut self.topics;
        *self
            .by_topic
            .entry(topic)
            .or_insert_with(|| topics.insert(Members { topic, sockets: Vec::new(), run: None }))
    }

    pub(super) fn leave(&mut self, key: SocketKey, topic: Topic) {
        let Some(place) = self.by_topic.get(&topic).copied() else { return };
        let Some(socket) = self.socket(key) else { return };
        if let Some(membership) = socket.memberships.remove(place) {
            self.remove_member(membership);
        }
    }

    /// Fills the gap with the topic's last member, and tells that one where it is now.
    fn remove_member(&mut self, Membership { topic, position }: Membership) {
        let Some(members) = self.topics.get_mut(topic) else { return };
        let sockets = &mut members.sockets;
        sockets.swap_remove(position as usize);
        if sockets.is_empty() {
            self.metrics.counts().topics.dec();
            return self.forget_if_unused(topic);
        }
        if sockets.len() < sockets.capacity() / SHRINK_BELOW {
            sockets.shrink_to(sockets.len() * 2);
        }
        if let Some(moved) = sockets.get(position as usize)
            && let Some(socket) = self.sockets.get_mut(*moved)
        {
            socket.memberships.move_to(Membership { topic, position });
        }
    }

    /// The run of a topic in a batch is over.
    pub(super) fn end_run(&mut self, topic: Place) {
        if let Some(members) = self.topics.get_mut(topic) {
            members.run = None;
            self.forget_if_unused(topic);
        }
    }

    fn forget_if_unused(&mut self, place: Place) {
        if let Some(members) = self.topics.get(place)
            && members.sockets.is_empty()
            && members.run.is_none()
        {
            self.by_topic.remove(&members.topic);
            self.topics.remove(place);
        }
    }

    pub(super) fn socket(&mut self, key: SocketKey) -> Option<&mut Socket> {
        self.sockets.get_mut(*self.by_key.get(&key)?)
    }

    /// Where a topic is, if anybody is in it.
    pub(super) fn occupied(&self, topic: Topic) -> Option<Place> {
        let place = *self.by_topic.get(&topic)?;
        let members = self.topics.get(place)?;
        (!members.sockets.is_empty()).then_some(place)
    }

    /// Which of the batch's runs is the topic's, to be read and changed.
    pub(super) fn run(&mut self, topic: Place) -> Option<&mut Option<u32>> {
        self.topics.get_mut(topic).map(|members| &mut members.run)
    }

    /// The members of the topic at a place, the sockets that they name, and all topics.
    pub(super) fn audience(
        &mut self,
        topic: Place,
    ) -> (&[Place], &mut Slots<Socket>, &Slots<Members>) {
        let members = self.topics.get(topic).map_or(&[][..], |members| &members.sockets);
        (members, &mut self.sockets, &self.topics)
    }
}

impl Socket {
    /// Fetches its memory ahead; see [`Connection::fetch`].
    pub(super) fn fetch(&self) {
        self.connection.fetch();
    }

    pub(super) fn is_in(&self, topic: Place) -> bool {
        self.memberships.all().iter().any(|membership| membership.topic == topic)
    }

    /// Whether it is in a topic, beside this one, that has a run in the present batch.
    pub(super) fn gets_more_than(&self, topic: Place, topics: &Slots<Members>) -> bool {
        let has_run = |topic| topics.get(topic).is_some_and(|members| members.run.is_some());
        let mut others = self.memberships.all().iter().map(|membership| membership.topic);
        others.any(|other| other != topic && has_run(other))
    }

    pub(super) fn hold(&mut self) {
        if let Some(held) = &mut self.held {
            held.holds += 1;
            return;
        }
        self.connection.metrics().counts().held.inc();
        self.held = Some(Box::new(Held { holds: 1, waiting: Outbox::default() }));
    }

    pub(super) fn release(&mut self, first: &[Frame], tally: &mut Tally) {
        let class = Class::Lasting;
        let mut items: Vec<_> = first.iter().map(|frame| Item { frame, class }).collect();
        if let Some(held) = &mut self.held
            && held.holds > 1
        {
            held.holds -= 1;
            return self.connection.deliver(&items, None, tally);
        }
        let held = self.held.take();
        if let Some(held) = &held {
            self.connection.metrics().counts().held.dec();
            items.extend(held.waiting.items());
        }
        self.connection.deliver(&items, None, tally);
    }

    /// Gives frames to the connection, or lets them wait where the socket is held. `whole` is all
    /// of them joined, where that exists.
    pub(super) fn hand(
        &mut self,
        items: &[Item<'_>],
        whole: Option<&Frame>,
        held_bytes: usize,
        tally: &mut Tally,
    ) {
        let Some(held) = &mut self.held else {
            return self.connection.deliver(items, whole, tally);
        };
        let metrics = self.connection.metrics();
        if self.connection.closed().is_some() {
            return metrics.count_dropped(Dropped::Closed, items.len());
        }
        for (index, item) in items.iter().enumerate() {
            match held.waiting.push(*item, held_bytes) {
                Ok(dropped) => metrics.count_dropped(Dropped::Ephemeral, dropped),
                Err(Full { dropped }) => {
                    metrics.count_dropped(Dropped::Ephemeral, dropped);
                    metrics.count_dropped(Dropped::Closed, items.len() - index);
                    return self.close(CloseReason::SlowConsumer);
                }
            }
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        self.connection.close(reason);
        if let Some(held) = &mut self.held {
            let waiting = std::mem::take(&mut held.waiting);
            self.connection.metrics().count_dropped(Dropped::Closed, waiting.frames());
        }
    }

    fn drop_held(&mut self) {
        if let Some(held) = self.held.take() {
            self.connection.metrics().counts().held.dec();
            self.connection.metrics().count_dropped(Dropped::Closed, held.waiting.frames());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an idle socket in one topic costs here on a 64-bit machine, beside its connection: its
    /// place, an entry of the map (at most twice that, when either has just grown), and its place
    /// among the topic's members (the same). No memory of its own.
    #[test]
    fn idle_socket_is_small() {
        assert_eq!(size_of::<Option<Socket>>(), 48);
        assert_eq!(size_of::<(SocketKey, Place)>(), 16);
    }

    #[test]
    fn topic_stays_while_the_batch_has_something_for_it() {
        let mut roster = Roster::new(Metrics::new());
        let connection = Connection::new(&crate::Limits::default(), &Metrics::new());
        roster.attach(SocketKey(1), connection, 0);
        roster.enter(SocketKey(1), Topic(7));
        let place = roster.occupied(Topic(7)).unwrap();
        *roster.run(place).unwrap() = Some(0);
        roster.leave(SocketKey(1), Topic(7));
        assert_eq!(roster.occupied(Topic(7)), None);
        roster.enter(SocketKey(1), Topic(8));
        assert_ne!(roster.occupied(Topic(8)), Some(place), "it isn't free yet");
        roster.end_run(place);
        assert_eq!((roster.by_topic.len(), roster.metrics.counts().topics.get()), (1, 1));
        roster.enter(SocketKey(1), Topic(9));
        assert_eq!(roster.occupied(Topic(9)), Some(place));
    }
}
