//! Engine.IO v4: packets and polling payloads, the handshake, the heartbeat.
//!
//! Owns what does not depend on a connection. Sessions, transports and the upgrade belong to
//! `gateway`; what a message says belongs to `socket`.

mod handshake;
mod heartbeat;
mod packet;
mod payload;
mod query;

pub use handshake::{Open, Rejection, Transport};
pub use heartbeat::{Beat, Heartbeat, Rhythm};
pub use packet::Packet;
pub(crate) use payload::put_part;
pub use payload::{PAYLOAD_PACKETS_MAX, encode_payload};
pub use query::{Pairs, Query};

/// The protocol revision that is spoken here, as `EIO` names it.
pub const PROTOCOL: &str = "4";

/// The rule that a packet broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A packet without a type, as between two separators or in an empty body.
    #[error("a packet is empty")]
    Empty,
    /// A first character that is neither a type (0 to 6) nor `b`.
    #[error("a packet has an unknown type")]
    UnknownType,
    /// What follows `b` is not base64 of the standard alphabet.
    #[error("a binary packet is not base64")]
    Base64,
}
