//! What is known of a room beside its entries: a version, then JSON, as it is kept with the log.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The version that this release writes, the first byte of a description.
const VERSION: u8 = 1;

/// What is known of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What people call it, where that is more than its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Box<str>>,
    /// Whether only its members may enter it, read it, or know of it.
    #[serde(default)]
    pub private: bool,
    /// The users that belong to a private room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Box<str>>,
}

impl About {
    /// A room that somebody makes; a private one is that user's own.
    pub fn made_by(user: &str, title: Option<Box<str>>, private: bool) -> Self {
        let members = if private { vec![user.into()] } else { Vec::new() };
        Self { title, private, members }
    }

    /// What the log says of a room; a room that it says nothing of is public.
    ///
    /// One that another release described so that this one can't read it admits nobody: it may be
    /// private.
    pub fn of(stored: Option<&[u8]>) -> Self {
        let Some(stored) = stored else { return Self::default() };
        let read = match stored {
            [VERSION, json @ ..] => serde_json::from_slice(json).ok(),
            _ => None,
        };
        read.unwrap_or_else(|| Self { private: true, ..Self::default() })
    }

    /// The description as it is kept.
    pub fn encode(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).expect("a description has only strings");
        bytes.into()
    }

    /// Whether a user may enter the room, read it, and know of it.
    pub fn admits(&self, user: &str) -> bool {
        !self.private || self.members.iter().any(|member| **member == *user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_the_log() {
        let about = About::made_by("u1", Some("Général".into()), true);
        assert_eq!(About::of(Some(&about.encode())), about);
        assert_eq!(About::of(None), About::default());
    }

    #[test]
    fn a_private_room_admits_its_members_only() {
        let private = About::made_by("u1", None, true);
        assert!(private.admits("u1"));
        assert!(!private.admits("u2"));
        assert!(About::made_by("u1", None, false).admits("u2"));
    }

    #[test]
    fn what_cannot_be_read_admits_nobody() {
        for stored in [&b""[..], b"\x02{}", b"\x01nonsense", b"\x01{\"private\":\"perhaps\"}"] {
            assert!(!About::of(Some(stored)).admits("u1"), "{stored:?}");
        }
        let more = b"\x01{\"title\":\"T\",\"colour\":\"red\"}";
        assert_eq!(About::of(Some(more)).title.as_deref(), Some("T"));
    }
}
