//! What clients get, as JSON texts: entries, answers, the welcome.

mod people;
mod rooms;

use std::borrow::Cow;

use crate::{
    entry::{Unreadable, json_of, text_as_stored},
    json::Json,
};
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

/// What an entry or an answer takes beside its names and texts, with room for long numbers.
const FRAME_BYTES: usize = 128;

/// An entry as palabre clients get it: its place, then all that was stored, known or not.
///
/// An entry of a version that this release can't read keeps its place, as kind `unreadable`, so
/// that offsets have no hole at any client.
pub fn entry(place: &Place<'_>, stored: &[u8]) -> String {
    let mut json = String::with_capacity(place.bytes() + stored.len());
    put_entry(place, stored, &mut json);
    json
}

/// The same, added to what is in a buffer.
pub fn put_entry(place: &Place<'_>, stored: &[u8], out: &mut String) {
    let body = json_of(stored).ok().and_then(fields_of).unwrap_or(r#""kind":"unreadable""#);
    let Place { room, epoch, offset, id, user, at } = place;
    // Epoch and id have no character that JSON escapes.
    Json(out)
        .raw(r#"{"room":"#)
        .text(room)
        .raw(r#","epoch":""#)
        .raw(epoch)
        .raw(r#"","offset":"#)
        .number(*offset)
        .raw(r#","id":""#)
        .raw(id)
        .raw(r#"","user":"#)
        .text(user)
        .raw(r#","at":"#)
        .number(*at)
        .raw(",")
        .raw(body)
        .raw("}");
}

/// The text of an entry as stock clients get it, JSON-quoted; `None` for what sends them nothing.
///
/// # Errors
/// [`Unreadable`] where the entry is of another version.
pub fn stock_text(stored: &[u8]) -> Result<Option<Cow<'_, str>>, Unreadable> {
    if let Some(text) = text_as_stored(json_of(stored)?) {
        return Ok(Some(text.into()));
    }
    let entry = crate::Entry::decode(stored)?;
    let shown = &*entry.kind == crate::entry::MESSAGE;
    Ok(entry.text.filter(|_| shown).map(|text| self::text(&text).into()))
}

/// A JSON string.
pub fn text(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + text.len() / 16 + 2);
    Json(&mut json).text(text);
    json
}

/// The inside of a stored object, without its braces; `None` where it has none.
fn fields_of(object: &str) -> Option<&str> {
    let fields = object.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    (!fields.is_empty()).then_some(fields)
}

/// The answer to a command that appended an entry.
pub fn appended(place: &Place<'_>, duplicate: bool) -> String {
    let Place { room, epoch, offset, id, user: _, at } = place;
    let mut answer = String::with_capacity(place.bytes());
    let mut json = Json(&mut answer);
    json.raw(r#"{"ok":true,"room":"#).text(room).raw(r#","epoch":"#).text(epoch);
    json.raw(r#","offset":"#).number(*offset).raw(r#","id":"#).text(id);
    json.raw(r#","at":"#).number(*at);
    json.raw(if duplicate { r#","duplicate":true}"# } else { "}" });
    answer
}

impl Place<'_> {
    /// Bytes that it nearly always fits into when it is written.
    fn bytes(&self) -> usize {
        let Self { room, epoch, id, user, offset: _, at: _ } = self;
        FRAME_BYTES + room.len() + epoch.len() + id.len() + user.len()
    }
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
    use proptest::prelude::*;
    use serde_json::{Value, json};

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

    /// What stock clients get according to `serde_json` alone.
    fn stock_text_by_value(stored: &[u8]) -> Option<String> {
        let entry: Value = serde_json::from_slice(stored.strip_prefix(b"\x01")?).ok()?;
        let text = (entry["kind"] == "message").then_some(&entry["text"])?;
        text.is_string().then(|| text.to_string())
    }

    #[test]
    fn a_text_is_given_as_this_release_would_write_it() {
        for (fields, want) in [
            (r#""name":"A","text":"a\n\"b\"","via":"socket""#, r#""a\n\"b\"""#),
            (r#""name":"A","text":"\u00e9\/\u000a","via":"socket""#, r#""é/\n""#),
            (r#""name":"\u0041","text":"a","via":"socket""#, r#""a""#),
            (r#""name":"A","text":"a","via":"http""#, r#""a""#),
            (r#""name":"A","text":"a","via":"socket","more":1"#, r#""a""#),
            (r#""name":"A","text":"a","replyTo":null,"via":"socket""#, r#""a""#),
            (r#""via":"socket","text":"a","name":"A""#, r#""a""#),
        ] {
            let stored = format!("\u{1}{{\"kind\":\"message\",{fields}}}");
            assert_eq!(stock_text(stored.as_bytes()).unwrap().as_deref(), Some(want), "{fields}");
        }
        for broken in [
            r#"{"kind":"message","name":"A","text":"a","via":"socket"},"#,
            r#"{"kind":"message","name":"A","text":"a","via":"socket""#,
            r#"{"kind":"message","name":"A","text":"\ud800","via":"socket"}"#,
            r#"{"kind":"message","name":"A","text":"a","text":"b","via":"socket"}"#,
            r#"{"kind":"message","name":"A","text":7,"via":"socket"}"#,
        ] {
            assert!(stock_text(format!("\u{1}{broken}").as_bytes()).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_serde_json_would_write(
            (room, id, user) in ("(?s).{1,30}", "[0-9A-Za-z_-]{8,64}", "(?s).{1,30}"),
            (name, said) in ("(?s).{0,30}", "(?s).{0,90}"),
            (offset, at, duplicate) in any::<(u64, u64, bool)>(),
        ) {
            let (epoch, stored) = ("abcdefghijklmnop", Entry::message(&name, &said).encode());
            let place = Place { room: &room, epoch, offset, id: &id, user: &user, at };
            let want = json!({
                "room": room, "epoch": epoch, "offset": offset, "id": id, "user": user, "at": at,
                "kind": "message", "name": name, "text": said, "via": "socket",
            });
            prop_assert_eq!(entry(&place, &stored), want.to_string());
            let mut want = json!({
                "ok": true, "room": room, "epoch": epoch, "offset": offset, "id": id, "at": at,
            });
            if duplicate {
                want["duplicate"] = true.into();
            }
            prop_assert_eq!(appended(&place, duplicate), want.to_string());
            prop_assert_eq!(text(&said), json!(said).to_string());
            let shown = stock_text(&stored).unwrap().map(Cow::into_owned);
            prop_assert_eq!(shown, stock_text_by_value(&stored));
        }

        #[test]
        fn any_stored_text_is_shown_as_it_reads(
            text in r#"(\\["\\/bfnrt]|\\u00[0-9a-f]{2}|[^"\\\pC]){0,40}"#,
            via in "socket|http",
        ) {
            let fields = format!(r#""kind":"message","name":"A","text":"{text}","via":"{via}""#);
            let stored = format!("\u{1}{{{fields}}}").into_bytes();
            let shown = stock_text(&stored).unwrap().map(Cow::into_owned);
            prop_assert!(shown.is_some());
            prop_assert_eq!(shown, stock_text_by_value(&stored));
        }
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
