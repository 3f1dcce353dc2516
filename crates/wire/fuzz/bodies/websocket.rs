//! Fuzzes the WebSocket decoder: no input makes it panic, hold more than it was given, or
//! see something else when the same bytes come in other pieces.

use std::ops::ControlFlow;

use wire::websocket::{DecodeError, Decoder, Message, Opcode, encode_client};

const LIMIT: usize = 4096;

/// The first byte chooses the role and the size of the pieces; the rest is the input.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let server = choice & 1 == 0;
    let piece = usize::from(choice >> 1).max(1);
    let whole = decode(server, [bytes]);
    assert_eq!(decode(server, bytes.chunks(piece)), whole, "in pieces of {piece}");
    assert_eq!(decode(server, bytes.chunks(1)), whole, "byte by byte");
    if server {
        let mut again = Vec::new();
        for (opcode, payload) in &whole.0 {
            encode_client(*opcode, payload, [1, 2, 3, 4], &mut again);
        }
        assert_eq!(decode(server, [&again[..]]), (whole.0, None), "encoded again");
    }
}

type Seen = (Vec<(Opcode, Vec<u8>)>, Option<DecodeError>);

fn decode<'a>(server: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let mut decoder = if server { Decoder::server(LIMIT) } else { Decoder::client(LIMIT) };
    let (mut seen, mut fed) = (Vec::new(), 0);
    for piece in pieces {
        let mut piece = piece.to_vec();
        fed += piece.len();
        let result = decoder.feed(&mut piece, |message| {
            seen.push(match message {
                Message::Text(text) => (Opcode::Text, text.as_bytes().to_vec()),
                Message::Binary(bytes) => (Opcode::Binary, bytes.to_vec()),
                Message::Ping(bytes) => (Opcode::Ping, bytes.to_vec()),
                Message::Pong(bytes) => (Opcode::Pong, bytes.to_vec()),
                Message::Close(code) => {
                    (Opcode::Close, code.map_or(Vec::new(), |code| code.to_be_bytes().into()))
                }
            });
            ControlFlow::Continue(())
        });
        // Vectors grow by doubling, and begin with a few bytes.
        assert!(decoder.buffered() <= 2 * fed + 16, "{} of {fed}", decoder.buffered());
        assert!(decoder.buffered() <= 4 * (LIMIT + 14), "{}", decoder.buffered());
        if let Err(error) = result {
            assert_eq!(decoder.buffered(), 0);
            return (seen, Some(error));
        }
    }
    (seen, None)
}
