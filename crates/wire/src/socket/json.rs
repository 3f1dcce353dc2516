//! Looks into JSON text without building anything of it.
//!
//! `serde_json` says whether a text is valid; its check of raw values has no limit on nesting,
//! and does not know what a placeholder is. Both are found here by walking over the tokens,
//! without recursion.

use serde_json::value::RawValue;

use super::DecodeError;

/// How deep arrays and objects may nest in a payload. Below the 128 at which `serde_json`
/// gives up, so that an application can parse whatever gets through.
pub const JSON_DEPTH_MAX: usize = 64;

/// Checks that `text` is one JSON value that doesn't nest too deeply; that value, without
/// space around it.
pub(super) fn check(text: &str) -> Result<&str, DecodeError> {
    // Where so few arrays and objects begin, none can be nested too deeply.
    if brackets(text) > JSON_DEPTH_MAX && is_too_deep(text) {
        return Err(DecodeError::TooDeep);
    }
    let value: &RawValue = serde_json::from_str(text).map_err(|_| DecodeError::Json)?;
    Ok(value.get())
}

/// How many brackets and braces are opened in a text, those inside of strings too.
fn brackets(text: &str) -> usize {
    let opens = |byte: &u8| matches!(byte, b'[' | b'{');
    // So many at once, each counted in a byte, are quickly done.
    let pieces = text.as_bytes().chunks(128);
    let in_piece = |piece: &[u8]| piece.iter().map(|byte| u8::from(opens(byte))).sum::<u8>();
    pieces.map(|piece| usize::from(in_piece(piece))).sum()
}

fn is_too_deep(text: &str) -> bool {
    let mut depth: usize = 0;
    Tokens::of(text).any(|token| {
        match token {
            Token::Begin(_) => depth = depth.saturating_add(1),
            Token::End => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > JSON_DEPTH_MAX
    })
}

/// The elements of an array, as they stand in `text`, which is valid JSON; `None` where that is no
/// array.
pub(super) fn elements(text: &str) -> Option<Vec<&str>> {
    let mut tokens = Tokens::of(text);
    let Some(Token::Begin(b'[')) = tokens.next() else { return None };
    // Nearly all events have a name and one argument or two.
    let mut elements = Vec::with_capacity(4);
    while let Some(element) = tokens.value() {
        elements.push(element);
        let Some(Token::Comma) = tokens.next() else { break };
    }
    Some(elements)
}

/// Checks that every placeholder in `text`, which is valid JSON, stands for one of so many
/// attachments. Any object with `"_placeholder": true` is one, as in socket.io-parser.
pub(super) fn check_placeholders(text: &str, attachments: usize) -> Result<(), DecodeError> {
    let mut open: Vec<Container> = Vec::new();
    for token in Tokens::of(text) {
        if let Some(Container::Object(object)) = open.last_mut() {
            object.see(token, attachments);
        }
        match token {
            Token::Begin(b'{') => open.push(Container::Object(Object::default())),
            Token::Begin(_) => open.push(Container::Array),
            Token::End => match open.pop() {
                Some(Container::Object(object)) if object.placeholder && !object.in_range => {
                    return Err(DecodeError::Placeholder);
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}

enum Container {
    Array,
    Object(Object),
}

/// What has been seen of an object. Of a key that comes twice the last value counts.
#[derive(Default)]
struct Object {
    key: Option<Key>,
    placeholder: bool,
    in_range: bool,
}

#[derive(Clone, Copy)]
enum Key {
    Placeholder,
    Num,
    Other,
}

impl Object {
    fn see(&mut self, token: Token<'_>, attachments: usize) {
        match (self.key, token) {
            (_, Token::Comma) => self.key = None,
            (_, Token::Colon | Token::End) => {}
            (None, Token::Text(key)) => self.key = Some(Key::of(key)),
            (Some(Key::Placeholder), value) => {
                self.placeholder = matches!(value, Token::Scalar("true"));
            }
            (Some(Key::Num), Token::Scalar(number)) => {
                self.in_range = number.parse().is_ok_and(|num: usize| num < attachments);
            }
            (Some(Key::Num), _) => self.in_range = false,
            (Some(Key::Other) | None, _) => {}
        }
    }
}

impl Key {
    /// `quoted` is the key as it stands in the text.
    fn of(quoted: &str) -> Self {
        match &*text_of(quoted) {
            "_placeholder" => Self::Placeholder,
            "num" => Self::Num,
            _ => Self::Other,
        }
    }
}

/// The content of a quoted JSON string. If it can't be a `str` (half a surrogate pair), what
/// stands between the quotes.
pub(super) fn text_of(quoted: &str) -> std::borrow::Cow<'_, str> {
    let bare = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(quoted);
    // Names are short: to the end in any case, which the compiler makes fast.
    let escapes = |byte| matches!(byte, b'\\');
    if !bare.bytes().fold(false, |found, byte| found | escapes(byte)) {
        return bare.into();
    }
    serde_json::from_str::<String>(quoted).map_or(bare.into(), Into::into)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{` or `[`.
    Begin(u8),
    /// `}` or `]`.
    End,
    Comma,
    Colon,
    /// A string with its quotes.
    Text(&'a str),
    /// A number, `true`, `false` or `null`; in invalid JSON anything.
    Scalar(&'a str),
}

/// The tokens of a JSON text. Invalid JSON gives some tokens too.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Takes a whole value, with all that is in it; `None` at the end of an array.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let (from, mut depth) = (self.rest, 0_usize);
        loop {
            match self.next()? {
                Token::Begin(_) => depth = depth.saturating_add(1),
                Token::End => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return from.get(..from.len().saturating_sub(self.rest.len()));
            }
        }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.rest.as_bytes().first() {
            self.take(1);
        }
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_space();
        let first = *self.rest.as_bytes().first()?;
        Some(match first {
            b'"' => Token::Text(self.take(string_len(self.rest))),
            b'{' | b'[' | b'}' | b']' | b',' | b':' => {
                self.take(1);
                match first {
                    b',' => Token::Comma,
                    b':' => Token::Colon,
                    b'{' | b'[' => Token::Begin(first),
                    _ => Token::End,
                }
            }
            _ => Token::Scalar(self.take(scalar_len(self.rest))),
        })
    }
}

/// How long the string is that `text` begins with, both quotes included.
fn string_len(text: &str) -> usize {
    let mut rest = text.as_bytes().get(1..).unwrap_or_default();
    loop {
        rest = rest.get(plain_len(rest)..).unwrap_or_default();
        match rest {
            [b'\\', _, behind @ ..] => rest = behind,
            [b'"', behind @ ..] => return text.len().saturating_sub(behind.len()),
            _ => return text.len(),
        }
    }
}

/// How many bytes stand in front of the next quote or backslash.
fn plain_len(text: &[u8]) -> usize {
    let is_plain = |byte: u8| byte != b'"' && byte != b'\\';
    // All of a piece are looked at in any case, which the compiler does at once.
    let all_plain = |piece: &&[u8; 16]| piece.iter().fold(true, |all, byte| all & is_plain(*byte));
    let start = text.as_chunks().0.iter().take_while(all_plain).count().saturating_mul(16);
    let rest = text.get(start..).unwrap_or_default();
    let last = rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len());
    start.saturating_add(last)
}

fn scalar_len(text: &str) -> usize {
    let ends = |byte| b"{}[],:\" \t\n\r".contains(&byte);
    text.bytes().position(ends).unwrap_or(text.len())
}
