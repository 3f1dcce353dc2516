//! Instructions that the codecs take: a chat message from the bytes of its WebSocket frame to the
//! event's arguments, and the frames of an event, an acknowledgement, a batch.

#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement; its macros make public items"
)]

use std::hint::black_box;
use std::ops::ControlFlow;

use gungraun::prelude::*;
use wire::socket::{ATTACHMENTS_MAX, Args, Assembler, Packet};
use wire::websocket::{Decoder, Message, Opcode, encode_client};
use wire::{Frame, engine, socket};

/// Each measurement does its work so often: what happens only at the first time weighs little.
const TIMES: usize = 100;

const CURSOR: &str = "\"one-epochs-name1.123456\"";

/// A text of 64 bytes, as JSON.
fn text() -> String {
    format!("\"{}\"", "a text of many words ".repeat(4).get(..64).unwrap())
}

/// What a stock client sends: an event that wants an acknowledgement.
fn sent() -> String {
    format!("4217[\"chat message\",{}]", text())
}

/// The bytes of so many frames, and a decoder.
fn frames() -> (Decoder, Vec<u8>) {
    let mut bytes = Vec::new();
    for _ in 0..TIMES {
        encode_client(Opcode::Text, sent().as_bytes(), *b"mask", &mut bytes);
    }
    (Decoder::server(1 << 20), bytes)
}

#[library_benchmark]
#[bench::of_100(frames())]
fn websocket((mut decoder, mut bytes): (Decoder, Vec<u8>)) -> Decoder {
    let on = |message: Message<'_>| {
        black_box(message);
        ControlFlow::Continue(())
    };
    decoder.feed(&mut bytes, on).unwrap();
    decoder
}

#[library_benchmark]
#[bench::of_100(vec![sent(); TIMES])]
fn packet(texts: Vec<String>) -> Vec<String> {
    let mut assembler = Assembler::new(ATTACHMENTS_MAX);
    for text in &texts {
        black_box(read(&mut assembler, text));
    }
    texts
}

#[library_benchmark]
#[bench::of_100(frames())]
fn whole((mut decoder, mut bytes): (Decoder, Vec<u8>)) -> Decoder {
    let mut assembler = Assembler::new(ATTACHMENTS_MAX);
    let on = |message: Message<'_>| {
        let Message::Text(text) = message else { panic!("only texts were sent") };
        black_box(read(&mut assembler, text));
        ControlFlow::Continue(())
    };
    decoder.feed(&mut bytes, on).unwrap();
    decoder
}

/// From an Engine.IO packet to the event's name and arguments.
fn read(assembler: &mut Assembler, text: &str) -> Packet {
    let engine::Packet::Text(text) = engine::Packet::decode(text).unwrap() else {
        panic!("only messages were sent")
    };
    let packet = assembler.text(text).unwrap().unwrap();
    black_box(Args::event(packet.data.as_deref().unwrap()).unwrap().texts());
    packet
}

#[library_benchmark]
#[bench::of_100(text())]
fn event(text: String) -> String {
    for _ in 0..TIMES {
        black_box(socket::event("/", "chat message", &[black_box(&text), CURSOR]));
    }
    text
}

#[library_benchmark]
#[bench::of_100()]
fn ack() {
    for _ in 0..TIMES {
        black_box(socket::ack("/", black_box(17), &["{\"ok\":true}"]));
    }
}

#[library_benchmark]
#[bench::of_32(vec![socket::event("/", "chat message", &[&text(), CURSOR]); 32])]
fn join(frames: Vec<Frame>) -> Vec<Frame> {
    black_box(Frame::join(black_box(&frames)));
    frames
}

library_benchmark_group!(name = decode, benchmarks = [websocket, packet, whole]);
library_benchmark_group!(name = encode, benchmarks = [event, ack, join]);
main!(library_benchmark_groups = [decode, encode]);
