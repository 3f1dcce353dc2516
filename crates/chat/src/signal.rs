//! What instances tell each other in passing, beside the log: who is where and who types. A
//! version, then JSON. A signal may be lost, come twice or late; what follows from that is the
//! matter of [`crate::presence`] and [`crate::typing`].

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The version that this release writes, the first byte of a signal.
const VERSION: u8 = 1;

/// Something that one instance tells all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Somebody types, or types no more.
    Typing(Typing),
    /// Who is where.
    Presence(Word),
}

/// Somebody types in the room that the signal was sent for, or types no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// Who.
    pub user: Arc<str>,
    /// The display name.
    pub name: Arc<str>,
    /// Whether it begins or goes on, or ends.
    pub on: bool,
}

/// What an instance says of its own members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// The instance's id, the name of one life of it.
    pub from: Arc<str>,
    /// Grows by one with all that it says, [`Said::Still`] and [`Said::Ask`] excepted: these bear
    /// the number of what was said before.
    pub serial: u64,
    /// What it says.
    pub said: Said,
}

/// One thing that an instance says of presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// What changed since it last spoke.
    Changed(Vec<RoomChange>),
    /// All its members, in parts that follow one another.
    Whole {
        /// The part's place, from 0.
        part: u32,
        /// Whether it is the last one.
        last: bool,
        /// Members, all of them as joined.
        rooms: Vec<RoomChange>,
    },
    /// Nothing new: who knows another serial has missed something.
    Still,
    /// Please say it whole.
    Ask {
        /// Which instances are asked.
        of: Vec<Arc<str>>,
    },
}

/// What changed in one room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomChange {
    /// The room's key.
    pub room: Arc<str>,
    /// Who was not there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Member>,
    /// Who was there, and is now called otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<Member>,
    /// Who is there no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Arc<str>>,
}

/// A member as its instance tells the others of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub user: Arc<str>,
    /// The display name.
    pub name: Arc<str>,
    /// Since when it is there, in milliseconds since 1970.
    pub since: u64,
    /// Since when it bears this name, in the same measure; 0 stands for `since`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub named: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Signal {
    /// The signal as it goes to the other instances.
    pub fn encode(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).expect("a signal has only strings and numbers");
        bytes.into()
    }

    /// How all begins that an instance says of presence. It comes back to the instance too, which
    /// need not read it.
    pub fn opening_of(from: &str) -> Bytes {
        let from = serde_json::to_string(from).expect("a text is JSON");
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(format!(r#"{{"presence":{{"from":{from},"#).as_bytes());
        bytes.into()
    }

    /// Reads a signal; `None` for one of another release, which is not for this one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, json @ ..] = bytes else { return None };
        serde_json::from_slice(json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(signal: Signal) {
        assert_eq!(Signal::decode(&signal.encode()), Some(signal));
    }

    #[test]
    fn a_signal_survives_the_way() {
        let (user, name): (Arc<str>, Arc<str>) = ("u1".into(), "\"Ada\"".into());
        check(Signal::Typing(Typing { user: user.clone(), name: name.clone(), on: true }));
        let member = Member { user, name, since: 5, named: 0 };
        let rooms = vec![RoomChange {
            room: "général".into(),
            joined: vec![member.clone()],
            renamed: vec![Member { named: 9, ..member }],
            left: vec!["u2".into()],
        }];
        let word = |said| {
            let word = Signal::Presence(Word { from: "a#1".into(), serial: 7, said });
            assert!(word.encode().starts_with(&Signal::opening_of("a#1")), "{word:?}");
            assert!(!word.encode().starts_with(&Signal::opening_of("a#")), "{word:?}");
            word
        };
        check(word(Said::Changed(rooms.clone())));
        check(word(Said::Whole { part: 0, last: true, rooms }));
        check(word(Said::Still));
        check(word(Said::Ask { of: vec!["b#1".into()] }));
    }

    #[test]
    fn what_another_release_says_is_passed_over() {
        for bytes in [&b""[..], b"\x02{}", b"\x01{\"dance\":{}}", b"\x01nonsense", b"\x01"] {
            assert_eq!(Signal::decode(bytes), None, "{bytes:?}");
        }
        let more = b"\x01{\"typing\":{\"user\":\"u\",\"name\":\"n\",\"on\":true,\"mood\":1}}";
        assert!(Signal::decode(more).is_some());
    }
}
