//! The WebSocket decoder against tungstenite's.

use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};
use wire::websocket::Decoder;

use crate::streams::sent;
use crate::websocket::{Seen, decode};

const LIMIT: usize = 100_000;

/// Input to be read; what is written (answers to pings) is dropped.
struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite sees, and whether it had nothing to object.
fn oracle(bytes: &[u8]) -> (Vec<Seen>, bool) {
    let config =
        WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let wire = Wire(Cursor::new(bytes.to_vec()));
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, Some(config));
    let mut seen = Vec::new();
    loop {
        seen.push(match socket.read() {
            Ok(Message::Text(text)) => Seen::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Seen::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Seen::Pong(bytes.to_vec()),
            Ok(Message::Close(frame)) => {
                seen.push(Seen::Close(frame.map(|frame| frame.code.into())));
                return (seen, true);
            }
            Ok(Message::Frame(_)) => unreachable!("reading gives messages"),
            // The input is at its end, perhaps in the middle of a frame.
            Err(Error::Protocol(error)) if error.to_string().contains("without closing") => {
                return (seen, true);
            }
            Err(Error::ConnectionClosed) => return (seen, true),
            Err(_) => return (seen, false),
        });
    }
}

proptest! {
    #[test]
    fn valid_streams_are_read_as_tungstenite_reads_them(
        sent in prop::collection::vec(sent(), 0..6),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for message in &sent {
            message.put(&mut bytes, &mut expected);
        }
        prop_assert_eq!(oracle(&bytes), (expected, true));
    }

    /// What is accepted here is accepted there, with the same meaning.
    #[test]
    fn damaged_streams_are_accepted_only_if_tungstenite_accepts_them(
        sent in prop::collection::vec(sent(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        for message in &sent {
            message.put(&mut bytes, &mut Vec::new());
        }
        for (place, byte) in &damage {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        let seen = decode(&mut Decoder::server(LIMIT), [&bytes[..]]);
        let (others, accepted) = oracle(&bytes);
        if let Some((Seen::Error(_), before)) = seen.split_last() {
            // tungstenite is laxer: it may go further on the same way.
            prop_assert!(others.starts_with(before));
        } else {
            prop_assert!(accepted);
            prop_assert_eq!(seen, others);
        }
    }
}
