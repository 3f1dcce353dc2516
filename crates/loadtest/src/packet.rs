//! The few packets that a load test sends and understands.

use std::borrow::Cow;

use serde::Deserialize;

/// What a text packet from the server is to a client of the load test.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// The Engine.IO handshake.
    Open,
    /// To be answered with a pong that carries this.
    Ping(&'a str),
    /// The answer to CONNECT.
    Connected,
    /// A message of this run, by its number.
    Message(u32),
    /// A `chat message` from somebody else.
    Stranger,
    /// The answer to the message with this number.
    Answer(u32, Verdict),
    /// Nothing that matters here: other events, noop.
    Other,
    /// The server ends the session, or breaks the protocol.
    End(Cow<'a, str>),
}

/// How a message was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Acknowledged,
    /// With this code.
    Refused(String),
}

/// What every client of a run agrees on.
#[derive(Debug)]
pub(crate) struct Phrase {
    /// What the text of each message begins with: names the run.
    start: String,
    /// The whole beginning of the packet in which such a message comes back.
    packet_start: String,
    /// Bytes of a text.
    size: usize,
}

impl Phrase {
    pub(crate) fn new(run: &str, size: usize) -> Self {
        let start = format!("bench-{run}-");
        let packet_start = format!(r#"42["chat message","{start}"#);
        Self { start, packet_start, size }
    }

    /// The packet that sends the message with this number. The number is the acknowledgement's id
    /// as well, and part of the message's own.
    pub(crate) fn packet(&self, number: u32) -> String {
        let text = format!("{}{number}-", self.start);
        let padding = "x".repeat(self.size.saturating_sub(text.len()));
        format!(r#"42{number}["chat message","{text}{padding}","{}{number}"]"#, self.start)
    }

    pub(crate) fn read<'a>(&self, packet: &'a str) -> Incoming<'a> {
        // Nearly all that comes is this; only what looks different is parsed.
        if let Some(rest) = packet.strip_prefix(&self.packet_start) {
            return number_before_dash(rest).map_or(Incoming::Stranger, Incoming::Message);
        }
        match packet.as_bytes() {
            [b'0', ..] => Incoming::Open,
            [b'1'] => Incoming::End("the server closed the session".into()),
            [b'2', ..] => Incoming::Ping(&packet[1..]),
            [b'6'] => Incoming::Other,
            [b'4', b'0', b'{', ..] => Incoming::Connected,
            [b'4', b'1', ..] => Incoming::End("the server disconnected the socket".into()),
            [b'4', b'2', ..] => self.read_event(packet),
            [b'4', b'3', ..] => read_answer(packet),
            [b'4', b'4', ..] => {
                Incoming::End(format!("CONNECT was refused: {}", &packet[2..]).into())
            }
            _ => Incoming::End(format!("an unexpected packet: {packet:.40}").into()),
        }
    }

    fn read_event(&self, packet: &str) -> Incoming<'static> {
        let arguments = packet[2..].trim_start_matches(|c: char| c.is_ascii_digit());
        let Ok(arguments) = serde_json::from_str::<Vec<serde_json::Value>>(arguments) else {
            return Incoming::End(format!("an event without arguments: {packet:.40}").into());
        };
        let text_at = |index: usize| arguments.get(index).and_then(serde_json::Value::as_str);
        if text_at(0) != Some("chat message") {
            return Incoming::Other;
        }
        let rest = text_at(1).and_then(|text| text.strip_prefix(&self.start));
        rest.and_then(number_before_dash).map_or(Incoming::Stranger, Incoming::Message)
    }
}

fn number_before_dash(text: &str) -> Option<u32> {
    let (number, _) = text.split_once('-')?;
    number.parse().ok()
}

/// An answer is an object that says `ok`, or, from servers that know nothing of that, anything.
fn read_answer(packet: &str) -> Incoming<'_> {
    #[derive(Default, Deserialize)]
    struct Answer {
        ok: Option<bool>,
        error: Option<Failure>,
    }
    #[derive(Deserialize)]
    struct Failure {
        code: String,
    }
    let digits = packet[2..].bytes().take_while(u8::is_ascii_digit).count();
    let (number, arguments) = packet[2..].split_at(digits);
    let (Ok(number), Ok(arguments)) =
        (number.parse(), serde_json::from_str::<Vec<serde_json::Value>>(arguments))
    else {
        return Incoming::End(format!("a broken acknowledgement: {packet:.40}").into());
    };
    let first = arguments.into_iter().next().unwrap_or_default();
    let answer: Answer = serde_json::from_value(first).unwrap_or_default();
    if answer.ok != Some(false) {
        return Incoming::Answer(number, Verdict::Acknowledged);
    }
    let code = answer.error.map_or_else(|| "no code".to_owned(), |failure| failure.code);
    Incoming::Answer(number, Verdict::Refused(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase() -> Phrase {
        Phrase::new("0a1b2c3d", 40)
    }

    #[test]
    fn message_has_the_size_and_comes_back_as_its_number() {
        let packet = phrase().packet(17);
        let expected = concat!(
            r#"4217["chat message","bench-0a1b2c3d-17-xxxxxxxxxxxxxxxxxxxxxx","#,
            r#""bench-0a1b2c3d-17"]"#
        );
        assert_eq!(packet, expected);
        let back = r#"42["chat message","bench-0a1b2c3d-17-xxx","cursor"]"#;
        assert_eq!(phrase().read(back), Incoming::Message(17));
        let spaced = r#"42["chat message", "bench-0a1b2c3d-17-xxx"]"#;
        assert_eq!(phrase().read(spaced), Incoming::Message(17));
        let short = Phrase::new("r", 1).packet(0);
        assert_eq!(short, r#"420["chat message","bench-r-0-","bench-r-0"]"#);
    }

    #[test]
    fn what_others_say_is_told_apart() {
        for other in [r#"42["palabre:welcome",{}]"#, r#"4212["ask",1]"#, "6"] {
            assert_eq!(phrase().read(other), Incoming::Other, "{other}");
        }
        let strangers = [
            r#"42["chat message","hello"]"#,
            r#"42["chat message",{"text":1}]"#,
            r#"42["chat message","bench-ffffffff-3-x"]"#,
            r#"42["chat message","bench-0a1b2c3d-many-x"]"#,
        ];
        for stranger in strangers {
            assert_eq!(phrase().read(stranger), Incoming::Stranger, "{stranger}");
        }
    }

    #[test]
    fn answers_say_what_became_of_the_message() {
        let check = |packet, verdict| {
            assert_eq!(phrase().read(packet), Incoming::Answer(7, verdict), "{packet}");
        };
        check(r#"437[{"ok":true,"offset":3}]"#, Verdict::Acknowledged);
        check("437[]", Verdict::Acknowledged);
        check(r#"437["thanks"]"#, Verdict::Acknowledged);
        let refusal = r#"437[{"ok":false,"error":{"code":"muted","message":"no"}}]"#;
        check(refusal, Verdict::Refused("muted".into()));
        check(r#"437[{"ok":false}]"#, Verdict::Refused("no code".into()));
    }

    #[test]
    fn session_packets() {
        assert_eq!(phrase().read(r#"0{"sid":"x"}"#), Incoming::Open);
        assert_eq!(phrase().read(r#"40{"sid":"x"}"#), Incoming::Connected);
        assert_eq!(phrase().read("2"), Incoming::Ping(""));
        for end in ["1", "41", r#"44{"message":"no"}"#, "", "9", "42{}", "43x", "437{"] {
            assert!(matches!(phrase().read(end), Incoming::End(_)), "{end}");
        }
    }
}
