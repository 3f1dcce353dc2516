//! One instance's fan-out: sockets by topic, shards, and the bounded outbox in front of each
//! connection.
//!
//! A [`Frame`](wire::Frame) arrives already encoded and is shared by all its receivers: nothing
//! here is formatted, allocated or copied per receiver. Encoding belongs to `wire`, reading from
//! connections and their sessions to `gateway`, and the one order in which frames arrive to the
//! caller of [`Hub::publish`].

mod connection;
mod hub;
mod limits;
mod metrics;
mod reason;
mod shard;
mod stream;

pub use connection::Connection;
pub use hub::Hub;
pub use limits::Limits;
pub use metrics::Metrics;
pub use reason::CloseReason;
pub use stream::Stream;

use wire::Frame;

/// A set of sockets that get the same frames. The number means nothing to the hub: the
/// application gives it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub u64);

/// Names one attached socket; given out by [`Hub::attach`] and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketKey(u64);

impl SocketKey {
    /// The key as a number, for names and logs.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What may happen to a frame whose receiver reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Never left out: when there is no room for it the connection is closed.
    Lasting,
    /// Typing, presence differences and the like: dropped first when there is no room.
    Ephemeral,
}

/// One frame for all sockets of a topic.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Who gets it.
    pub topic: Topic,
    /// What they get.
    pub frame: Frame,
    /// What happens to it at the limit of an outbox.
    pub class: Class,
}
