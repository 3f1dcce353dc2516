//! Polling payloads: packets between separators, binary as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::frame::Part;

/// How many packets a poll response may hold: python-engineio's client refuses more, and then
/// silently stops receiving.
pub const PAYLOAD_PACKETS_MAX: usize = 16;

/// Stands between packets; JSON text never contains it unescaped.
pub(super) const SEPARATOR: char = '\x1e';

/// Appends a payload. Keeping to [`PAYLOAD_PACKETS_MAX`] and to a size is the caller's part,
/// since what is left over has to wait somewhere.
pub fn encode_payload<'a>(parts: impl IntoIterator<Item = Part<'a>>, out: &mut String) {
    let mut first = true;
    for part in parts {
        if !first {
            out.push(SEPARATOR);
        }
        first = false;
        put_part(part, out);
    }
}

/// Appends one packet in its text form.
pub(crate) fn put_part(part: Part<'_>, out: &mut String) {
    match part {
        Part::Text(packet) => out.push_str(packet),
        Part::Binary(message) => put_binary(message, out),
    }
}

pub(super) fn put_binary(message: &[u8], out: &mut String) {
    out.push('b');
    STANDARD.encode_string(message, out);
}
