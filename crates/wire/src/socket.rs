//! Socket.IO v5: packets, their text form, their binary attachments.
//!
//! Owns every rule that a packet can break by itself. Which namespaces a session has joined,
//! and what an event does, belong to `gateway` and its application. Texts here are what stands
//! behind Engine.IO's `4`, except in a [`crate::Frame`], which is complete.

mod args;
mod assembler;
mod encode;
mod json;
mod parse;

use std::borrow::Cow;

use bytes::Bytes;

pub use args::Args;
pub use assembler::Assembler;
pub use encode::{ack, connect_answer, connect_error, disconnect, encode, event, placeholder};
pub use json::JSON_DEPTH_MAX;

/// The namespace that is meant where none is named.
pub const MAIN_NAMESPACE: &str = "/";

/// How many binary attachments clients accept in one packet (socket.io-parser 4.2.6 and
/// later), and what Node's server accepts.
pub const ATTACHMENTS_MAX: usize = 10;

/// Event names that clients and servers keep for themselves.
pub const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// What a packet is; events and acknowledgements with attachments are not kinds of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// `0`: joins a namespace, or answers that it was joined.
    Connect,
    /// `1`: leaves a namespace.
    Disconnect,
    /// `2`, `5`: an event.
    Event,
    /// `3`, `6`: the answer to an event.
    Ack,
    /// `4`: the namespace can't be joined.
    ConnectError,
}

/// A whole packet, attachments included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub kind: PacketKind,
    /// Its namespace, `/` by default.
    pub namespace: Cow<'static, str>,
    /// The number that ties an acknowledgement to its event.
    pub id: Option<u64>,
    /// Its payload: JSON text as received, without space around it.
    pub data: Option<Box<str>>,
    /// What the placeholders in `data` stand for, by their `num`.
    pub attachments: Vec<Bytes>,
}

/// The rule that a packet broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A packet without a type.
    #[error("a packet is empty")]
    Empty,
    /// A type that is not 0 to 6.
    #[error("a packet has an unknown type")]
    UnknownType,
    /// A client refuses a namespace; only a server may.
    #[error("a client sent CONNECT_ERROR")]
    ConnectErrorFromClient,
    /// A binary packet without a count of attachments, or with none of them.
    #[error("a binary packet doesn't say how many attachments it has")]
    AttachmentCount,
    /// More attachments than the limit.
    #[error("a packet has too many attachments")]
    TooManyAttachments,
    /// An acknowledgement id beyond 64 bits.
    #[error("an acknowledgement id is too large")]
    AckId,
    /// A payload that is not one JSON value.
    #[error("a payload is not valid JSON")]
    Json,
    /// A payload that nests deeper than [`JSON_DEPTH_MAX`].
    #[error("a payload is nested too deeply")]
    TooDeep,
    /// A payload of another kind than the packet's type has.
    #[error("a payload does not fit its packet")]
    Payload,
    /// An event whose array doesn't begin with a string or a number.
    #[error("an event has no name")]
    EventName,
    /// An event named as one of [`RESERVED_EVENTS`].
    #[error("an event has a reserved name")]
    ReservedEvent,
    /// A placeholder whose `num` names no attachment.
    #[error("a placeholder stands for no attachment")]
    Placeholder,
    /// A text while attachments are missing.
    #[error("a text came in place of an attachment")]
    TextInsideBinary,
    /// A binary message while no attachment is missing.
    #[error("an attachment came without its packet")]
    UnexpectedBinary,
}
