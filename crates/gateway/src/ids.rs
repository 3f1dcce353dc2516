//! Unguessable ids: 120 bits as 20 characters of the base64url alphabet. All are random, but for
//! the first 24 of a session's where these name its instance.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Tag, random_letters};

/// The length of every id. Node's sharded adapter takes a room of this length for a socket's
/// own, so socket ids must have exactly it.
pub(crate) const ID_LEN: usize = 20;

/// A session's id. Whoever has it can act as the client, so it is never logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sid([u8; ID_LEN]);

impl Sid {
    /// A new one. With a tag 96 of its bits are random.
    pub(crate) fn random(tag: Option<Tag>) -> Self {
        let mut id = random_letters();
        if let Some(tag) = tag {
            URL_SAFE_NO_PAD.encode_slice(tag, &mut id).expect("3 bytes are 4 characters");
        }
        Self(id)
    }

    /// What it begins with; `None` for what can't be an id.
    pub(crate) fn tag(&self) -> Option<Tag> {
        let bytes = URL_SAFE_NO_PAD.decode(self.0).ok()?;
        bytes.first_chunk().copied()
    }

    /// Reads what a client sent; whatever couldn't be an id names no session.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A socket's id: 20 characters of ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId([u8; ID_LEN]);

impl SocketId {
    pub(crate) fn random() -> Self {
        Self(random_letters())
    }

    /// Reads an id that was a socket's before; `None` for what can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        let id = text.as_bytes().try_into().ok()?;
        text.is_ascii().then_some(Self(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twenty_characters_and_differ() {
        let (first, second) = (SocketId::random(), SocketId::random());
        let text = first.as_str();
        assert_eq!(text.len(), ID_LEN);
        assert!(text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c)));
        assert_ne!(first, second);
        assert_eq!(SocketId::parse(text), Some(first));
        for bad in ["", "abc", "twenty characters é"] {
            assert_eq!(SocketId::parse(bad), None);
        }
    }

    #[test]
    fn what_is_no_id_names_no_session() {
        assert!(Sid::parse("").is_none());
        assert!(Sid::parse("abc").is_none());
        let sid = Sid::random(None);
        assert!(Sid::parse(sid.as_str()) == Some(sid));
        assert_eq!(Sid::parse("twenty characters {}").expect("an id?").tag(), None);
    }

    #[test]
    fn an_id_names_its_instance_and_is_no_easier_to_guess() {
        let (first, second) = (Sid::random(Some([1, 2, 255])), Sid::random(Some([1, 2, 255])));
        assert_eq!(first.tag(), Some([1, 2, 255]));
        assert_eq!(first.as_str().len(), ID_LEN);
        assert_ne!(first.as_str()[4..], second.as_str()[4..]);
    }
}
