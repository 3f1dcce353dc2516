//! Writes JSON into one buffer: the same bytes as `serde_json`, which reads what is read. What is
//! written for each message goes this way; what is rare may be built as a `serde_json::Value`.

/// Writes JSON to the end of a buffer, piece by piece. That the pieces make JSON together is up to
/// who calls.
pub(crate) struct Json<'a>(pub(crate) &'a mut String);

impl Json<'_> {
    /// Adds what is JSON already: braces, keys, values that were written before.
    pub(crate) fn raw(&mut self, json: &str) -> &mut Self {
        self.0.push_str(json);
        self
    }

    /// Adds a text, quoted.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push('"');
        let mut rest = text;
        loop {
            let (plain, others) = rest.split_at(plain_len(rest.as_bytes()));
            self.0.push_str(plain);
            let mut others = others.chars();
            let Some(special) = others.next() else { break };
            self.escape(special);
            rest = others.as_str();
        }
        self.0.push('"');
        self
    }

    /// Adds a whole number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        // u64::MAX has 20 digits.
        let mut digits = [0; 20];
        let mut rest = &mut digits[..];
        serde_json::to_writer(&mut rest, &number).expect("it has room for every number");
        let len = 20 - rest.len();
        self.raw(std::str::from_utf8(&digits[..len]).expect("digits are ASCII"))
    }

    fn escape(&mut self, special: char) {
        let short = match special {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            control => {
                let hex = |bits: u32| char::from_digit(bits & 15, 16).expect("below 16");
                self.0.push_str("\\u00");
                self.0.push(hex(u32::from(control) >> 4));
                self.0.push(hex(u32::from(control)));
                return;
            }
        };
        self.0.push_str(short);
    }
}

/// How long the string is that some JSON begins with, both quotes included, if [`Json::text`] would
/// write what it says in the same way; `None` where another writer may have written it.
pub(crate) fn written_len(json: &str) -> Option<usize> {
    let bytes = json.as_bytes();
    let mut at = bytes.first().filter(|first| **first == b'"').map(|_| 1)?;
    loop {
        at += plain_len(&bytes[at..]);
        match bytes[at..] {
            [b'"', ..] => return Some(at + 1),
            [b'\\', b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f', ..] => at += 2,
            _ => return None,
        }
    }
}

/// How many bytes of a text stay as they are in JSON, up to the first that doesn't.
fn plain_len(text: &[u8]) -> usize {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    // All of a piece are looked at in any case, which the compiler does at once.
    let all_plain = |piece: &&[u8; 16]| piece.iter().fold(true, |all, byte| all & is_plain(*byte));
    let start = 16 * text.as_chunks().0.iter().take_while(all_plain).count();
    let rest = &text[start..];
    start + rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> String {
        let mut json = String::new();
        Json(&mut json).text(text);
        json
    }

    #[test]
    fn all_of_ascii_is_written_as_serde_json_does_wherever_it_stands() {
        for byte in 0..=127_u8 {
            for (before, behind) in [(0, 0), (15, 1), (16, 16), (3, 40)] {
                let (before, behind) = ("é".repeat(before), "x".repeat(behind));
                let said = format!("{before}{}{behind}", char::from(byte));
                assert_eq!(text(&said), serde_json::to_string(&said).unwrap());
            }
        }
    }

    #[test]
    fn what_others_may_write_otherwise_is_told_apart() {
        for (json, len) in [
            (r#""""#, Some(2)),
            (r#""a\"\\\n\r\t\b\f", "b""#, Some(17)),
            (r#""0123456789abcdef" "#, Some(18)),
            (r#""\u00e9""#, None),
            (r#""\/""#, None),
            ("\"\n\"", None),
            (r#""\"#, None),
            (r#""a"#, None),
            ("\"", None),
            ("", None),
            ("7", None),
        ] {
            assert_eq!(written_len(json), len, "{json}");
        }
    }

    proptest! {
        #[test]
        fn texts_are_written_as_serde_json_does(said in "(?s).{0,80}") {
            let json = text(&said);
            prop_assert_eq!(&json, &serde_json::to_string(&said).unwrap());
            let is_long = json.contains("\\u00");
            prop_assert_eq!(written_len(&json), (!is_long).then_some(json.len()));
        }

        #[test]
        fn a_string_of_known_length_is_what_would_be_written(json in r#""[\\a-z"/\n]{0,9}""#) {
            if let Some(len) = written_len(&json) {
                let said: String = serde_json::from_str(&json[..len]).unwrap();
                prop_assert_eq!(text(&said), &json[..len]);
            }
        }

        #[test]
        fn numbers_are_written_as_ever(number: u64, digits in 0..20_u32) {
            for number in [0, u64::MAX, number, 10_u64.pow(digits), 10_u64.pow(digits) - 1] {
                let mut json = String::new();
                Json(&mut json).number(number);
                prop_assert_eq!(json, number.to_string());
            }
        }
    }
}
