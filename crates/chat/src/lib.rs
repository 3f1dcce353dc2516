//! The rules of the chat, pure: values in, decisions out. No runtime, clock, randomness or wire.
//!
//! [`command`] reads what a client asks for, [`entry`] is what the log holds, [`render`] writes
//! what clients get. Which socket hears what is the server's matter.

pub mod about;
pub mod budget;
pub mod command;
pub mod entry;
mod json;
pub mod limits;
pub mod names;
pub mod presence;
pub mod refusal;
pub mod render;
pub mod signal;
pub mod typing;

pub use command::{Command, Message};
pub use entry::Entry;
pub use limits::Limits;
pub use names::{EntryId, RoomKey};
pub use refusal::{Code, Refusal};
