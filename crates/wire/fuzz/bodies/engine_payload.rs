//! Fuzzes Engine.IO packets and payloads: no body makes them panic, and what was read is
//! read again from what it encodes to.

use wire::engine::{Packet, encode_payload};
use wire::{Frame, Part};

/// The input is the body of a polling request, if it is text.
pub(crate) fn run(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let results: Vec<_> = Packet::decode_payload(body).collect();
    assert!(results.iter().rev().skip(1).all(Result::is_ok), "nothing comes behind an error");
    let packets: Vec<_> = results.into_iter().filter_map(Result::ok).collect();
    if packets.is_empty() {
        return;
    }
    let frames: Vec<Frame> = packets.iter().map(frame).collect();
    let joined = Frame::join(&frames);
    assert_eq!(joined.packets(), packets.len());
    for frame in [&joined, &joined.base64_binary()] {
        let mut again = String::new();
        encode_payload(frame.parts(), &mut again);
        let read: Result<Vec<_>, _> = Packet::decode_payload(&again).collect();
        assert_eq!(read.as_ref(), Ok(&packets));
    }
    assert!(!joined.base64_binary().parts().any(|part| matches!(part, Part::Binary(_))));
}

fn frame(packet: &Packet<'_>) -> Frame {
    if let Packet::Binary(message) = packet {
        return Frame::binary(message);
    }
    let mut text = String::new();
    packet.encode(&mut text);
    Frame::text(&text)
}
