//! What is kept of a session, so that any instance can take it up: a version, then a line with the
//! socket's id and its user, then one for each room, with words between which stand spaces. None of
//! these words may have a space.

use std::fmt::Write;

use broker::{Head, partition_of};
use gateway::SocketId;

use crate::sequencer::order::Wanted;

/// The version that this release writes and reads, the first byte of a record.
const VERSION: char = '\u{2}';

/// What a session is taken up with: letters, digits, `-` and `_`, as many as the key of a record
/// may have.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::application) struct Pid(Text);

/// There is one for each session of this instance, and nearly all are of the same length.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    Usual([u8; PID_LEN]),
    Other(Box<str>),
}

/// The length of those that are made here.
const PID_LEN: usize = 20;

impl Pid {
    pub(in crate::application) fn random() -> Self {
        Self(Text::Usual(gateway::random_letters()))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=broker::SESSION_NAME_BYTES_MAX).contains(&text.len());
        (fits && text.bytes().all(is_letter)).then(|| {
            let usual = text.as_bytes().try_into().map(Text::Usual);
            Self(usual.unwrap_or_else(|_| Text::Other(text.into())))
        })
    }

    pub(in crate::application) fn as_str(&self) -> &str {
        match &self.0 {
            Text::Usual(bytes) => std::str::from_utf8(bytes).expect("these letters are ASCII"),
            Text::Other(text) => text,
        }
    }
}

/// A session of a stock client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// The socket's id.
    pub(super) sid: SocketId,
    /// The user that it speaks as.
    pub(super) user: Box<str>,
    /// The rooms that it is in.
    pub(super) rooms: Vec<Joined>,
}

/// A room, and where the socket entered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    /// The room.
    pub(super) room: Box<str>,
    /// The state of its partition there.
    pub(super) head: Head,
}

impl Joined {
    /// Entered at this state of the room's partition.
    fn at(room: &str, head: Head) -> Self {
        Self { room: room.into(), head }
    }

    fn decode(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (room, epoch, seq) = (words.next()?, words.next()?, words.next()?);
        let head = Head { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? };
        words.next().is_none().then(|| Self::at(room, head))
    }
}

/// The record of a session.
pub(super) fn encode<'a>(
    sid: SocketId,
    user: &str,
    rooms: impl Iterator<Item = (&'a str, Head)> + Clone,
) -> Box<[u8]> {
    // Of the right size, since every connection has one for as long as it lasts.
    let digits = |number: u64| number.checked_ilog10().map_or(1, |log| log as usize + 1);
    let of_room =
        |(room, head): (&str, Head)| room.len() + head.epoch.as_str().len() + digits(head.seq) + 3;
    let of_rooms: usize = rooms.clone().map(of_room).sum();
    let sid = sid.as_str();
    let mut text =
        String::with_capacity(VERSION.len_utf8() + sid.len() + 1 + user.len() + of_rooms);
    text.push(VERSION);
    for word in [sid, " ", user] {
        text.push_str(word);
    }
    for (room, head) in rooms {
        for word in ["\n", room, " ", head.epoch.as_str(), " "] {
            text.push_str(word);
        }
        write!(text, "{}", head.seq).expect("a String takes all");
    }
    text.into_bytes().into()
}

impl Session {
    /// `None` for another version, or what is no record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_prefix(VERSION)?;
        let mut lines = text.split('\n');
        let (sid, user) = lines.next()?.split_once(' ')?;
        let rooms = lines.map(Joined::decode).collect::<Option<_>>()?;
        Some(Self { sid: SocketId::parse(sid)?, user: user.into(), rooms })
    }

    /// What its client lacks: of each room all behind the cursor, or where it entered the room if
    /// that is later. A cursor of another epoch is older than the session (the client has kept
    /// it from one before), and so says nothing.
    pub(super) fn wanted(&self, cursor: Option<&[Head]>) -> Vec<Wanted> {
        let wanted = |joined: &Joined| {
            let mut after = joined.head;
            if let Some(heads) = cursor {
                let known = heads[usize::from(partition_of(&joined.room, heads.len() as u16).0)];
                if known.epoch == after.epoch {
                    after.seq = after.seq.max(known.seq);
                }
            }
            Wanted { room: joined.room.clone(), after }
        };
        self.rooms.iter().map(wanted).collect()
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

    fn encoded(session: &Session) -> Box<[u8]> {
        let rooms = session.rooms.iter().map(|Joined { room, head }| (&**room, *head));
        let bytes = encode(session.sid, &session.user, rooms.clone());
        assert!(bytes.len() < broker::SESSION_BYTES_MAX);
        bytes
    }

    fn session(rooms: &[(&str, Head)]) -> Session {
        let rooms = rooms.iter().map(|(room, head)| Joined::at(room, *head)).collect();
        Session { sid: SocketId::parse(&"s".repeat(20)).unwrap(), user: "gAAAA".into(), rooms }
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        for seq in [0, 9, 10, u64::MAX] {
            let session = session(&[("general", head(1, seq)), ("other", head(1, 9))]);
            assert_eq!(Session::decode(&encoded(&session)), Some(session));
        }
        let session = session(&[]);
        assert_eq!(Session::decode(&encoded(&session)), Some(session.clone()));
        let sid = session.sid.as_str();
        for bad in [
            String::new(),
            "\x02".into(),
            "\x01{}".into(),
            format!("\x01{sid} u"),
            format!("{sid} u"),
            "\x02short u".into(),
            format!("\x02{sid}"),
            format!("\x02{sid} u\nr short 1"),
            format!("\x02{sid} u\nr aaaaaaaaaaaaaaaa"),
            format!("\x02{sid} u\nr aaaaaaaaaaaaaaaa 1 1"),
            format!("\x02{sid} u\nr aaaaaaaaaaaaaaaa -1"),
            format!("\x02{sid} u\n"),
        ] {
            assert_eq!(Session::decode(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Session::decode(b"\x02\xff"), None);
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
        for good in ["abcDEF0123456789-_ab", "a", &"x".repeat(64)] {
            assert_eq!(Pid::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(size_of::<Pid>(), 24);
        for bad in ["", "a b", "é", "a:b", &"x".repeat(65)] {
            assert!(Pid::parse(bad).is_none(), "{bad}");
        }
    }
}
