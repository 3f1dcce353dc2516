//! What is kept of a session, so that any instance can take it up: a version, then JSON.

use broker::{Head, partition_of};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sequencer::order::Wanted;

/// The version that this release writes and reads, the first byte of a record.
const VERSION: u8 = 1;

/// Letters, digits, `-` and `_`, as many as a key of a record may have.
pub(super) fn is_pid(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=broker::SESSION_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter)
}

/// A session of a stock client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// The socket's id.
    pub(super) sid: Box<str>,
    /// The user that it speaks as.
    pub(super) user: Box<str>,
    /// The rooms that it is in.
    pub(super) rooms: Vec<Joined>,
}

/// A room, and where the socket entered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Joined {
    /// The room.
    pub(super) room: Box<str>,
    /// The epoch of its partition there.
    epoch: Box<str>,
    /// The seq of its partition there.
    seq: u64,
}

impl Joined {
    /// Entered at this state of the room's partition.
    pub(super) fn at(room: &str, head: Head) -> Self {
        Self { room: room.into(), epoch: head.epoch.as_str().into(), seq: head.seq }
    }

    fn head(&self) -> Option<Head> {
        Some(Head { epoch: self.epoch.parse().ok()?, seq: self.seq })
    }
}

impl Session {
    pub(super) fn encode(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).expect("texts and numbers are JSON");
        bytes.into()
    }

    /// `None` for another version, or what is no record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, json @ ..] = bytes else { return None };
        let session: Self = serde_json::from_slice(json).ok()?;
        let is_whole = session.rooms.iter().all(|joined| joined.head().is_some());
        (is_whole && session.sid.len() <= broker::SESSION_NAME_BYTES_MAX).then_some(session)
    }

    /// What its client lacks: of each room all behind the cursor, or where it entered the room if
    /// that is later. A cursor of another epoch is older than the session (the client has kept
    /// it from one before), and so says nothing.
    pub(super) fn wanted(&self, cursor: Option<&[Head]>) -> Vec<Wanted> {
        let wanted = |joined: &Joined| {
            let mut after = joined.head()?;
            if let Some(heads) = cursor {
                let known = heads[usize::from(partition_of(&joined.room, heads.len() as u16).0)];
                if known.epoch == after.epoch {
                    after.seq = after.seq.max(known.seq);
                }
            }
            Some(Wanted { room: joined.room.clone(), after })
        };
        self.rooms.iter().filter_map(wanted).collect()
    }
}

/// The state of the partitions before all that is wanted: a cursor for a client that has none.
pub(super) fn before(wanted: &[Wanted], place: &[Head]) -> Vec<Head> {
    let mut heads = place.to_vec();
    for Wanted { room, after } in wanted {
        let head = &mut heads[usize::from(partition_of(room, place.len() as u16).0)];
        head.seq = head.seq.min(after.seq);
    }
    heads
}

#[cfg(test)]
mod tests {
    use broker::Epoch;

    use super::*;

    fn head(epoch: u8, seq: u64) -> Head {
        Head { epoch: Epoch::from_random([epoch; 16]), seq }
    }

    fn session(rooms: &[(&str, Head)]) -> Session {
        let rooms = rooms.iter().map(|(room, head)| Joined::at(room, *head)).collect();
        Session { sid: "s".repeat(20).into(), user: "gAAAA".into(), rooms }
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let session = session(&[("general", head(1, 7)), ("other", head(1, 9))]);
        assert_eq!(Session::decode(&session.encode()), Some(session.clone()));
        assert!(session.encode().len() < broker::SESSION_BYTES_MAX);
        for bad in [&b""[..], b"\x02{}", b"\x01{}", b"\x01{\"sid\":\"s\",\"user\":\"u\"}"] {
            assert_eq!(Session::decode(bad), None);
        }
        let json = r#"{"sid":"s","user":"u","rooms":[{"room":"r","epoch":"short","seq":1}]}"#;
        assert_eq!(Session::decode(format!("\x01{json}").as_bytes()), None);
    }

    #[test]
    fn what_is_lacking_begins_behind_the_cursor_or_the_joining() {
        let session = session(&[("early", head(1, 10)), ("late", head(1, 50))]);
        let seqs = |cursor: Option<Head>| {
            let wanted = session.wanted(cursor.as_ref().map(std::slice::from_ref));
            wanted.iter().map(|wanted| wanted.after.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(Some(head(1, 30))), [30, 50]);
        assert_eq!(seqs(Some(head(1, 60))), [60, 60]);
        assert_eq!(seqs(Some(head(1, 5))), [10, 50], "kept from a session before");
        assert_eq!(seqs(None), [10, 50], "it has received nothing");
        assert_eq!(seqs(Some(head(2, 30))), [10, 50], "of another life of the log");
        let before = before(&session.wanted(None), &[head(1, 90)]);
        assert_eq!(before, [head(1, 10)]);
    }

    #[test]
    fn a_pid_is_a_short_word() {
        assert!(is_pid("abcDEF0123456789-_ab"));
        for bad in ["", "a b", "é", "a:b", &"x".repeat(65)] {
            assert!(!is_pid(bad), "{bad}");
        }
    }
}
