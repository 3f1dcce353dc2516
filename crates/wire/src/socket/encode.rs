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
    let mut text = head(PacketKind::Ack, 0, namespace, Some(id));
    put_array(None, args_json, &mut text);
    Frame::text(&text)
}

/// Encodes an event that asks for no answer; each argument is a JSON text.
pub fn event(namespace: &str, name: &str, args_json: &[&str]) -> Frame {
    let mut text = head(PacketKind::Event, 0, namespace, None);
    put_array(Some(name), args_json, &mut text);
    Frame::text(&text)
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
    let mut text = String::new();
    put_array(name, args_json, &mut text);
    text.into()
}

fn put_array(name: Option<&str>, args_json: &[&str], out: &mut String) {
    out.push('[');
    if let Some(name) = name {
        put_text(name, out);
    }
    for (place, argument) in args_json.iter().enumerate() {
        if place > 0 || name.is_some() {
            out.push(',');
        }
        out.push_str(argument);
    }
    out.push(']');
}

/// Puts a text as JSON. Nearly all that comes here has nothing to escape, and every connection has
/// some of it.
fn put_text(text: &str, out: &mut String) {
    // All of ASCII that is printed, but for the quote and the backslash.
    let is_plain = |byte: u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    // To the end in any case, which the compiler makes fast.
    if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        write!(out, "{}", Value::from(text)).expect("a String takes all that is written");
    }
}

fn put_number(number: impl std::fmt::Display, out: &mut String) {
    write!(out, "{number}").expect("a String takes all that is written");
}
