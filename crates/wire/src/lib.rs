//! Pure codecs of what goes over the wire: WebSocket frames, Engine.IO v4 and Socket.IO v5
//! packets. No runtime, clock, randomness or logging: bytes in, values out, and back.
//!
//! Connections and sessions belong to `gateway`; fan-out of a [`Frame`] belongs to `hub`.

pub mod frame;

pub use frame::Frame;
