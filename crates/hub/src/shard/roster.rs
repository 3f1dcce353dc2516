//! Who is where: the sockets of one shard, and the members of each topic.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::fast::RandomState;
use wire::Frame;

use crate::connection::{Full, Item, Outbox};
use crate::metrics::Dropped;
use crate::{Class, CloseReason, Connection, Metrics, SocketKey, Topic};

/// A topic's list of members is shortened in memory when it is this much shorter than its room.
const SHRINK_BELOW: usize = 4;

#[derive(Debug)]
pub(super) struct Roster {
    sockets: HashMap<SocketKey, Socket, RandomState>,
    /// The members of each topic that has any, side by side for iterating.
    topics: HashMap<Topic, Vec<SocketKey>, RandomState>,
    metrics: Metrics,
}

#[derive(Debug)]
pub(super) struct Socket {
    connection: Arc<Connection>,
    /// The publications before this number have been dealt with for this socket.
    pub(super) given: u64,
    memberships: Vec<Membership>,
    held: Option<Box<Held>>,
}

#[derive(Debug)]
struct Membership {
    topic: Topic,
    /// Where the topic's list names this socket.
    position: u32,
}

#[derive(Debug)]
struct Held {
    /// Releases that are still to come.
    holds: u32,
    waiting: Outbox,
}

impl Roster {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { sockets: HashMap::default(), topics: HashMap::default(), metrics }
    }

    pub(super) fn attach(&mut self, key: SocketKey, connection: Arc<Connection>, given: u64) {
        let mut socket = Socket { connection, given, memberships: Vec::new(), held: None };
        socket.hold();
        self.sockets.insert(key, socket);
        self.metrics.counts().sockets.inc();
    }

    pub(super) fn detach(&mut self, key: SocketKey) {
        let Some(mut socket) = self.sockets.remove(&key) else { return };
        self.metrics.counts().sockets.dec();
        socket.drop_held();
        for Membership { topic, position } in socket.memberships {
            self.remove_member(topic, position);
        }
    }

    pub(super) fn enter(&mut self, key: SocketKey, topic: Topic) {
        let Some(socket) = self.sockets.get_mut(&key) else { return };
        if socket.is_in(topic) {
            return;
        }
        let members = match self.topics.entry(topic) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.metrics.counts().topics.inc();
                entry.insert(Vec::new())
            }
        };
        let position = u32::try_from(members.len()).expect("fewer sockets than fit into memory");
        members.push(key);
        socket.remember(Membership { topic, position });
    }

    pub(super) fn leave(&mut self, key: SocketKey, topic: Topic) {
        let Some(socket) = self.sockets.get_mut(&key) else { return };
        let Some(index) = socket.memberships.iter().position(|each| each.topic == topic) else {
            return;
        };
        let Membership { position, .. } = socket.memberships.swap_remove(index);
        self.remove_member(topic, position);
    }

    /// Fills the gap with the topic's last member, and tells that one where it is now.
    fn remove_member(&mut self, topic: Topic, position: u32) {
        let Entry::Occupied(mut entry) = self.topics.entry(topic) else { return };
        let members = entry.get_mut();
        members.swap_remove(position as usize);
        if members.is_empty() {
            entry.remove();
            self.metrics.counts().topics.dec();
            return;
        }
        if let Some(moved) = members.get(position as usize)
            && let Some(socket) = self.sockets.get_mut(moved)
            && let Some(membership) = socket.memberships.iter_mut().find(|each| each.topic == topic)
        {
            membership.position = position;
        }
        if members.len() < members.capacity() / SHRINK_BELOW {
            members.shrink_to(members.len() * 2);
        }
    }

    pub(super) fn socket(&mut self, key: SocketKey) -> Option<&mut Socket> {
        self.sockets.get_mut(&key)
    }

    pub(super) fn has_members(&self, topic: Topic) -> bool {
        self.topics.contains_key(&topic)
    }

    /// A topic's members, and the sockets that they name.
    pub(super) fn members(
        &mut self,
        topic: Topic,
    ) -> (&[SocketKey], &mut HashMap<SocketKey, Socket, RandomState>) {
        let members = self.topics.get(&topic).map_or(&[][..], Vec::as_slice);
        (members, &mut self.sockets)
    }
}

impl Socket {
    pub(super) fn is_in(&self, topic: Topic) -> bool {
        self.topics().any(|each| each == topic)
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = Topic> {
        self.memberships.iter().map(|membership| membership.topic)
    }

    /// Most sockets are in one or two topics, so the list grows by one before it doubles.
    fn remember(&mut self, membership: Membership) {
        if self.memberships.len() < 4 {
            self.memberships.reserve_exact(1);
        }
        self.memberships.push(membership);
    }

    pub(super) fn hold(&mut self) {
        if let Some(held) = &mut self.held {
            held.holds += 1;
            return;
        }
        self.connection.metrics().counts().held.inc();
        self.held = Some(Box::new(Held { holds: 1, waiting: Outbox::default() }));
    }

    pub(super) fn release(&mut self, first: &[Frame]) {
        let class = Class::Lasting;
        let mut items: Vec<_> = first.iter().map(|frame| Item { frame, class }).collect();
        if let Some(held) = &mut self.held
            && held.holds > 1
        {
            held.holds -= 1;
            return self.connection.deliver(&items, None);
        }
        let held = self.held.take();
        if let Some(held) = &held {
            self.connection.metrics().counts().held.dec();
            items.extend(held.waiting.items());
        }
        self.connection.deliver(&items, None);
    }

    /// Gives frames to the connection, or lets them wait where the socket is held. `whole` is all
    /// of them joined, where that exists.
    pub(super) fn hand(&mut self, items: &[Item<'_>], whole: Option<&Frame>, held_bytes: usize) {
        let Some(held) = &mut self.held else { return self.connection.deliver(items, whole) };
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

    /// What an idle socket in one topic costs here on a 64-bit machine, beside its connection: an
    /// entry of the map (at most twice that, when the map has just grown), one membership, and
    /// its key among the topic's members (the same).
    #[test]
    fn idle_socket_is_small() {
        assert_eq!(size_of::<(SocketKey, Socket)>(), 56);
        assert_eq!(size_of::<Membership>(), 16);
        let connection = Connection::new(&crate::Limits::default(), &Metrics::new());
        let mut socket = Socket { connection, given: 0, memberships: Vec::new(), held: None };
        socket.remember(Membership { topic: Topic(1), position: 0 });
        assert_eq!(socket.memberships.capacity(), 1);
    }
}
