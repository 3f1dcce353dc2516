//! The text of a packet: `<type>[<attachments>-][<namespace>,][<ack id>][JSON]`.

use std::borrow::Cow;

use super::json::{self, Token, Tokens};
use super::{DecodeError, MAIN_NAMESPACE, Packet, PacketKind, RESERVED_EVENTS};

/// Parses a text; the packet, still without its attachments, and how many it has.
pub(super) fn parse(text: &str, attachments_max: usize) -> Result<(Packet, usize), DecodeError> {
    let mut rest = text.chars();
    let (kind, binary) = match rest.next().ok_or(DecodeError::Empty)? {
        '0' => (PacketKind::Connect, false),
        '1' => (PacketKind::Disconnect, false),
        '2' => (PacketKind::Event, false),
        '3' => (PacketKind::Ack, false),
        '4' => (PacketKind::ConnectError, false),
        '5' => (PacketKind::Event, true),
        '6' => (PacketKind::Ack, true),
        _ => return Err(DecodeError::UnknownType),
    };
    let mut rest = rest.as_str();
    let mut attachments = 0;
    if binary {
        (attachments, rest) = attachment_count(rest, attachments_max)?;
    }
    let (namespace, rest) = namespace(rest);
    let (id, rest) = ack_id(rest)?;
    let mut data = None;
    if !rest.is_empty() {
        let json = json::check(rest)?;
        check_payload(kind, json)?;
        if binary {
            json::check_placeholders(json, attachments)?;
        }
        data = Some(json.into());
    }
    Ok((Packet { kind, namespace, id, data, attachments: Vec::new() }, attachments))
}

fn attachment_count(rest: &str, max: usize) -> Result<(usize, &str), DecodeError> {
    let (digits, rest) = rest.split_once('-').ok_or(DecodeError::AttachmentCount)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecodeError::AttachmentCount);
    }
    match digits.parse() {
        Ok(0) => Err(DecodeError::AttachmentCount),
        Ok(count) if count <= max => Ok((count, rest)),
        _ => Err(DecodeError::TooManyAttachments),
    }
}

fn namespace(rest: &str) -> (Cow<'static, str>, &str) {
    if !rest.starts_with('/') {
        return (Cow::Borrowed(MAIN_NAMESPACE), rest);
    }
    let (name, rest) = rest.split_once(',').unwrap_or((rest, ""));
    if name == MAIN_NAMESPACE {
        return (Cow::Borrowed(MAIN_NAMESPACE), rest);
    }
    (Cow::Owned(name.to_owned()), rest)
}

fn ack_id(rest: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let after = rest.trim_start_matches(|character: char| character.is_ascii_digit());
    let len = rest.len().saturating_sub(after.len());
    match rest.get(..len) {
        None | Some("") => Ok((None, rest)),
        Some(digits) => Ok((Some(digits.parse().map_err(|_| DecodeError::AckId)?), after)),
    }
}

/// Checks that a payload, which is valid JSON, is of the kind that the packet has.
fn check_payload(kind: PacketKind, json: &str) -> Result<(), DecodeError> {
    let fits = match kind {
        PacketKind::Connect => json.starts_with('{'),
        PacketKind::Disconnect => false,
        PacketKind::ConnectError => json.starts_with(['{', '"']),
        PacketKind::Event | PacketKind::Ack => json.starts_with('['),
    };
    if !fits {
        return Err(DecodeError::Payload);
    }
    if kind == PacketKind::Event {
        return check_name(Tokens::of(json).nth(1));
    }
    Ok(())
}

/// `first` is the token behind the bracket of an event's array.
fn check_name(first: Option<Token<'_>>) -> Result<(), DecodeError> {
    match first {
        Some(Token::Text(quoted)) if RESERVED_EVENTS.contains(&&*json::text_of(quoted)) => {
            Err(DecodeError::ReservedEvent)
        }
        Some(Token::Text(_)) => Ok(()),
        Some(Token::Scalar(scalar)) if is_number(scalar) => Ok(()),
        _ => Err(DecodeError::EventName),
    }
}

/// Tells a number from `true`, `false` and `null`.
fn is_number(scalar: &str) -> bool {
    scalar.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}
