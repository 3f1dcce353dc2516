//! The bytes that go out. Those that are the same for everybody are constants.

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

/// The answer to CONNECT, as one WebSocket frame.
pub(crate) const CONNECTED: &[u8] = b"\x81\x2040{\"sid\":\"AAAAAAAAAAAAAAAAAAAA\"}";

/// What a WebSocket server adds to the client's key (RFC 6455, 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The Engine.IO handshake. No ping is sent, so the interval is one that no run lasts.
const OPEN: &str = "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[],\"pingInterval\":36000000,\
                    \"pingTimeout\":20000,\"maxPayload\":1000000}";

/// As long as a server's cursor is, apart from its number.
const CURSOR_START: &str = "AAAAAAAAAAAAAAAA.";

/// What stands in front of the room in the event of a message in one.
const ENTRY_START: &[u8] = b"42[\"entry\",{\"room\":";

/// What the server says of the author and the time, as long as it usually is.
const ENTRY_AUTHOR: &[u8] = b",\"user\":\"AAAAAAAAAAAAA\",\"at\":1700000000000,\
    \"kind\":\"message\",\"name\":\"Guest AAAAA\",\"text\":";

/// Longer payloads don't fit into the two bytes of a header without an extended length.
const SHORT_MAX: u8 = 125;

/// Makes the frames of messages.
#[derive(Default)]
pub(crate) struct Frames {
    /// The number of the last message: the end of its cursor.
    last: u64,
}

impl Frames {
    /// Adds the frame in which a message goes to everybody. It has as many bytes as the server's
    /// own for stock clients: the text (JSON, with its quotes), and behind it a cursor.
    pub(crate) fn message(&mut self, text: &[u8], batch: &mut Vec<u8>) {
        self.last += 1;
        let mut payload = Vec::with_capacity(64 + text.len());
        payload.extend_from_slice(b"42[\"chat message\",");
        payload.extend_from_slice(text);
        let written = write!(payload, ",\"{CURSOR_START}{}\"]", self.last);
        written.expect("a vector takes all");
        frame(&payload, batch);
    }

    /// The frame in which a message goes to everybody in a room (all JSON, with its quotes). It has
    /// as many bytes as the server's own for palabre clients.
    pub(crate) fn entry(&mut self, room: &[u8], name: &[u8], text: &[u8]) -> Vec<u8> {
        self.last += 1;
        let mut payload = Vec::with_capacity(256 + room.len() + text.len());
        payload.extend_from_slice(ENTRY_START);
        payload.extend_from_slice(room);
        let written = write!(payload, ",\"epoch\":\"AAAAAAAAAAAAAAAA\",\"offset\":{}", self.last);
        written.expect("a vector takes all");
        payload.extend_from_slice(b",\"id\":");
        payload.extend_from_slice(name);
        payload.extend_from_slice(ENTRY_AUTHOR);
        payload.extend_from_slice(text);
        payload.extend_from_slice(b",\"via\":\"socket\"}]");
        let mut bytes = Vec::with_capacity(payload.len() + 4);
        frame(&payload, &mut bytes);
        bytes
    }
}

/// The room (JSON, with its quotes) of this whole frame, if it is that of a message in a room.
pub(crate) fn room(frame: &[u8]) -> Option<&[u8]> {
    let header = if *frame.get(1)? > SHORT_MAX { 4 } else { 2 };
    crate::connection::string(frame.get(header..)?.strip_prefix(ENTRY_START)?)
}

/// The answer to the HTTP upgrade, and the Engine.IO handshake behind it.
pub(crate) fn upgraded(key: &[u8]) -> Vec<u8> {
    let accept = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize();
    let mut bytes = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        BASE64_STANDARD.encode(accept)
    )
    .into_bytes();
    frame(OPEN.as_bytes(), &mut bytes);
    bytes
}

/// The acknowledgement with this id, without arguments that nobody needs.
pub(crate) fn acknowledgement(id: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    frame(&[b"43", id, b"[1]"].concat(), &mut bytes);
    bytes
}

