//! Pure codecs of what goes over the wire: WebSocket frames, Engine.IO v4 and Socket.IO v5
//! packets. No runtime, clock, randomness or logging: bytes in, values out, and back.
//!
//! Connections and sessions belong to `gateway`; fan-out of a [`Frame`] belongs to `hub`.
//! Nothing here trusts its input: a decoder answers with a value or with the rule that was
//! broken, and holds memory only for bytes that have arrived.

#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::panic)
)]

pub mod engine;
pub mod frame;
pub mod socket;
pub mod websocket;

pub use frame::{Frame, Part};
