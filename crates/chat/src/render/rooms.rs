//! The list of rooms, as clients get it.

use std::fmt::Write;

use super::text;
use crate::command::Position;

/// Bytes of the newest entries in one answer, which must fit into an outbox with room to spare;
/// rooms behind that are listed without theirs.
const LAST_BYTES_MAX: usize = 256 * 1024;

/// One room of the list.
#[derive(Clone, Debug)]
pub struct RoomLine {
    /// The room's key.
    pub room: Box<str>,
    /// What people call it; its key where it has no title.
    pub title: Box<str>,
    /// The life of the log.
    pub epoch: Box<str>,
    /// Its newest offset.
    pub head: u64,
    /// Entries that the client has not seen.
    pub unread: u64,
    /// The newest entry, rendered.
    pub last: Option<String>,
    /// How many are there.
    pub members: usize,
    /// Whether only its members know of it.
    pub private: bool,
}

/// How many entries of a room a client has not seen: all, where it says nothing, or something of
/// another life of the log.
pub fn unread(epoch: &str, head: u64, seen: Option<&Position>) -> u64 {
    match seen {
        Some(seen) if *seen.epoch == *epoch => head.saturating_sub(seen.offset),
        Some(_) | None => head,
    }
}

/// The answer to `rooms`.
pub fn rooms(lines: &[RoomLine], more: bool) -> String {
    let mut list = String::new();
    let mut bytes_left = LAST_BYTES_MAX;
    for line in lines {
        let RoomLine { room, title, epoch, head, unread, last, members, private } = line;
        let last = last.as_deref().filter(|last| last.len() <= bytes_left);
        bytes_left -= last.map_or(0, str::len);
        let last = last.map(|last| format!(r#","last":{last}"#)).unwrap_or_default();
        let comma = if list.is_empty() { "" } else { "," };
        let (room, title) = (text(room), text(title));
        write!(list, r#"{comma}{{"room":{room},"title":{title},"epoch":"{epoch}","#)
            .and_then(|()| write!(list, r#""head":{head},"unread":{unread}{last},"#))
            .and_then(|()| write!(list, r#""members":{members},"private":{private}}}"#))
            .expect("a String takes all");
    }
    format!(r#"{{"ok":true,"rooms":[{list}],"more":{more}}}"#)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(room: &str, last: Option<String>) -> RoomLine {
        RoomLine {
            room: room.into(),
            title: "\"T\"".into(),
            epoch: "e".into(),
            head: 7,
            unread: 2,
            last,
            members: 3,
            private: true,
        }
    }

    #[test]
    fn a_list_has_the_shape_of_the_contract() {
        let lines = [line("a", Some(r#"{"offset":7}"#.into())), line("b", None)];
        let answer: Value = serde_json::from_str(&rooms(&lines, true)).unwrap();
        let room = json!({
            "room": "a", "title": "\"T\"", "epoch": "e", "head": 7, "unread": 2,
            "last": { "offset": 7 }, "members": 3, "private": true,
        });
        assert_eq!(answer["rooms"][0], room);
        assert_eq!(answer["rooms"][1].get("last"), None);
        assert_eq!((&answer["ok"], &answer["more"]), (&json!(true), &json!(true)));
    }

    #[test]
    fn newest_entries_that_would_not_fit_are_left_out() {
        let long = format!("\"{}\"", "x".repeat(LAST_BYTES_MAX / 3));
        let lines: Vec<_> = (0..9).map(|n| line(&n.to_string(), Some(long.clone()))).collect();
        let answer = rooms(&lines, false);
        assert!(answer.len() < LAST_BYTES_MAX + 4_096);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let list = answer["rooms"].as_array().unwrap();
        assert_eq!(list.iter().filter(|room| room.get("last").is_some()).count(), 2);
        assert_eq!(list.len(), 9);
    }

    #[test]
    fn unread_is_what_came_after_what_was_seen() {
        let seen = |epoch: &str, offset| Position { epoch: epoch.into(), offset };
        assert_eq!(unread("e", 7, None), 7);
        assert_eq!(unread("e", 7, Some(&seen("e", 5))), 2);
        assert_eq!(unread("e", 7, Some(&seen("e", 9))), 0);
        assert_eq!(unread("e", 7, Some(&seen("other", 5))), 7);
    }
}
