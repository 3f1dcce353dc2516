//! Names that clients choose, checked where they come in: room keys, idempotency ids, display
//! names. A value of these types is valid by construction.

use std::{fmt, sync::Arc};

use unicode_normalization::UnicodeNormalization;

use crate::{
    limits::ROOM_CHARS_MAX,
    refusal::{Code, Refusal},
};

/// A room's immutable key: 1 to 64 Unicode letters, digits, `-`, `_`, `.`; in NFC and case-folded.
/// Clones share it: most connections are in the same few rooms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomKey(Arc<str>);

impl RoomKey {
    /// Folds and checks what a client calls a room.
    ///
    /// # Errors
    /// `bad_request` for a character that keys can't have, for nothing at all, and for `.` and
    /// `..`, which would mean something else in a path; `too_large` over 64 characters.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if is_key_already(text) { Ok(Self(text.into())) } else { Self::fold(text) }
    }

    /// The long way, for any text.
    fn fold(text: &str) -> Result<Self, Refusal> {
        // Each character can fold to at most three, so the input's size bounds the work.
        if text.chars().nth(ROOM_CHARS_MAX).is_some() {
            return Err(too_long("a room", ROOM_CHARS_MAX));
        }
        let key: String = text.nfc().flat_map(char::to_lowercase).nfc().collect();
        if key.chars().nth(ROOM_CHARS_MAX).is_some() {
            return Err(too_long("a room", ROOM_CHARS_MAX));
        }
        if key.is_empty() || key == "." || key == ".." {
            return Err(Refusal::bad_request("a room needs a name"));
        }
        // A lower-cased letter may carry a combining mark that NFC can't compose (`i̇`).
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '\u{307}');
        match key.chars().find(|c| !allowed(*c)) {
            Some(c) => Err(Refusal::bad_request(format!(
                "a room's name has letters, digits, '-', '_' and '.', not {c:?}"
            ))),
            None => Ok(Self(key.into())),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is surely a key as it stands; for others it has to be found out.
fn is_key_already(text: &str) -> bool {
    let stays = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (1..=ROOM_CHARS_MAX).contains(&text.len())
        && text.bytes().fold(true, |all, byte| all & stays(byte))
        && !matches!(text, "." | "..")
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An idempotency id: 8 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(Box<str>);

impl EntryId {
    /// Checks an id that a client made.
    ///
    /// # Errors
    /// `bad_request` for any other shape.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::of_shape(text)
            .ok_or_else(|| Refusal::bad_request("an id has 8 to 64 characters of [A-Za-z0-9_-]"))
    }

    /// The id, where a text has the shape of one.
    pub fn of_shape(text: &str) -> Option<Self> {
        let fits = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-');
        let shaped =
            (8..=64).contains(&text.len()) && text.bytes().fold(true, |all, byte| all & fits(byte));
        shaped.then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<EntryId> for Box<str> {
    fn from(id: EntryId) -> Self {
        id.0
    }
}

/// A display name with the spaces around it removed and inner ones made single.
///
/// # Errors
/// `bad_request` where nothing visible is left or a control character is in it; `too_large` over
/// `chars_max` characters.
pub fn display_name(text: &str, chars_max: usize) -> Result<Box<str>, Refusal> {
    tidied("a name", text, chars_max)
}

/// A room's title, tidied like a display name.
///
/// # Errors
/// As for [`display_name`].
pub fn title(text: &str, chars_max: usize) -> Result<Box<str>, Refusal> {
    tidied("a title", text, chars_max)
}

fn tidied(what: &str, text: &str, chars_max: usize) -> Result<Box<str>, Refusal> {
    if text.chars().any(|c| c.is_control() || is_bidi_control(c)) {
        return Err(Refusal::bad_request(format!("{what} can't have control characters")));
    }
    let tidy = text.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if tidy.chars().nth(chars_max).is_some() {
        return Err(too_long(what, chars_max));
    }
    if !tidy.chars().any(char::is_alphanumeric) {
        return Err(Refusal::bad_request(format!("{what} needs a letter or a digit")));
    }
    Ok(tidy.into())
}

/// Characters that turn the direction of what stands around them: a name with one could make a
/// line read as somebody else's.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn too_long(what: &str, chars_max: usize) -> Refusal {
    Refusal::new(Code::TooLarge, format!("{what} has at most {chars_max} characters"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn room_keys_are_folded_and_checked() {
        let cases: &[(&str, Result<&str, Code>)] = &[
            ("general", Ok("general")),
            ("Général", Ok("général")),
            ("Ge\u{301}ne\u{301}ral", Ok("général")),
            ("日本語-2.0_x", Ok("日本語-2.0_x")),
            ("", Err(Code::BadRequest)),
            (".", Err(Code::BadRequest)),
            ("..", Err(Code::BadRequest)),
            ("...", Ok("...")),
            ("a b", Err(Code::BadRequest)),
            ("a/b", Err(Code::BadRequest)),
            ("a\0", Err(Code::BadRequest)),
            ("{p0}", Err(Code::BadRequest)),
        ];
        for (text, want) in cases {
            let got = RoomKey::parse(text);
            let got = got.as_ref().map(RoomKey::as_str).map_err(|refusal| refusal.code);
            assert_eq!(got, *want, "{text:?}");
        }
        assert!(RoomKey::parse(&"é".repeat(64)).is_ok());
        assert_eq!(RoomKey::parse(&"é".repeat(65)).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn ids_have_one_shape() {
        for good in ["12345678", "a-b_C9zz", &"x".repeat(64)] {
            assert!(EntryId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1234567", &"x".repeat(65), "12345678!", "1234567é"] {
            assert!(EntryId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_tidied_and_checked() {
        assert_eq!(&*display_name("  Ada   Lovelace ", 40).unwrap(), "Ada Lovelace");
        for bad in ["", "   ", "\u{200B}", "a\nb", "a\u{202E}b", "---"] {
            assert!(display_name(bad, 40).is_err(), "{bad:?}");
        }
        assert_eq!(display_name(&"x".repeat(41), 40).unwrap_err().code, Code::TooLarge);
    }

    proptest! {
        #[test]
        fn the_short_way_to_a_key_leads_where_the_long_one_does(
            text in "[a-z0-9._-]{0,66}|[a-zA-Z0-9._ -]{0,20}|[.]{0,4}|\\PC{0,20}",
        ) {
            prop_assert_eq!(RoomKey::parse(&text), RoomKey::fold(&text));
        }

        #[test]
        fn folding_a_key_again_changes_nothing(text in "\\PC{0,70}") {
            if let Ok(key) = RoomKey::parse(&text) {
                prop_assert_eq!(RoomKey::parse(key.as_str()), Ok(key));
            }
        }
    }
}
