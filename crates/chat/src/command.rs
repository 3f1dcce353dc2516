//! What clients ask for: from an event's name and arguments to a [`Command`], or a [`Refusal`].

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    limits::Limits,
    names::{EntryId, RoomKey, display_name},
    refusal::{Code, Refusal},
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
}

/// A text on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The client's idempotency id; a palabre client always has one.
    pub id: Option<EntryId>,
    /// The text, within its limits.
    pub text: Box<str>,
}

/// A place in a room, as palabre clients hold it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
}

#[derive(Deserialize)]
struct RawJoin {
    room: String,
    after: Option<Position>,
    limit: Option<u64>,
}

#[derive(Deserialize)]
struct RawRoom {
    room: String,
}

#[derive(Deserialize)]
struct RawSend {
    room: String,
    id: String,
    text: String,
}

#[derive(Deserialize)]
struct RawHistory {
    room: String,
    before: Option<u64>,
    after: Option<u64>,
    limit: Option<u64>,
}

#[derive(Deserialize)]
struct RawRename {
    name: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StockMessage {
    Text(String),
    Object { text: String, id: Option<String> },
}

impl Command {
    /// The names of all commands of this release, as the welcome lists them.
    pub const NAMES: [&str; 5] = ["join", "leave", "send", "history", "rename"];

    /// Reads a palabre client's command. `args` are the event's arguments as JSON texts. `None`
    /// where the event's name is no command.
    pub fn parse(name: &str, args: &[&str], limits: &Limits) -> Option<Result<Self, Refusal>> {
        Some(match name {
            "join" => join(args, limits),
            "leave" => object::<RawRoom>(args)
                .and_then(|raw| Ok(Self::Leave { room: RoomKey::parse(&raw.room)? })),
            "send" => send(args, limits),
            "history" => history(args, limits),
            "rename" => object::<RawRename>(args).and_then(|raw| {
                Ok(Self::Rename { name: display_name(&raw.name, limits.name_chars)? })
            }),
            _ => return None,
        })
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
        let (text, id) = match serde_json::from_str(first) {
            Ok(StockMessage::Text(text)) => {
                (text, args.get(1).and_then(|arg| serde_json::from_str::<String>(arg).ok()))
            }
            Ok(StockMessage::Object { text, id }) => (text, id),
            Err(_) => return Err(Refusal::bad_request(what)),
        };
        let id = id.and_then(|id| EntryId::of_shape(&id));
        Ok(Self { id, text: text_within(text, limits)? })
    }
}

fn join(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    let raw: RawJoin = object(args)?;
    let room = RoomKey::parse(&raw.room)?;
    Ok(Command::Join { room, after: raw.after, limit: page_size(raw.limit, limits)? })
}

fn send(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    let raw: RawSend = object(args)?;
    let id = Some(EntryId::parse(&raw.id)?);
    let message = Message { id, text: text_within(raw.text, limits)? };
    Ok(Command::Send { room: RoomKey::parse(&raw.room)?, message })
}

fn history(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    let raw: RawHistory = object(args)?;
    let range = match (raw.before, raw.after) {
        (Some(_), Some(_)) => {
            return Err(Refusal::bad_request("'before' and 'after' exclude each other"));
        }
        (Some(offset), None) => Page::Before(offset),
        (None, Some(offset)) => Page::After(offset),
        (None, None) => Page::Newest,
    };
    let room = RoomKey::parse(&raw.room)?;
    Ok(Command::History { room, range, limit: page_size(raw.limit, limits)? })
}

/// The one object that every command takes.
fn object<T: DeserializeOwned>(args: &[&str]) -> Result<T, Refusal> {
    let [json] = args else {
        return Err(Refusal::bad_request("a command takes one object"));
    };
    if !json.trim_start().starts_with('{') {
        return Err(Refusal::bad_request("a command takes one object"));
    }
    serde_json::from_str(json).map_err(|e| Refusal::bad_request(e.to_string()))
}

fn page_size(asked: Option<u64>, limits: &Limits) -> Result<usize, Refusal> {
    match asked {
        None => Ok(limits.page),
        Some(0) => Err(Refusal::bad_request("'limit' is at least 1")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX).min(limits.page_max)),
    }
}

fn text_within(text: String, limits: &Limits) -> Result<Box<str>, Refusal> {
    if text.is_empty() {
        return Err(Refusal::bad_request("the text is empty"));
    }
    if text.contains('\0') {
        return Err(Refusal::bad_request("a text can't have NUL in it"));
    }
    // Bytes bound characters from above, which spares counting most texts.
    if text.len() > limits.text_chars && text.chars().nth(limits.text_chars).is_some() {
        let message = format!("a text has at most {} characters", limits.text_chars);
        return Err(Refusal::new(Code::TooLarge, message));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests;
