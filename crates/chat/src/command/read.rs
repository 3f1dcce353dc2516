//! Reads commands from JSON, and checks them.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Command, Message, Page, Position};
use crate::{
    limits::Limits,
    names::{EntryId, RoomKey, display_name, title},
    refusal::{Code, Refusal},
};

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
struct RawSend<'a> {
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(rename = "replyTo")]
    reply_to: Option<Position>,
}

#[derive(Deserialize)]
struct RawHistory {
    room: String,
    before: Option<u64>,
    after: Option<u64>,
    at: Option<u64>,
    limit: Option<u64>,
}

#[derive(Deserialize)]
struct RawRename {
    name: String,
}

#[derive(Default, Deserialize)]
struct RawRooms {
    seen: Option<Vec<RawSeen>>,
}

#[derive(Deserialize)]
struct RawSeen {
    room: String,
    epoch: Box<str>,
    offset: u64,
}

#[derive(Deserialize)]
struct RawCreate {
    room: String,
    title: Option<String>,
    #[serde(default)]
    private: bool,
}

#[derive(Deserialize)]
struct RawTyping {
    room: String,
    on: bool,
}

/// What [`Command::parse`] does.
pub(super) fn command(
    name: &str,
    args: &[&str],
    limits: &Limits,
) -> Option<Result<Command, Refusal>> {
    Some(match name {
        "join" => join(args, limits),
        "leave" => room(args).map(|room| Command::Leave { room }),
        "send" => send(args, limits),
        "history" => history(args, limits),
        "rooms" => rooms(args, limits),
        "create" => create(args, limits),
        "who" => room(args).map(|room| Command::Who { room }),
        "typing" => object::<RawTyping>(args)
            .and_then(|raw| Ok(Command::Typing { room: RoomKey::parse(&raw.room)?, on: raw.on })),
        "rename" => object::<RawRename>(args).and_then(|raw| {
            Ok(Command::Rename { name: display_name(&raw.name, limits.name_chars)? })
        }),
        _ => return None,
    })
}

fn room(args: &[&str]) -> Result<RoomKey, Refusal> {
    RoomKey::parse(&object::<RawRoom>(args)?.room)
}

fn join(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    let raw: RawJoin = object(args)?;
    let room = RoomKey::parse(&raw.room)?;
    Ok(Command::Join { room, after: raw.after, limit: page_size(raw.limit, limits)? })
}

fn send(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    let raw: RawSend<'_> = object(args)?;
    let id = Some(EntryId::parse(&raw.id)?);
    if raw.reply_to.as_ref().is_some_and(|position| position.offset == 0) {
        return Err(Refusal::bad_request("'replyTo' needs the offset of an entry, from 1 on"));
    }
    let text = text_within(raw.text, limits)?;
    let message = Message { id, text, reply_to: raw.reply_to };
    Ok(Command::Send { room: RoomKey::parse(&raw.room)?, message })
}

fn history(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    let raw: RawHistory = object(args)?;
    let range = match (raw.before, raw.after, raw.at) {
        (Some(offset), None, None) => Page::Before(offset),
        (None, Some(offset), None) => Page::After(offset),
        (None, None, Some(at)) => Page::At(at),
        (None, None, None) => Page::Newest,
        _ => return Err(Refusal::bad_request("of 'before', 'after' and 'at' only one can be")),
    };
    let room = RoomKey::parse(&raw.room)?;
    Ok(Command::History { room, range, limit: page_size(raw.limit, limits)? })
}

fn rooms(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    // Nothing is asked for, so nothing needs to be said.
    let raw: RawRooms = if args.is_empty() { RawRooms::default() } else { object(args)? };
    let seen = raw.seen.unwrap_or_default();
    if seen.len() > limits.seen_rooms {
        let message = format!("'seen' has at most {} rooms", limits.seen_rooms);
        return Err(Refusal::new(Code::TooLarge, message));
    }
    let position = |raw: RawSeen| {
        let RawSeen { room, epoch, offset } = raw;
        Ok((RoomKey::parse(&room)?, Position { epoch, offset }))
    };
    Ok(Command::Rooms { seen: seen.into_iter().map(position).collect::<Result<_, Refusal>>()? })
}

fn create(args: &[&str], limits: &Limits) -> Result<Command, Refusal> {
    let raw: RawCreate = object(args)?;
    let title = raw.title.map(|text| title(&text, limits.title_chars)).transpose()?;
    Ok(Command::Create { room: RoomKey::parse(&raw.room)?, title, private: raw.private })
}

/// The one object that every command takes.
fn object<'a, T: Deserialize<'a>>(args: &[&'a str]) -> Result<T, Refusal> {
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

pub(super) fn text_within(text: Cow<'_, str>, limits: &Limits) -> Result<Box<str>, Refusal> {
    if text.is_empty() {
        return Err(Refusal::bad_request("the text is empty"));
    }
    // To the end in any case, which the compiler makes fast.
    let is_nul = |byte| matches!(byte, b'\0');
    if text.bytes().fold(false, |any, byte| any | is_nul(byte)) {
        return Err(Refusal::bad_request("a text can't have NUL in it"));
    }
    // Bytes bound characters from above, which spares counting most texts.
    if text.len() > limits.text_chars && text.chars().nth(limits.text_chars).is_some() {
        let message = format!("a text has at most {} characters", limits.text_chars);
        return Err(Refusal::new(Code::TooLarge, message));
    }
    Ok(text.into_owned().into())
}
