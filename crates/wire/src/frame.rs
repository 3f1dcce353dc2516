//! The shared, already encoded frame: what the hub hands to every receiver of a topic.
//!
//! Owns how packets are laid out in one buffer and how a polling transport gets them back
//! out of it. What the packets say belongs to `engine` and `socket`; who gets them, to `hub`.

use bytes::Bytes;

use crate::engine;
use crate::websocket::{CONTROL_BYTES_MAX, Header, Opcode, put_frame, put_header};

/// One or more whole Engine.IO packets, encoded once as unmasked WebSocket frames
/// (RFC 6455, section 5.2) and shared by all their receivers.
///
/// WebSocket frames delimit themselves, so that the same bytes also serve a polling
/// connection: [`Frame::parts`] walks over them. What must stay together (a packet and its
/// attachments) is in one `Frame`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// Encodes one Engine.IO packet as a text frame. `packet` begins with its type digit:
    /// `2`, `40{…}`.
    pub fn text(packet: &str) -> Self {
        Self::single(Opcode::Text, packet.as_bytes())
    }

    /// Encodes one Engine.IO packet of a known length, which `write` adds to the buffer.
    pub(crate) fn text_of(length: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let header = Header::unmasked_len(length);
        let mut encoded = Vec::with_capacity(header.saturating_add(length));
        put_header(&mut encoded, Opcode::Text, length);
        write(&mut encoded);
        debug_assert_eq!(encoded.len(), header.saturating_add(length), "as it was measured");
        Self(encoded.into())
    }

    /// Encodes one binary message.
    pub fn binary(message: &[u8]) -> Self {
        Self::single(Opcode::Binary, message)
    }

    /// Encodes a control frame: for WebSocket alone, [`Frame::parts`] passes over it.
    ///
    /// `opcode` is a control opcode. A payload beyond the 125 bytes that a control frame may
    /// carry (RFC 6455, section 5.5) is cut.
    pub fn control(opcode: Opcode, payload: &[u8]) -> Self {
        debug_assert!(opcode.is_control(), "a data opcode would be seen by polling clients");
        let payload = payload.get(..CONTROL_BYTES_MAX).unwrap_or(payload);
        Self::single(opcode, payload)
    }

    /// Encodes a close frame; without a code the client sees 1005.
    pub fn close(code: Option<u16>) -> Self {
        match code {
            Some(code) => Self::control(Opcode::Close, &code.to_be_bytes()),
            None => Self::control(Opcode::Close, &[]),
        }
    }

    /// Lays several frames behind each other in one buffer. A single frame is shared, not
    /// copied.
    pub fn join<'a>(frames: impl IntoIterator<Item = &'a Frame, IntoIter: Clone>) -> Self {
        let mut frames = frames.into_iter();
        let all = frames.clone();
        let Some(first) = frames.next() else { return Self(Bytes::new()) };
        if frames.next().is_none() {
            return first.clone();
        }
        let length = all.clone().map(Frame::len).fold(0, usize::saturating_add);
        let mut joined = Vec::with_capacity(length);
        for frame in all {
            joined.extend_from_slice(&frame.0);
        }
        Self(joined.into())
    }

    /// The same packets for a WebSocket client that can't receive binary (`b64=1`): binary
    /// messages become text frames `b<base64>`. Shares the buffer if there are none.
    #[must_use]
    pub fn base64_binary(&self) -> Self {
        if !self.parts().any(|part| matches!(part, Part::Binary(_))) {
            return self.clone();
        }
        let mut out = Vec::new();
        let mut text = String::new();
        for (opcode, payload) in self.parts().frames() {
            if opcode == Opcode::Binary {
                text.clear();
                engine::put_part(Part::Binary(payload), &mut text);
                put_frame(&mut out, Opcode::Text, text.as_bytes());
            } else {
                put_frame(&mut out, opcode, payload);
            }
        }
        Self(out.into())
    }

    /// The bytes as they go onto a WebSocket.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// How many bytes go onto a WebSocket.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it, as in a join of no frames.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many Engine.IO packets are in it; control frames don't count.
    pub fn packets(&self) -> usize {
        self.parts().frames().filter(|(opcode, _)| !opcode.is_control()).count()
    }

    /// Walks over the Engine.IO packets in it, for a polling transport.
    pub fn parts(&self) -> Parts<'_> {
        Parts { rest: &self.0 }
    }

    /// Takes over bytes that [`put_frame`] wrote.
    pub(crate) fn from_encoded(encoded: Vec<u8>) -> Self {
        Self(encoded.into())
    }

    fn single(opcode: Opcode, payload: &[u8]) -> Self {
        let mut encoded =
            Vec::with_capacity(Header::unmasked_len(payload.len()).saturating_add(payload.len()));
        put_frame(&mut encoded, opcode, payload);
        Self(encoded.into())
    }
}

/// One Engine.IO packet of a [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A packet in text form, type digit included.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// The packets of a [`Frame`], in order; see [`Frame::parts`].
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The frames behind the packets, control frames too.
    fn frames(mut self) -> impl Iterator<Item = (Opcode, &'a [u8])> {
        std::iter::from_fn(move || self.next_frame())
    }

    fn next_frame(&mut self) -> Option<(Opcode, &'a [u8])> {
        let header = Header::read(self.rest, false)
            .expect("a Frame holds what put_frame wrote, which is valid")?;
        let (frame, rest) = self.rest.split_at_checked(header.frame_len()?)?;
        self.rest = rest;
        Some((header.opcode, frame.get(header.len..)?))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        loop {
            match self.next_frame()? {
                (Opcode::Text, payload) => {
                    let text =
                        simdutf8::basic::from_utf8(payload).expect("text frames are made of a str");
                    return Some(Part::Text(text));
                }
                (Opcode::Binary, payload) => return Some(Part::Binary(payload)),
                _ => {}
            }
        }
    }
}
