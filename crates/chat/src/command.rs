//! What clients ask for: from an event's name and arguments to a [`Command`], or a [`Refusal`].

mod read;

use serde::{Deserialize, Serialize};

use crate::{
    limits::Limits,
    names::{EntryId, RoomKey},
    refusal::Refusal,
};

/// A command of a palabre client, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Enter a room, and get its entries.
    Join {
        /// Which one.
        room: RoomKey,
        /// What the client has already.
        after: Option<Position>,
        /// Entries of the answer.
        limit: usize,
    },
    /// Leave a room.
    Leave {
        /// Which one.
        room: RoomKey,
    },
    /// Say something in a room.
    Send {
        /// Where.
        room: RoomKey,
        /// What.
        message: Message,
    },
    /// Page through a room's entries.
    History {
        /// Which room.
        room: RoomKey,
        /// Which entries.
        range: Page,
        /// Entries of the answer.
        limit: usize,
    },
    /// Take another display name.
    Rename {
        /// The new one.
        name: Box<str>,
    },
    /// See which rooms there are.
    Rooms {
        /// How far the client has seen which rooms.
        seen: Vec<(RoomKey, Position)>,
    },
    /// Make a room, and enter it.
    Create {
        /// Which one.
        room: RoomKey,
        /// What people call it.
        title: Option<Box<str>>,
        /// Whether only its members may enter it.
        private: bool,
    },
    /// See who is in a room.
    Who {
        /// Which one.
        room: RoomKey,
    },
    /// Show that one types, or does no more.
    Typing {
        /// Where.
        room: RoomKey,
        /// Whether it begins or goes on, or ends.
        on: bool,
    },
}

/// A text on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The client's idempotency id; a palabre client always has one.
    pub id: Option<EntryId>,
    /// The text, within its limits.
    pub text: Box<str>,
    /// The entry that it replies to.
    pub reply_to: Option<Position>,
}

/// A place in a room, as palabre clients hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The life of the log that the offset belongs to.
    pub epoch: Box<str>,
    /// The place in the room; 0 stands before the first entry.
    pub offset: u64,
}

/// Which entries a `history` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest ones.
    Newest,
    /// The newest ones before an offset.
    Before(u64),
    /// The oldest ones after an offset.
    After(u64),
    /// The oldest ones from a time on, in milliseconds since 1970.
    At(u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StockMessage {
    Text(String),
    Object { text: String, id: Option<String> },
}

impl Command {
    /// The names of all commands of this release, as the welcome lists them.
    pub const NAMES: [&str; 9] =
        ["join", "leave", "send", "history", "rooms", "create", "who", "typing", "rename"];

    /// Reads a palabre client's command. `args` are the event's arguments as JSON texts. `None`
    /// where the event's name is no command.
    pub fn parse(name: &str, args: &[&str], limits: &Limits) -> Option<Result<Self, Refusal>> {
        read::command(name, args, limits)
    }
}

impl Message {
    /// Reads the arguments of a stock client's `chat message`: a string or an object with `text`,
    /// and perhaps an idempotency id. A second argument or an `id` that has not the shape of one
    /// belongs to the client's own purposes.
    ///
    /// # Errors
    /// `bad_request` for anything else; `too_large` for a text over its limit.
    pub fn from_stock(args: &[&str], limits: &Limits) -> Result<Self, Refusal> {
        let first = args.first().ok_or_else(|| Refusal::bad_request("there is no text"))?;
        let what = "a message is a string, or an object with a string 'text'";
        // What is plainly a text needn't be kept until it is known which of the two it is.
        let read = if first.starts_with('"') {
            serde_json::from_str(first).map(StockMessage::Text)
        } else {
            serde_json::from_str(first)
        };
        let (text, id) = match read {
            Ok(StockMessage::Text(text)) => {
                (text, args.get(1).and_then(|arg| serde_json::from_str::<String>(arg).ok()))
            }
            Ok(StockMessage::Object { text, id }) => (text, id),
            Err(_) => return Err(Refusal::bad_request(what)),
        };
        let id = id.and_then(|id| EntryId::of_shape(&id));
        Ok(Self { id, reply_to: None, text: read::text_within(text.into(), limits)? })
    }
}

#[cfg(test)]
mod tests;
