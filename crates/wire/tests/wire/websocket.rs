//! The WebSocket decoder against its vectors, and as properties.

use std::ops::ControlFlow;

use wire::Frame;
use wire::websocket::{DecodeError, Decoder, Message, Opcode, accept_key, encode_client};

use crate::vectors::{self, Vector};

/// The limit that the vectors are written for.
pub(crate) const LIMIT: usize = 70_000;

/// A [`Message`] that owns its bytes, or the error behind the last one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    Error(DecodeError),
}

impl From<Message<'_>> for Seen {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.as_bytes().to_vec()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Message::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Message::Close(code) => Self::Close(code),
        }
    }
}

impl Seen {
    pub(crate) fn opcode_and_payload(&self) -> Option<(Opcode, Vec<u8>)> {
        Some(match self {
            Self::Text(bytes) => (Opcode::Text, bytes.clone()),
            Self::Binary(bytes) => (Opcode::Binary, bytes.clone()),
            Self::Ping(bytes) => (Opcode::Ping, bytes.clone()),
            Self::Pong(bytes) => (Opcode::Pong, bytes.clone()),
            Self::Close(code) => {
                (Opcode::Close, code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec()))
            }
            Self::Error(_) => return None,
        })
    }
}

/// Feeds the pieces one after the other, up to the first error.
pub(crate) fn decode<'a>(
    decoder: &mut Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Seen> {
    let mut seen = Vec::new();
    for piece in pieces {
        let fed = decoder.feed(&mut piece.to_vec(), |message| {
            seen.push(message.into());
            ControlFlow::Continue(())
        });
        if let Err(error) = fed {
            seen.push(Seen::Error(error));
        }
    }
    seen
}

