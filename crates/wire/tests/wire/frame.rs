//! The shared frame: laid out once, walked over, joined.

use wire::websocket::Opcode;
use wire::{Frame, Part};

fn parts(frame: &Frame) -> Vec<Part<'_>> {
    frame.parts().collect()
}

#[test]
fn a_text_is_header_and_packet() {
    let frame = Frame::text("2");
    assert_eq!(&frame.bytes()[..], b"\x81\x012");
    assert_eq!((frame.len(), frame.packets(), frame.is_empty()), (3, 1, false));
    assert_eq!(parts(&frame), [Part::Text("2")]);
}

#[test]
fn every_form_of_length_is_walked_over() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
        let (text, binary) = ("é".repeat(length), vec![0xff; length]);
        let frame = Frame::join(&[Frame::text(&text), Frame::binary(&binary)]);
        assert_eq!(parts(&frame), [Part::Text(&text), Part::Binary(&binary)]);
        assert_eq!(frame.packets(), 2);
    }
}

#[test]
fn a_join_keeps_order_and_bytes() {
    let frames = [Frame::text("4a"), Frame::binary(b"b"), Frame::text("4c")];
    let joined = Frame::join(&frames);
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes().to_vec()).collect();
    assert_eq!(joined.bytes(), &bytes);
    assert_eq!(parts(&joined), [Part::Text("4a"), Part::Binary(b"b"), Part::Text("4c")]);
    assert_eq!(Frame::join(&[joined.clone(), frames[0].clone()]).packets(), 4);
}

#[test]
fn a_join_of_one_is_shared_and_of_none_is_empty() {
    let frame = Frame::text("4a");
    assert_eq!(Frame::join([&frame]).bytes().as_ptr(), frame.bytes().as_ptr());
    let none = Frame::join([]);
    assert!(none.is_empty());
    assert_eq!((none.len(), none.packets(), parts(&none)), (0, 0, vec![]));
}

#[test]
fn control_frames_are_not_packets() {
    let frames = [Frame::control(Opcode::Pong, b"x"), Frame::text("2"), Frame::close(None)];
    let joined = Frame::join(&frames);
    assert_eq!(parts(&joined), [Part::Text("2")]);
    assert_eq!(joined.packets(), 1);
    assert_eq!(&joined.bytes()[..], b"\x8a\x01x\x81\x012\x88\x00");
    assert_eq!(&Frame::close(Some(1009)).bytes()[..], b"\x88\x02\x03\xf1");
}

#[test]
fn a_control_frame_stays_within_its_125_bytes() {
    let frame = Frame::control(Opcode::Pong, &[b'p'; 200]);
    assert_eq!(frame.len(), 2 + 125);
}

#[test]
fn binary_becomes_base64_for_a_client_that_cannot_receive_it() {
    let pong = Frame::control(Opcode::Pong, b"x");
    let frames = [Frame::text("451-[]"), Frame::binary(&[1, 2, 3, 4]), pong, Frame::binary(&[])];
    let text = Frame::join(&frames).base64_binary();
    let bytes = b"\x81\x06451-[]\x81\x09bAQIDBA==\x8a\x01x\x81\x01b";
    assert_eq!(&text.bytes()[..], bytes);
    assert_eq!(parts(&text), [Part::Text("451-[]"), Part::Text("bAQIDBA=="), Part::Text("b")]);
    let plain = Frame::text("4a");
    assert_eq!(plain.base64_binary().bytes().as_ptr(), plain.bytes().as_ptr());
}
