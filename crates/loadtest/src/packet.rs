//! The few packets that a load test sends and understands.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;

/// What a text packet from the server is to a client of the load test.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// The Engine.IO handshake.
    Open(&'a str),
    /// To be answered with a pong that carries this.
    Ping(&'a str),
    /// The answer to CONNECT.
    Connected,
    /// A message of this run.
    Message(Arrival),
    /// A message from somebody else.
    Stranger,
    /// The answer to the message, or the join, with this number.
    Answer(u32, Verdict),
    /// Nothing that matters here: other events, noop.
    Other,
    /// The server ends the session, or breaks the protocol.
    End(Cow<'a, str>),
}

/// A message that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) number: u32,
    /// When it was due, or sent in a closed loop, in microseconds from the start.
    pub(crate) stamp_us: u64,
}

/// How a message was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Acknowledged,
    /// With this code.
    Refused(String),
}

/// The number that a join is answered with; no message has it.
pub(crate) const JOIN: u32 = u32::MAX;

/// What every client of a run agrees on.
#[derive(Debug)]
pub(crate) struct Phrase {
    /// What the text of each message begins with: names the run.
    start: String,
    /// The whole beginning of the packet in which a stock client gets such a message.
    packet_start: String,
    /// What stands in front of the number in the packet in which a palabre client gets one.
    member_start: String,
    /// Bytes of a text.
    size: usize,
    has_rooms: bool,
}