fn outcome(text: &str) -> Vec<Seen> {
    let one = |part: &str| {
        let (kind, rest) = part.split_once(' ').unwrap_or((part, ""));
        match kind {
            "text" => Seen::Text(vectors::bytes(rest)),
            "binary" => Seen::Binary(vectors::bytes(rest)),
            "ping" => Seen::Ping(vectors::bytes(rest)),
            "pong" => Seen::Pong(vectors::bytes(rest)),
            "close" => Seen::Close((!rest.is_empty()).then(|| rest.parse().expect("a code"))),
            "error" => Seen::Error(error(rest)),
            other => panic!("no outcome is called {other:?}"),
        }
    };
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

fn error(name: &str) -> DecodeError {
    use DecodeError as E;
    let plain = [
        E::ReservedBits,
        E::ReservedOpcode,
        E::FragmentedControl,
        E::OversizedControl,
        E::Unmasked,
        E::Masked,
        E::LongLength,
        E::LengthTopBit,
        E::UnexpectedContinuation,
        E::InterleavedMessage,
        E::TruncatedCloseCode,
        E::InvalidUtf8,
        E::TooLarge,
    ];
    if let Some(code) = name.strip_prefix("CloseCode(").and_then(|name| name.strip_suffix(')')) {
        return E::CloseCode(code.parse().expect("a code"));
    }
    *plain.iter().find(|error| format!("{error:?}") == name).expect("an error's name")
}

fn check(vector: &Vector, decoder: fn(usize) -> Decoder, client: bool) {
    let input = vectors::bytes(&vector.input);
    let expected = outcome(&vector.outcome);
    let place = &vector.place;
    assert_eq!(decode(&mut decoder(LIMIT), [&input[..]]), expected, "{place}: whole");

    let each = decode(&mut decoder(LIMIT), input.chunks(1));
    assert_eq!(each, expected, "{place}: byte by byte");
    // In two pieces at every byte; of the long ones only near the ends, where headers are.
    for at in (0..input.len()).filter(|at| *at < 600 || input.len() - at < 20) {
        let (head, tail) = input.split_at(at);
        assert_eq!(decode(&mut decoder(LIMIT), [head, tail]), expected, "{place}: split at {at}");
    }

    let mask = client.then(|| mask_of(&input).unwrap_or_default());
    let encoded = encode(&expected, mask);
    let failed = matches!(expected.last(), Some(Seen::Error(_)));
    let same = if failed { input.starts_with(&encoded) } else { input == encoded };
    assert_eq!(same, vector.exact, "{place}: encoded again");
    let without_error = &expected[..expected.len() - usize::from(failed)];
    assert_eq!(decode(&mut decoder(LIMIT), [&encoded[..]]), without_error, "{place}: again");
}

/// The mask of the first frame.
fn mask_of(input: &[u8]) -> Option<[u8; 4]> {
    let at = match input.get(1)? & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    input.get(at..at + 4)?.try_into().ok()
}

/// Encodes what was seen as a client does, if there is a mask, and else as a server.
fn encode(seen: &[Seen], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (opcode, payload) in seen.iter().filter_map(Seen::opcode_and_payload) {
        match mask {
            Some(mask) => encode_client(opcode, &payload, mask, &mut encoded),
            None => encoded.extend_from_slice(server_frame(opcode, &payload).bytes()),
        }
    }
    encoded
}

fn server_frame(opcode: Opcode, payload: &[u8]) -> Frame {
    match opcode {
        Opcode::Text => Frame::text(std::str::from_utf8(payload).expect("a text that was seen")),
        Opcode::Binary => Frame::binary(payload),
        opcode => Frame::control(opcode, payload),
    }
}

#[test]
fn server_reads_its_vectors() {
    for vector in vectors::read("websocket_server.txt") {
        check(&vector, Decoder::server, true);
    }
}

#[test]
fn client_reads_its_vectors() {
    for vector in vectors::read("websocket_client.txt") {
        check(&vector, Decoder::client, false);
    }
}

#[test]
fn accept_key_is_the_example_of_the_standard() {
    assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn errors_have_their_close_codes() {
    assert_eq!(DecodeError::InvalidUtf8.close_code(), 1007);
    assert_eq!(DecodeError::TooLarge.close_code(), 1009);
    assert_eq!(DecodeError::Unmasked.close_code(), 1002);
    assert_eq!(DecodeError::CloseCode(1005).close_code(), 1002);
}

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    encode_client(opcode, payload, [0x12, 0x34, 0x56, 0x78], &mut encoded);
    encoded
}

#[test]
fn whole_frames_are_decoded_where_they_lie() {
    let mut input = masked(Opcode::Text, &[b'x'; 300]);
    input.extend(masked(Opcode::Binary, b"second"));
    input.extend(masked(Opcode::Ping, b"third"));
    let place = input.as_ptr_range();
    let mut decoder = Decoder::server(LIMIT);
    let mut seen = 0;
    decoder
        .feed(&mut input, |message| {
            let payload = match message {
                Message::Text(text) => text.as_bytes(),
                Message::Binary(bytes) | Message::Ping(bytes) => bytes,
                other => panic!("{other:?}"),
            };
            assert!(place.contains(&payload.as_ptr()));
            seen += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, 3);
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn memory_is_held_only_for_bytes_that_have_come() {
    let mut decoder = Decoder::server(usize::MAX);
    assert_eq!(decoder.buffered(), 0);
    // A header that declares four gigabytes, and three bytes of them.
    let huge = [&[0x82, 0xff][..], &[0; 4], &[0xff; 4], &[0; 4], b"abc"].concat();
    assert_eq!(decode(&mut decoder, [&huge[..]]), []);
    assert!((17..100).contains(&decoder.buffered()), "{}", decoder.buffered());

    let mut decoder = Decoder::server(LIMIT);
    let frame = masked(Opcode::Text, &[b'x'; 5000]);
    decode(&mut decoder, [&frame[..4000]]);
    assert!((4000..8100).contains(&decoder.buffered()), "{}", decoder.buffered());
    decode(&mut decoder, [&frame[4000..]]);
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn fragments_are_held_until_the_last_one_has_come() {
    let mut decoder = Decoder::server(LIMIT);
    let mut first = masked(Opcode::Text, &[b'a'; 1000]);
    first[0] &= 0x7f;
    decode(&mut decoder, [&first[..]]);
    assert!((1000..2100).contains(&decoder.buffered()), "{}", decoder.buffered());
    let last = masked(Opcode::Continuation, b"b");
    let seen = decode(&mut decoder, [&last[..]]);
    assert_eq!(seen, [Seen::Text([&[b'a'; 1000][..], b"b"].concat())]);
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn a_break_drops_the_rest_for_good() {
    let mut decoder = Decoder::server(LIMIT);
    let mut input = [masked(Opcode::Text, b"a"), masked(Opcode::Text, b"b")].concat();
    input.extend(&masked(Opcode::Text, b"c")[..3]);
    let mut seen = Vec::new();
    let stop = |message: Message<'_>| {
        seen.push(Seen::from(message));
        ControlFlow::Break(())
    };
    decoder.feed(&mut input, stop).unwrap();
    assert_eq!(seen, [Seen::Text(b"a".to_vec())]);
    assert_eq!(decoder.buffered(), 0);
    assert_eq!(decode(&mut decoder, [&masked(Opcode::Text, b"d")[..]]), []);
}

#[test]
fn nothing_is_taken_after_an_error() {
    let mut decoder = Decoder::server(LIMIT);
    let first = decode(&mut decoder, [&[0xf1][..], &masked(Opcode::Text, b"a")]);
    assert_eq!(first, [Seen::Error(DecodeError::ReservedBits)]);
    assert_eq!(decoder.buffered(), 0);
}
