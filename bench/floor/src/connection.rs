//! One connection: what comes in is cut into requests, what its socket doesn't take at once waits.

use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

/// More than this unread is no request.
const UNREAD_BYTES_MAX: usize = 1 << 20;

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// To be a WebSocket, with this key.
    Upgrade { key: Vec<u8> },
    /// To be in the namespace `/`.
    Connect,
    /// To send this text (JSON, with its quotes) to everybody.
    Message { id: Vec<u8>, text: Vec<u8> },
    /// To be in this room (JSON, as all below).
    Join { id: Vec<u8>, room: Vec<u8> },
    /// To send this text to everybody in this room.
    Send { id: Vec<u8>, room: Vec<u8>, name: Vec<u8>, text: Vec<u8> },
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Http,
    WebSocket,
    Connected,
}

pub(crate) struct Connection {
    stream: TcpStream,
    /// The one room that it is in, if it is in any.
    pub(crate) room: Option<Vec<u8>>,
    input: Input,
    /// What the socket didn't take: bounded by what the run sends.
    unsent: Vec<u8>,
}

/// The reading side, apart from the socket.
struct Input {
    stage: Stage,
    /// The beginning of what is not there yet.
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let input = Input { stage: Stage::Http, unread: Vec::new() };
        Self { stream, room: None, input, unsent: Vec::new() }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.input.stage == Stage::Connected
    }

    /// Reads what is there; false when the connection is over.
    pub(crate) fn read(&mut self, scratch: &mut [u8], requests: &mut Vec<Request>) -> bool {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return false,
                Ok(read) => {
                    if !self.input.take(&scratch[..read], requests) {
                        return false;
                    }
                    // A read that came short has emptied the socket: what comes later is a new
                    // event.
                    if read < scratch.len() {
                        return true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// Sends these bytes, or keeps what the socket doesn't take; false when the connection is over.
    pub(crate) fn send(&mut self, bytes: &[u8], poll: &Poll, at: usize) -> bool {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return true;
        }
        match self.stream.write(bytes) {
            Ok(written) if written == bytes.len() => true,
            Ok(written) => self.keep(&bytes[written..], poll, at),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.keep(bytes, poll, at),
            Err(_) => false,
        }
    }

    fn keep(&mut self, rest: &[u8], poll: &Poll, at: usize) -> bool {
        self.unsent.extend_from_slice(rest);
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().reregister(&mut self.stream, Token(at), both).is_ok()
    }

    /// Sends what was kept, now that there is room; false when the connection is over.
    pub(crate) fn flush(&mut self, poll: &Poll, at: usize) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => {
                    self.unsent.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.unsent = Vec::new();
        poll.registry().reregister(&mut self.stream, Token(at), Interest::READABLE).is_ok()
    }
}

impl Input {
    /// Cuts what came into requests; false when the connection is over.
    fn take(&mut self, bytes: &[u8], requests: &mut Vec<Request>) -> bool {
        if self.unread.len() + bytes.len() > UNREAD_BYTES_MAX {
            return false;
        }
        // Nearly always what comes is whole, and nothing is copied.
        if self.unread.is_empty() {
            let Some(used) = self.cut(bytes, requests) else { return false };
            self.unread.extend_from_slice(&bytes[used..]);
            return true;
        }
        let mut all = std::mem::take(&mut self.unread);
        all.extend_from_slice(bytes);
        let Some(used) = self.cut(&all, requests) else { return false };
        all.drain(..used);
        if !all.is_empty() {
            self.unread = all;
        }
        true
    }

    /// How many bytes were whole requests; none when the connection is over.
    fn cut(&mut self, bytes: &[u8], requests: &mut Vec<Request>) -> Option<usize> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            if self.stage == Stage::Http {
                let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
                    return Some(used);
                };
                requests.push(Request::Upgrade { key: key(&rest[..end])? });
                self.stage = Stage::WebSocket;
                used += end + 4;
                continue;
            }
            let Some((opcode, payload, length)) = frame(rest) else { return Some(used) };
            used += length;
            match (opcode, payload.as_slice()) {
                (1, packet) if packet.starts_with(b"40") => {
                    requests.push(Request::Connect);
                    self.stage = Stage::Connected;
                }
                (1, packet) if packet.starts_with(b"42") => requests.push(event(packet)?),
                // A pong of Engine.IO or of WebSocket.
                (1, b"3") | (10, _) => {}
                _ => return None,
            }
        }
    }
}

/// The value of Sec-WebSocket-Key.
fn key(head: &[u8]) -> Option<Vec<u8>> {
    let head = std::str::from_utf8(head).ok()?;
    let mut headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, key) = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))?;
    Some(key.trim().as_bytes().to_vec())
}