impl Phrase {
    pub(crate) fn new(run: &str, size: usize, has_rooms: bool) -> Self {
        let start = format!("bench-{run}-");
        let packet_start = format!(r#"42["chat message","{start}"#);
        let member_start = format!(r#""text":"{start}"#);
        Self { start, packet_start, member_start, size, has_rooms }
    }

    /// The packet that enters the namespace.
    pub(crate) fn connect(&self) -> &'static str {
        if self.has_rooms { r#"40{"palabre":1}"# } else { "40" }
    }

    /// The packet that enters a room, if clients have to say so.
    pub(crate) fn join(&self, room: u32) -> Option<String> {
        let name = format_args!("{}{room}", self.start);
        let join = || format!(r#"42{JOIN}["join",{{"room":"{name}","limit":1}}]"#);
        self.has_rooms.then(join)
    }

    /// The packet that sends a message. Its number is the acknowledgement's id as well.
    pub(crate) fn packet(&self, message: Arrival, room: u32) -> String {
        let Arrival { number, stamp_us } = message;
        let Self { start, size, .. } = self;
        let mut packet = String::with_capacity(size + 160);
        let head = if self.has_rooms {
            write!(
                packet,
                r#"42{number}["send",{{"room":"{start}{room}","id":"{start}{number}","text":""#
            )
        } else {
            write!(packet, r#"42{number}["chat message",""#)
        };
        head.expect("memory can be written");
        let begin = packet.len();
        write!(packet, "{start}{number}-{stamp_us}-").expect("memory can be written");
        for _ in packet.len() - begin..*size {
            packet.push('x');
        }
        packet.push_str(if self.has_rooms { r#""}]"# } else { r#""]"# });
        packet
    }

    pub(crate) fn read<'a>(&self, packet: &'a str) -> Incoming<'a> {
        // Nearly all that comes is this; only what looks different is parsed.
        if let Some(rest) = packet.strip_prefix(&self.packet_start) {
            return arrival(rest).map_or(Incoming::Stranger, Incoming::Message);
        }
        match packet.as_bytes() {
            [b'0', ..] => Incoming::Open(&packet[1..]),
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
        if self.has_rooms && packet.starts_with(r#"42["entry","#) {
            // In a JSON string quotes are escaped, so this can't be part of what somebody said.
            let rest = packet.split_once(&self.member_start);
            let arrival = rest.and_then(|(_, rest)| arrival(rest));
            return arrival.map_or(Incoming::Stranger, Incoming::Message);
        }
        let arguments = packet[2..].trim_start_matches(|c: char| c.is_ascii_digit());
        let Ok(arguments) = serde_json::from_str::<Vec<serde_json::Value>>(arguments) else {
            return Incoming::End(format!("an event without arguments: {packet:.40}").into());
        };
        let text_at = |index: usize| arguments.get(index).and_then(serde_json::Value::as_str);
        if text_at(0) != Some("chat message") {
            return Incoming::Other;
        }
        let rest = text_at(1).and_then(|text| text.strip_prefix(&self.start));
        rest.and_then(arrival).map_or(Incoming::Stranger, Incoming::Message)
    }
}

/// Reads `number-stamp-`.
fn arrival(text: &str) -> Option<Arrival> {
    let mut bytes = text.bytes();
    let number = decimal(&mut bytes)?;
    let stamp_us = decimal(&mut bytes)?;
    Some(Arrival { number: u32::try_from(number).ok()?, stamp_us })
}

/// Reads digits up to a dash.
fn decimal(bytes: &mut std::str::Bytes<'_>) -> Option<u64> {
    let mut value = u64::from(bytes.next().filter(u8::is_ascii_digit)? - b'0');
    loop {
        match bytes.next()? {
            b'-' => return Some(value),
            digit @ b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            }
            _ => return None,
        }
    }
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
        Phrase::new("0a1b2c3d", 44, false)
    }

    fn rooms() -> Phrase {
        Phrase::new("0a1b2c3d", 44, true)
    }

    const ARRIVAL: Arrival = Arrival { number: 17, stamp_us: 2500 };

    #[test]
    fn message_has_the_size_and_comes_back_as_what_it_was() {
        let packet = phrase().packet(ARRIVAL, 0);
        let text = "bench-0a1b2c3d-17-2500-xxxxxxxxxxxxxxxxxxxxx";
        assert_eq!(packet, format!(r#"4217["chat message","{text}"]"#));
        let cursor = format!(r#"42["chat message","{text}","cursor"]"#);
        assert_eq!(phrase().read(&cursor), Incoming::Message(ARRIVAL));
        let spaced = format!(r#"42["chat message", "{text}"]"#);
        assert_eq!(phrase().read(&spaced), Incoming::Message(ARRIVAL));
        let short = Phrase::new("r", 1, false).packet(Arrival { number: 0, stamp_us: 0 }, 0);
        assert_eq!(short, r#"420["chat message","bench-r-0-0-"]"#);
    }

    #[test]
    fn palabre_clients_join_and_send_and_get_entries() {
        assert_eq!((phrase().connect(), phrase().join(3)), ("40", None));
        assert_eq!(rooms().connect(), r#"40{"palabre":1}"#);
        let join = r#"424294967295["join",{"room":"bench-0a1b2c3d-3","limit":1}]"#;
        assert_eq!(rooms().join(3).as_deref(), Some(join));
        let packet = rooms().packet(ARRIVAL, 3);
        let text = "bench-0a1b2c3d-17-2500-xxxxxxxxxxxxxxxxxxxxx";
        let send = r#"{"room":"bench-0a1b2c3d-3","id":"bench-0a1b2c3d-17","text":""#;
        assert_eq!(packet, format!(r#"4217["send",{send}{text}"}}]"#));
        let entry = |text| format!(r#"42["entry",{{"id":"bench-0a1b2c3d-17","text":"{text}"}}]"#);
        assert_eq!(rooms().read(&entry(text)), Incoming::Message(ARRIVAL));
        assert_eq!(rooms().read(&entry("hello")), Incoming::Stranger);
        let joined = r#"434294967295[{"ok":true}]"#;
        assert_eq!(rooms().read(joined), Incoming::Answer(JOIN, Verdict::Acknowledged));
    }

    #[test]
    fn what_others_say_is_told_apart() {
        for other in [r#"42["palabre:welcome",{}]"#, r#"4212["ask",1]"#, "6"] {
            assert_eq!(phrase().read(other), Incoming::Other, "{other}");
        }
        let strangers = [
            r#"42["chat message","hello"]"#,
            r#"42["chat message",{"text":1}]"#,
            r#"42["chat message","bench-ffffffff-3-1-x"]"#,
            r#"42["chat message","bench-0a1b2c3d-many-x"]"#,
            r#"42["chat message","bench-0a1b2c3d-3-x"]"#,
            r#"42["chat message","bench-0a1b2c3d-99999999999-1-x"]"#,
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
        assert_eq!(phrase().read(r#"0{"sid":"x"}"#), Incoming::Open(r#"{"sid":"x"}"#));
        assert_eq!(phrase().read(r#"40{"sid":"x"}"#), Incoming::Connected);
        assert_eq!(phrase().read("2"), Incoming::Ping(""));
        for end in ["1", "41", r#"44{"message":"no"}"#, "", "9", "42{}", "43x", "437{"] {
            assert!(matches!(phrase().read(end), Incoming::End(_)), "{end}");
        }
    }
}
