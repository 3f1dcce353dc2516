//! What the log holds of an entry: a version, then JSON. Where it stands (room, seq, offset, id,
//! user, time) is the log's own knowledge and not repeated in it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    command::Position,
    json::{Json, written_len},
};

/// The version that this release writes, the first byte of an entry.
const VERSION: u8 = 1;

/// What a message takes beside its name and text, where these have nothing to escape and it is no
/// reply: nearly all are stored in memory of just their size.
const FRAME_BYTES: usize = r#".{"kind":"message","name":"","text":"","via":"socket"}"#.len();

/// The entry's own fields. A kind or field that this release doesn't know is relayed all the same,
/// because [`crate::render`] hands on the JSON as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry<'a> {
    /// `message`, or a kind of another release.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The author's display name when it was sent.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The text of a message.
    #[serde(default)]
    pub text: Option<Cow<'a, str>>,
    /// The entry that a message replies to.
    #[serde(default, rename = "replyTo")]
    pub reply_to: Option<Position>,
    /// How it came in: `socket`, `http`, or the name of a bridge.
    #[serde(borrow)]
    pub via: Cow<'a, str>,
}

/// The kind of a message.
pub const MESSAGE: &str = "message";

/// Bytes that are no entry of a version that this release reads.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Written by another release.
    #[error("entry of version {0:?}")]
    Version(Option<u8>),
    /// Not the JSON of an entry.
    #[error("entry that is not readable JSON: {0}")]
    Json(String),
}

impl<'a> Entry<'a> {
    /// A message as it is sent through a socket.
    pub fn message(name: &'a str, text: &'a str) -> Self {
        Self {
            kind: MESSAGE.into(),
            name: name.into(),
            text: Some(text.into()),
            reply_to: None,
            via: "socket".into(),
        }
    }

    /// The same as a reply, where it is one.
    #[must_use]
    pub fn in_reply_to(self, reply_to: Option<Position>) -> Self {
        Self { reply_to, ..self }
    }

    /// The entry as the log holds it.
    pub fn encode(&self) -> Bytes {
        let Self { kind, name, text, reply_to, via } = self;
        let text_bytes = text.as_ref().map_or(0, |text| text.len());
        let mut bytes = String::with_capacity(FRAME_BYTES + name.len() + text_bytes);
        bytes.push(char::from(VERSION));
        let mut json = Json(&mut bytes);
        json.raw(r#"{"kind":"#).text(kind).raw(r#","name":"#).text(name);
        if let Some(text) = text {
            json.raw(r#","text":"#).text(text);
        }
        if let Some(Position { epoch, offset }) = reply_to {
            json.raw(r#","replyTo":{"epoch":"#).text(epoch);
            json.raw(r#","offset":"#).number(*offset).raw("}");
        }
        json.raw(r#","via":"#).text(via).raw("}");
        bytes.into()
    }

    /// Reads what the log holds.
    ///
    /// # Errors
    /// [`Unreadable`] for another version, or where it is not an entry.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        serde_json::from_str(json_of(bytes)?).map_err(|e| Unreadable::Json(e.to_string()))
    }
}

/// The stored JSON object, as it was written.
pub(crate) fn json_of(bytes: &[u8]) -> Result<&str, Unreadable> {
    let [VERSION, json @ ..] = bytes else {
        return Err(Unreadable::Version(bytes.first().copied()));
    };
    std::str::from_utf8(json).map_err(|e| Unreadable::Json(e.to_string()))
}

/// The text of a message, JSON-quoted as it was stored, where [`Entry::encode`] stored it and the
/// message is no reply, as nearly all are. `None` says nothing: the entry has to be decoded.
pub(crate) fn text_as_stored(json: &str) -> Option<&str> {
    let name = json.strip_prefix(r#"{"kind":"message","name":"#)?;
    let text = name[written_len(name)?..].strip_prefix(r#","text":"#)?;
    let (text, rest) = text.split_at(written_len(text)?);
    (rest == r#","via":"socket"}"#).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn an_entry_is_stored_as_plain_json(
            (name, text, epoch) in ("(?s).{0,40}", "(?s).{0,200}", "(?s).{0,20}"),
            offset in any::<u64>(),
        ) {
            let entry = Entry::message(&name, &text);
            let stored = entry.encode();
            let want = json!({ "kind": "message", "name": name, "text": text, "via": "socket" });
            let want = format!("\u{1}{want}");
            prop_assert_eq!(&stored[..], want.as_bytes());
            let shown = text_as_stored(json_of(&stored).unwrap());
            let is_long = |text: &str| json!(text).to_string().contains("\\u00");
            let want = json!(text).to_string();
            prop_assert_eq!(shown, (!is_long(&name) && !is_long(&text)).then_some(&*want));

            let reply_to = json!({ "epoch": epoch, "offset": offset });
            let want = json!({
                "kind": "message", "name": name, "text": text, "replyTo": reply_to, "via": "socket",
            });
            let want = format!("\u{1}{want}");
            let reply = entry.in_reply_to(Some(Position { epoch: epoch.into(), offset }));
            let stored = reply.encode();
            prop_assert_eq!(&stored[..], want.as_bytes());
            prop_assert_eq!(text_as_stored(json_of(&stored).unwrap()), None);
            prop_assert_eq!(Entry::decode(&stored), Ok(reply.clone()));
        }
    }

    #[test]
    fn an_entry_survives_the_log() {
        let entry = Entry::message("Ada", "héllo \"you\"\n");
        assert_eq!(Entry::decode(&entry.encode()), Ok(entry.clone()));
        let reply = entry.in_reply_to(Some(Position { epoch: "e".into(), offset: 3 }));
        assert!(reply.encode().ends_with(br#""replyTo":{"epoch":"e","offset":3},"via":"socket"}"#));
        assert_eq!(Entry::decode(&reply.encode()), Ok(reply));
    }

    #[test]
    fn kinds_and_fields_of_another_release_are_read() {
        let stored = b"\x01{\"kind\":\"poll\",\"name\":\"Ada\",\"via\":\"http\",\"choices\":[1]}";
        assert_eq!(&*Entry::decode(stored).unwrap().kind, "poll");
    }

    #[test]
    fn what_is_no_entry_is_an_error() {
        assert_eq!(Entry::decode(b""), Err(Unreadable::Version(None)));
        assert_eq!(Entry::decode(b"\x02{}"), Err(Unreadable::Version(Some(2))));
        assert!(matches!(Entry::decode(b"\x01{"), Err(Unreadable::Json(_))));
        assert!(matches!(Entry::decode(b"\x01\xff"), Err(Unreadable::Json(_))));
    }
}
