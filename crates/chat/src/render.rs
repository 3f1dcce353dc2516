//! What clients get, as JSON texts: entries, answers, the welcome.

mod people;
mod rooms;

use std::fmt::Write;

use serde_json::{Value, json};

use crate::entry::{Unreadable, json_of};
pub use people::{presence, typing, who};
pub use rooms::{RoomLine, rooms, unread};

/// Where an entry stands, as the log tells it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The room's key.
    pub room: &'a str,
    /// The life of the log.
    pub epoch: &'a str,
    /// Place in the room.
    pub offset: u64,
    /// The idempotency id.
    pub id: &'a str,
    /// The author.
    pub user: &'a str,
    /// Milliseconds since 1970 by the log's clock.
    pub at: u64,
}

/// An entry as palabre clients get it: its place, then all that was stored, known or not.
///
/// An entry of a version that this release can't read keeps its place, as kind `unreadable`, so
/// that offsets have no hole at any client.
pub fn entry(place: &Place<'_>, stored: &[u8]) -> String {
    let body = json_of(stored).ok().and_then(fields_of).unwrap_or(r#""kind":"unreadable""#);
    let Place { room, epoch, offset, id, user, at } = place;
    // Epoch and id have no character that JSON escapes.
    let (room, user) = (text(room), text(user));
    let mut json = String::with_capacity(body.len() + 160);
    write!(json, r#"{{"room":{room},"epoch":"{epoch}","offset":{offset},"id":"{id}","#)
        .and_then(|()| write!(json, r#""user":{user},"at":{at},{body}}}"#))
        .expect("a String takes all");
    json
}

/// The text of an entry as stock clients get it, JSON-quoted; `None` for what sends them nothing.
///
/// # Errors
/// [`Unreadable`] where the entry is of another version.
pub fn stock_text(stored: &[u8]) -> Result<Option<String>, Unreadable> {
    let entry = crate::Entry::decode(stored)?;
    let shown = &*entry.kind == crate::entry::MESSAGE;
    Ok(entry.text.filter(|_| shown).map(|text| self::text(&text)))
}

/// A JSON string.
pub fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// The inside of a stored object, without its braces; `None` where it has none.
fn fields_of(object: &str) -> Option<&str> {
    let fields = object.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    (!fields.is_empty()).then_some(fields)
}

/// The answer to a command that appended an entry.
pub fn appended(place: &Place<'_>, duplicate: bool) -> String {
    let mut answer = json!({
        "ok": true, "room": place.room, "epoch": place.epoch, "offset": place.offset,
        "id": place.id, "at": place.at,
    });
    if duplicate {
        answer["duplicate"] = true.into();
    }
    answer.to_string()
}

/// The part of a room that an answer carries.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// The life of the log.
    pub epoch: String,
    /// The room's newest offset at the place where the answer stands in the order.
    pub head: u64,
    /// Rendered entries, ascending.
    pub entries: Vec<String>,
    /// Whether there is more in the direction that was asked.
    pub more: bool,
}

/// What an answer to `join` tells beside the entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entered<'a> {
    /// Whether what the client has can't be continued.
    pub reset: bool,
    /// How many are in the room, the one who asks included.
    pub members: usize,
    /// The room's title, where it has one.
    pub title: Option<&'a str>,
}

/// The answer to `join`.
pub fn joined(room: &str, stretch: &Stretch, entered: &Entered<'_>) -> String {
    let reset = if entered.reset { r#","reset":true"# } else { "" };
    let title = entered.title.map(|title| format!(r#","title":{}"#, text(title)));
    let (title, members) = (title.unwrap_or_default(), entered.members);
    let (room, shown) = (text(room), stretch.fields());
    format!(r#"{{"ok":true,"room":{room},{shown}{reset},"members":{members}{title}}}"#)
}

/// The answer to `history`.
pub fn history(stretch: &Stretch) -> String {
    format!(r#"{{"ok":true,{}}}"#, stretch.fields())
}

impl Stretch {
    fn fields(&self) -> String {
        let Self { epoch, head, more, .. } = self;
        let entries = self.entries.join(",");
        format!(r#""epoch":"{epoch}","head":{head},"entries":[{entries}],"more":{more}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entry;

    const PLACE: Place<'_> = Place {
        room: "général",
        epoch: "abcdefghijklmnop",
        offset: 7,
        id: "0123456789",
        user: "u1",
        at: 1_700_000_000_123,
    };

    #[test]
    fn an_entry_has_its_place_and_its_own_fields() {
        let json: Value =
            serde_json::from_str(&entry(&PLACE, &Entry::message("Ada", "\"hé\"\n").encode()))
                .unwrap();
        let want = json!({
            "room": "général", "epoch": "abcdefghijklmnop", "offset": 7, "id": "0123456789",
            "user": "u1", "at": 1_700_000_000_123_u64, "kind": "message", "name": "Ada",
            "text": "\"hé\"\n", "via": "socket",
        });
        assert_eq!(json, want);
    }

    #[test]
    fn what_another_release_stored_is_relayed_or_keeps_its_place() {
        let relayed: Value =
            serde_json::from_str(&entry(&PLACE, b"\x01{\"kind\":\"poll\",\"choices\":[1,2]}"))
                .unwrap();
        assert_eq!(relayed["choices"], json!([1, 2]));
        for stored in [&b"\x02{\"kind\":\"message\"}"[..], b"", b"\x01{}", b"\x01nonsense"] {
            let kept: Value = serde_json::from_str(&entry(&PLACE, stored)).unwrap();
            assert_eq!(kept["kind"], "unreadable");
            assert_eq!(kept["offset"], 7);
        }
    }

    #[test]
    fn stock_clients_get_the_text_of_messages_only() {
        let message = Entry::message("Ada", "a \"b\"").encode();
        assert_eq!(stock_text(&message).unwrap().as_deref(), Some(r#""a \"b\"""#));
        let edit = b"\x01{\"kind\":\"edit\",\"name\":\"Ada\",\"text\":\"x\",\"via\":\"socket\"}";
        assert_eq!(stock_text(edit), Ok(None));
        assert!(stock_text(b"\x09").is_err());
    }

    #[test]
    fn answers_are_json() {
        let stretch = Stretch {
            epoch: "e".into(),
            head: 3,
            entries: vec!["{}".into(), "{}".into()],
            more: true,
        };
        let entered = Entered { reset: true, members: 2, title: Some("\"A\"") };
        let answer: Value = serde_json::from_str(&joined("a", &stretch, &entered)).unwrap();
        assert_eq!(answer["entries"].as_array().unwrap().len(), 2);
        assert_eq!((&answer["reset"], &answer["title"]), (&json!(true), &json!("\"A\"")));
        let plain = joined("a", &stretch, &Entered::default());
        let plain: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!((plain.get("reset"), plain.get("title")), (None, None));
        let history: Value = serde_json::from_str(&history(&stretch)).unwrap();
        assert_eq!(history["more"], true);
        let appended: Value = serde_json::from_str(&appended(&PLACE, false)).unwrap();
        assert_eq!(appended.get("duplicate"), None);
    }
}