/// The first frame, unmasked: its opcode, its payload, and its whole length.
fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, header): (_, usize) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let start = header + 4;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let mask: [u8; 4] = bytes.get(header..start)?.try_into().ok()?;
    let payload = bytes.get(start..end)?.iter().zip(mask.iter().cycle());
    Some((first & 0x0f, payload.map(|(byte, mask)| byte ^ mask).collect(), end))
}

/// What `42<id>["<name>",…]` asks for. The generator's members come in a fixed order, so that
/// nothing has to be searched for.
fn event(packet: &[u8]) -> Option<Request> {
    let behind_type = &packet[2..];
    let digits = behind_type.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (id, event) = behind_type.split_at(digits);
    let id = id.to_vec();
    if let Some(text) = event.strip_prefix(b"[\"chat message\",") {
        return Some(Request::Message { id, text: string(text)?.to_vec() });
    }
    if let Some(room) = event.strip_prefix(b"[\"join\",{\"room\":") {
        return Some(Request::Join { id, room: string(room)?.to_vec() });
    }
    let rest = event.strip_prefix(b"[\"send\",{\"room\":")?;
    let room = string(rest)?;
    let rest = rest[room.len()..].strip_prefix(b",\"id\":")?;
    let name = string(rest)?;
    let text = string(rest[name.len()..].strip_prefix(b",\"text\":")?)?;
    Some(Request::Send { id, room: room.to_vec(), name: name.to_vec(), text: text.to_vec() })
}

/// The JSON string that these bytes begin with, with its quotes.
pub(crate) fn string(bytes: &[u8]) -> Option<&[u8]> {
    let inside = bytes.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = inside.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some(&bytes[..end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame with the mask 1, 2, 3, 4.
    fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match u8::try_from(payload.len()) {
            Ok(length) if length < 0x7e => bytes.push(0x80 | length),
            _ => {
                bytes.push(0xfe);
                let length = u16::try_from(payload.len()).unwrap();
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(
            payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    fn input() -> Input {
        Input { stage: Stage::Http, unread: Vec::new() }
    }

    #[test]
    fn a_client_is_understood_however_its_bytes_are_cut() {
        let long = format!("\"{}\\\"\"", "x".repeat(200));
        let packet = format!("4217[\"chat message\",{long},\"id\"]");
        let join = br#"424["join",{"room":"a b","limit":1}]"#;
        let send = br#"425["send",{"room":"a b","id":"x-1","text":"hello"}]"#;
        let bytes = [
            b"GET /socket.io/ HTTP/1.1\r\nHost: a\r\nsec-websocket-KEY:  abc \r\n\r\n".to_vec(),
            masked(1, b"40"),
            masked(1, b"3"),
            masked(1, packet.as_bytes()),
            masked(1, join),
            masked(1, send),
        ]
        .concat();
        let expected = [
            Request::Upgrade { key: b"abc".to_vec() },
            Request::Connect,
            Request::Message { id: b"17".to_vec(), text: long.into_bytes() },
            Request::Join { id: b"4".to_vec(), room: b"\"a b\"".to_vec() },
            Request::Send {
                id: b"5".to_vec(),
                room: b"\"a b\"".to_vec(),
                name: b"\"x-1\"".to_vec(),
                text: b"\"hello\"".to_vec(),
            },
        ];
        for cut in 0..bytes.len() {
            let (mut input, mut requests) = (input(), Vec::new());
            assert!(input.take(&bytes[..cut], &mut requests));
            assert!(input.take(&bytes[cut..], &mut requests));
            assert_eq!(requests, expected, "cut at {cut}");
            assert!(input.unread.is_empty() && input.unread.capacity() == 0);
        }
    }

    #[test]
    fn who_leaves_or_talks_nonsense_is_let_go() {
        let after_upgrade = |bytes: &[u8]| {
            let mut input = input();
            input.stage = Stage::Connected;
            input.take(bytes, &mut Vec::new())
        };
        assert!(after_upgrade(&masked(1, b"3")));
        assert!(!after_upgrade(&masked(8, b"")));
        assert!(!after_upgrade(&masked(1, b"9")));
        assert!(!after_upgrade(&masked(1, b"420[\"other\",1]")));
        assert!(!after_upgrade(&masked(1, b"420[\"join\",{\"room\":\"never ends}]")));
        assert!(!input().take(b"GET / HTTP/1.1\r\n\r\n", &mut Vec::new()));
        assert!(!input().take(&vec![b'x'; UNREAD_BYTES_MAX + 1], &mut Vec::new()));
    }
}
