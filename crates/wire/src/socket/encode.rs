//! Packets to frames. Payloads are JSON texts and go out byte by byte as they came.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use super::{MAIN_NAMESPACE, Packet, PacketKind};
use crate::frame::Frame;
use crate::websocket::{Opcode, put_frame};

/// Encodes a packet and, right behind it in the same frame, its attachments.
pub fn encode(packet: &Packet) -> Frame {
    let count = packet.attachments.len();
    let mut text = head(packet.kind, count, &packet.namespace, packet.id);
    text.push_str(packet.data.as_deref().unwrap_or_default());
    if count == 0 {
        return Frame::text(&text);
    }
    let mut encoded = Vec::new();
    put_frame(&mut encoded, Opcode::Text, text.as_bytes());
    for attachment in &packet.attachments {
        put_frame(&mut encoded, Opcode::Binary, attachment);
    }
    Frame::from_encoded(encoded)
}

/// Answers that a namespace was joined; `pid` only with connection state recovery.
pub fn connect_answer(namespace: &str, sid: &str, pid: Option<&str>) -> Frame {
    let mut text = head(PacketKind::Connect, 0, namespace, None);
    text.push_str("{\"sid\":");
    put_text(sid, &mut text);
    if let Some(pid) = pid {
        text.push_str(",\"pid\":");
        put_text(pid, &mut text);
    }
    text.push('}');
    Frame::text(&text)
}

/// Answers that a namespace can't be joined. `json` is the text of an object with `message`
/// and perhaps `data`.
pub fn connect_error(namespace: &str, json: &str) -> Frame {
    let mut text = head(PacketKind::ConnectError, 0, namespace, None);
    text.push_str(json);
    Frame::text(&text)
}

/// Ends a namespace; the official client does not come back by itself.
pub fn disconnect(namespace: &str) -> Frame {
    Frame::text(&head(PacketKind::Disconnect, 0, namespace, None))
}

/// Answers an event; each argument is a JSON text.
pub fn ack(namespace: &str, id: u64, args_json: &[&str]) -> Frame {
    let id = id.to_string();
    Array { kind: "43", namespace, id: &id, name: None, args_json }.frame()
}

/// Encodes an event that asks for no answer; each argument is a JSON text.
pub fn event(namespace: &str, name: &str, args_json: &[&str]) -> Frame {
    let name = escaped(name);
    Array { kind: "42", namespace, id: "", name: Some(&name), args_json }.frame()
}

/// A packet whose payload is an array and that has no attachments: nearly all that is sent.
struct Array<'a> {
    kind: &'static str,
    namespace: &'a str,
    id: &'a str,
    /// An event's name, escaped.
    name: Option<&'a str>,
    args_json: &'a [&'a str],
}

impl Array<'_> {
    /// Measured first, so that it is written where it stays.
    fn frame(&self) -> Frame {
        let mut length: usize = 0;
        self.put(|piece| length = length.saturating_add(piece.len()));
        Frame::text_of(length, |out| self.put(|piece| out.extend_from_slice(piece.as_bytes())))
    }

    /// Gives its pieces in their order.
    fn put(&self, mut put: impl FnMut(&str)) {
        put(self.kind);
        if self.namespace != MAIN_NAMESPACE {
            put(self.namespace);
            put(",");
        }
        put(self.id);
        put_array(self.name, self.args_json, put);
    }
}

/// What stands for an attachment in a payload, in the one form that every client writes.
pub fn placeholder(num: usize) -> String {
    format!("{{\"_placeholder\":true,\"num\":{num}}}")
}

impl Packet {
    /// Makes an event; each argument is a JSON text. With attachments to be added, arguments
    /// contain their placeholders.
    pub fn event(
        namespace: impl Into<Cow<'static, str>>,
        name: &str,
        args_json: &[&str],
        id: Option<u64>,
    ) -> Self {
        let data = Some(array(Some(name), args_json));
        let (kind, namespace) = (PacketKind::Event, namespace.into());
        Self { kind, namespace, id, data, attachments: Vec::new() }
    }

    /// Makes an acknowledgement; each argument is a JSON text.
    pub fn ack(namespace: impl Into<Cow<'static, str>>, id: u64, args_json: &[&str]) -> Self {
        let data = Some(array(None, args_json));
        let (kind, namespace) = (PacketKind::Ack, namespace.into());
        Self { kind, namespace, id: Some(id), data, attachments: Vec::new() }
    }
}

/// Everything in front of the payload, Engine.IO's `4` included.
fn head(kind: PacketKind, attachments: usize, namespace: &str, id: Option<u64>) -> String {
    // Nothing that every connection is sent is longer.
    let mut text = String::with_capacity(128);
    text.push('4');
    text.push(match (kind, attachments) {
        (PacketKind::Connect, _) => '0',
        (PacketKind::Disconnect, _) => '1',
        (PacketKind::Event, 0) => '2',
        (PacketKind::Ack, 0) => '3',
        (PacketKind::ConnectError, _) => '4',
        (PacketKind::Event, _) => '5',
        (PacketKind::Ack, _) => '6',
    });
    if attachments > 0 {
        put_number(attachments, &mut text);
        text.push('-');
    }
    if namespace != MAIN_NAMESPACE {
        text.push_str(namespace);
        text.push(',');
    }
    if let Some(id) = id {
        put_number(id, &mut text);
    }
    text
}

fn array(name: Option<&str>, args_json: &[&str]) -> Box<str> {
    let (mut text, name) = (String::new(), name.map(escaped));
    put_array(name.as_deref(), args_json, |piece| text.push_str(piece));
    text.into()
}

/// Gives the pieces of an array; the name is escaped.
fn put_array(name: Option<&str>, args_json: &[&str], mut put: impl FnMut(&str)) {
    put("[");
    if let Some(name) = name {
        put("\"");
        put(name);
        put("\"");
    }
    for (place, argument) in args_json.iter().enumerate() {
        if place > 0 || name.is_some() {
            put(",");
        }
        put(argument);
    }
    put("]");
}

/// Puts a text as JSON.
fn put_text(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(&escaped(text));
    out.push('"');
}

/// What stands between the quotes of a text in JSON. Nearly all that comes here has nothing to
/// escape, and every connection has some of it.
fn escaped(text: &str) -> Cow<'_, str> {
    // All of ASCII that is printed, but for the quote and the backslash.
    let is_plain = |byte: u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    // To the end in any case, which the compiler makes fast.
    if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        return text.into();
    }
    let quoted = Value::from(text).to_string();
    let inside = quoted.get(1..quoted.len().saturating_sub(1));
    inside.expect("it has two quotes").to_owned().into()
}

fn put_number(number: impl std::fmt::Display, out: &mut String) {
    write!(out, "{number}").expect("a String takes all that is written");
}