/// A text frame as clients send it, with a mask that changes nothing.
pub(crate) fn masked(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    frame(payload, &mut bytes);
    bytes[1] |= 0x80;
    let header = bytes.len() - payload.len();
    bytes.splice(header..header, [0; 4]);
    bytes
}

/// How long the first of these unmasked frames is, if it is there as a whole.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let (payload, header) = match *bytes.get(1)? {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let length = usize::try_from(payload).ok()?.checked_add(header)?;
    (length <= bytes.len()).then_some(length)
}

/// Adds a text frame, unmasked as servers send them.
fn frame(payload: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(0x81);
    if let Some(length) = u8::try_from(payload.len()).ok().filter(|length| *length <= SHORT_MAX) {
        bytes.push(length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        bytes.push(126);
        bytes.extend_from_slice(&length.to_be_bytes());
    } else {
        bytes.push(127);
        bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    bytes.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `palabre serve` sent to a stock client for its first message of 64 bytes.
    const OURS: &[u8] = b"\x81j42[\"chat message\",\"bench-0a1b2c3d-7-xxxxxxxxxxxxxxxxxxxxxxxxxxxx\
        xxxxxxxxxxxxxxxxxxx\",\"55psc2snqdollag7.1\"]";

    #[test]
    fn a_message_is_as_long_as_the_servers_own() {
        let text = &OURS[20..OURS.len() - 22];
        let mut batch = Vec::new();
        Frames::default().message(text, &mut batch);
        assert_eq!(batch.len(), OURS.len());
        assert_eq!(batch[..20 + text.len()], OURS[..20 + text.len()]);
    }

    #[test]
    fn a_message_in_a_room_is_as_long_as_the_servers_own() {
        // What `palabre serve` sent to a palabre client for its first message of 64 bytes.
        let ours = concat!(
            r#"42["entry",{"room":"bench-0a1b2c3d-17","epoch":"r2mrwgyebj6plrgk","offset":1,"#,
            r#""id":"bench-0a1b2c3d-7","user":"g9ggwLylfD3Qz","at":1795432674880,"#,
            r#""kind":"message","name":"Guest G9GGW","text":"bench-0a1b2c3d-7-123456-"#,
            r#"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","via":"socket"}]"#
        );
        let end = ours.len() - r#","via":"socket"}]"#.len();
        let text = &ours[ours.find("\"bench-0a1b2c3d-7-1").unwrap()..end];
        let bytes = Frames::default().entry(
            b"\"bench-0a1b2c3d-17\"",
            b"\"bench-0a1b2c3d-7\"",
            text.as_bytes(),
        );
        assert_eq!(bytes.len(), 4 + ours.len());
        assert!(bytes.ends_with(&ours.as_bytes()[end - text.len()..]));
        assert_eq!(room(&bytes), Some(&b"\"bench-0a1b2c3d-17\""[..]));
        assert_eq!(length(&bytes), Some(bytes.len()));
        assert_eq!(room(CONNECTED), None);
    }

    #[test]
    fn the_answer_to_the_upgrade_is_that_of_the_standards_example() {
        let bytes = upgraded(b"dGhlIHNhbXBsZSBub25jZQ==");
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
            "{text}"
        );
        assert!(text.ends_with('}'), "{text}");
    }

    #[test]
    fn frames_say_how_long_they_are() {
        assert_eq!(usize::from(CONNECTED[1]), CONNECTED.len() - 2);
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut bytes = Vec::new();
            frame(&vec![b'x'; length], &mut bytes);
            assert_eq!(bytes.len(), header + length);
            assert_eq!(super::length(&bytes), Some(bytes.len()));
            assert_eq!(super::length(&bytes[..bytes.len() - 1]), None);
            bytes.push(0x81);
            assert_eq!(super::length(&bytes), Some(header + length));
        }
        assert_eq!(masked(b"40"), *b"\x81\x82\0\0\0\x0040");
        let mut bytes = Vec::new();
        frame(&[b'x'; 300], &mut bytes);
        assert_eq!(bytes[..4], [0x81, 126, 1, 44]);
    }
}
