//! What the log holds of an entry: a version, then JSON. Where it stands (room, seq, offset, id,
//! user, time) is the log's own knowledge and not repeated in it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::command::Position;

/// The version that this release writes, the first byte of an entry.
const VERSION: u8 = 1;

/// The entry's own fields. A kind or field that this release doesn't know is relayed all the same,
/// because [`crate::render`] hands on the JSON as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `message`, or a kind of another release.
    pub kind: Box<str>,
    /// The author's display name when it was sent.
    pub name: Box<str>,
    /// The text of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Box<str>>,
    /// The entry that a message replies to.
    #[serde(default, rename = "replyTo", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Position>,
    /// How it came in: `socket`, `http`, or the name of a bridge.
    pub via: Box<str>,
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

impl Entry {
    /// A message as it is sent through a socket.
    pub fn message(name: &str, text: &str) -> Self {
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
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).expect("an entry has only strings");
        bytes.into()
    }

    /// Reads what the log holds.
    ///
    /// # Errors
    /// [`Unreadable`] for another version, or where it is not an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
