//! Fuzzes Socket.IO packets: no text makes the assembler panic, and a packet is read again
//! from the frame that it encodes to.

use bytes::Bytes;
use wire::Part;
use wire::engine;
use wire::socket::{ATTACHMENTS_MAX, Args, Assembler, Packet, PacketKind, encode};

/// The first byte chooses the role; the rest is messages between bytes 0xFF, of which those
/// that are no text are binary.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let new = if choice & 1 == 0 { Assembler::new } else { Assembler::client };
    let mut assembler = new(ATTACHMENTS_MAX);
    for message in rest.split(|byte| *byte == 0xff) {
        let result = match std::str::from_utf8(message) {
            Ok(text) => assembler.text(text),
            Err(_) => assembler.binary(Bytes::copy_from_slice(message)),
        };
        assert!(assembler.buffered() <= rest.len());
        match result {
            Ok(Some(packet)) => check(&packet, new(ATTACHMENTS_MAX)),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

fn check(packet: &Packet, mut assembler: Assembler) {
    let frame = encode(packet);
    assert_eq!(frame.packets(), 1 + packet.attachments.len());
    let mut again = None;
    for part in frame.parts() {
        assert_eq!(again, None, "a packet was whole before its last attachment");
        again = match part {
            Part::Binary(bytes) => assembler.binary(Bytes::copy_from_slice(bytes)),
            Part::Text(text) => match engine::Packet::decode(text) {
                Ok(engine::Packet::Text(text)) => assembler.text(text),
                other => panic!("{other:?} is no message"),
            },
        }
        .expect("what was encoded keeps the rules");
    }
    assert_eq!(again.as_ref(), Some(packet));
    match (packet.kind, &packet.data) {
        (PacketKind::Event, Some(data)) => {
            let args = Args::event(data).expect("events were checked");
            let event = Packet::event("/", &args.name, args.texts(), None);
            assert!(assembler.text(&event_text(&event)).is_ok());
        }
        (PacketKind::Ack, Some(data)) => {
            Args::split(data).expect("acknowledgements were checked");
        }
        _ => {}
    }
}

fn event_text(event: &Packet) -> String {
    format!("2{}", event.data.as_deref().expect("an event has data"))
}
