//! From the bytes of a connection to whole messages (RFC 6455, sections 5 and 7).
//!
//! A frame that lies whole in the input is decoded where it lies. Only what is incomplete is
//! kept: the raw bytes of one frame, and the fragments of one message.

use std::mem;
use std::ops::ControlFlow;

use super::{DecodeError, Header, Message, Opcode, mask};

/// Decodes one direction of a WebSocket connection.
///
/// Holds no heap memory unless a frame or a message is incomplete, and then only for bytes
/// that have arrived. After a close frame, an error or a `Break` it takes no further input.
#[derive(Debug)]
pub struct Decoder {
    /// Bytes of a whole message, over all its fragments.
    limit: u32,
    /// Whether the peer has to mask: it has, if we are the server.
    masked: bool,
    ended: bool,
    /// None while nothing is incomplete, as it is nearly always.
    held: Option<Box<Held>>,
}

/// What is incomplete.
#[derive(Debug, Default)]
struct Held {
    /// The raw bytes of one frame.
    partial: Vec<u8>,
    message: Option<Fragments>,
}

/// A message whose last fragment has not come yet.
#[derive(Debug)]
struct Fragments {
    opcode: Opcode,
    payload: Vec<u8>,
    /// How much of a text's payload is known to be UTF-8.
    checked: usize,
}

impl Fragments {
    fn new(opcode: Opcode) -> Self {
        Self { opcode, payload: Vec::new(), checked: 0 }
    }

    /// Adds a fragment. A text is refused at the first fragment that spoils it; a character
    /// cut in two may be completed by the next one.
    fn push(&mut self, fragment: &[u8]) -> Result<(), DecodeError> {
        self.payload.extend_from_slice(fragment);
        if self.opcode == Opcode::Binary {
            return Ok(());
        }
        let unchecked = self.payload.get(self.checked..).unwrap_or_default();
        let valid = match simdutf8::compat::from_utf8(unchecked) {
            Ok(_) => unchecked.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(DecodeError::InvalidUtf8),
        };
        self.checked = self.checked.saturating_add(valid);
        Ok(())
    }
}

impl Decoder {
    /// For a server: frames must be masked. `limit` is in bytes of a whole message; it ends at
    /// 4 GiB.
    pub fn server(limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self { limit, masked: true, ended: false, held: None }
    }

    /// For a client: frames must not be masked. `limit` is as for a server.
    pub fn client(limit: usize) -> Self {
        Self { masked: false, ..Self::server(limit) }
    }

    /// Bytes of heap memory held for what is incomplete.
    pub fn buffered(&self) -> usize {
        let Some(held) = &self.held else { return 0 };
        let message = held.message.as_ref().map_or(0, |message| message.payload.capacity());
        held.partial.capacity().saturating_add(message)
    }

    /// Consumes all of `input`, taking its masks off in place, and hands on each message that
    /// it completes. What is incomplete is kept for the next call. When `on` breaks, the rest
    /// is dropped and the decoder has ended.
    ///
    /// # Errors
    ///
    /// The first rule that the peer broke; messages before it were handed on, and the decoder
    /// has ended.
    pub fn feed(
        &mut self,
        input: &mut [u8],
        mut on: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<(), DecodeError> {
        if self.ended {
            return Ok(());
        }
        let outcome = self.advance(input, &mut on);
        if !matches!(outcome, Ok(ControlFlow::Continue(()))) {
            self.ended = true;
            self.held = None;
        }
        outcome.map(|_| ())
    }

    fn advance(
        &mut self,
        mut input: &mut [u8],
        on: &mut impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DecodeError> {
        if let Some(mut partial) = self.take_partial() {
            let Some((header, left)) = self.complete(&mut partial, input)? else {
                self.held.get_or_insert_default().partial = partial;
                return Ok(ControlFlow::Continue(()));
            };
            let mut frame = partial;
            if self.frame(&header, &mut frame, on)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let taken = input.len().saturating_sub(left);
            input = input.get_mut(taken..).unwrap_or_default();
        }
        while let Some((header, frame_len)) = self.header(input)? {
            if input.len() < frame_len {
                break;
            }
            let (frame, rest) = mem::take(&mut input).split_at_mut(frame_len);
            input = rest;
            if self.frame(&header, frame, on)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if !input.is_empty() {
            self.held.get_or_insert_default().partial.extend_from_slice(input);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The bytes of the incomplete frame, if there is one.
    fn take_partial(&mut self) -> Option<Vec<u8>> {
        let held = self.held.as_mut()?;
        let partial = mem::take(&mut held.partial);
        if held.message.is_none() {
            self.held = None;
        }
        (!partial.is_empty()).then_some(partial)
    }

    fn take_message(&mut self) -> Option<Fragments> {
        // The raw bytes of a frame were taken before its message is looked at.
        self.held.take()?.message
    }

    /// Copies what the incomplete frame lacks from the front of `input`. If that makes it
    /// whole: its header, and how many bytes of `input` are left.
    fn complete(
        &self,
        partial: &mut Vec<u8>,
        input: &[u8],
    ) -> Result<Option<(Header, usize)>, DecodeError> {
        let mut rest = input.iter();
        let (header, frame_len) = loop {
            if let Some(found) = self.header(partial)? {
                break found;
            }
            // Byte by byte, so that nothing of the next frame is taken; 13 times at most.
            let Some(byte) = rest.next() else { return Ok(None) };
            partial.push(*byte);
        };
        let rest = rest.as_slice();
        let missing = frame_len.saturating_sub(partial.len()).min(rest.len());
        let (taken, rest) = rest.split_at(missing);
        partial.extend_from_slice(taken);
        Ok((partial.len() == frame_len).then_some((header, rest.len())))
    }

    /// Reads the header of a frame and decides whether that frame may come now.
    fn header(&self, bytes: &[u8]) -> Result<Option<(Header, usize)>, DecodeError> {
        let Some(header) = Header::read(bytes, self.masked)? else { return Ok(None) };
        let message = self.held.as_ref().and_then(|held| held.message.as_ref());
        let held = match (message, header.opcode) {
            (None, Opcode::Continuation) => return Err(DecodeError::UnexpectedContinuation),
            (Some(_), Opcode::Text | Opcode::Binary) => {
                return Err(DecodeError::InterleavedMessage);
            }
            (Some(message), Opcode::Continuation) => message.payload.len(),
            _ => 0,
        };
        let room = u64::from(self.limit).saturating_sub(held as u64);
        if !header.opcode.is_control() && header.payload_len > room {
            return Err(DecodeError::TooLarge);
        }
        let frame_len = header.frame_len().ok_or(DecodeError::TooLarge)?;
        Ok(Some((header, frame_len)))
    }

    fn frame(
        &mut self,
        header: &Header,
        frame: &mut [u8],
        on: &mut impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DecodeError> {
        let payload = frame.get_mut(header.len..).unwrap_or_default();
        if self.masked {
            mask::apply(header.mask, payload);
        }
        match header.opcode {
            Opcode::Text | Opcode::Binary if header.fin => data(header.opcode, payload).map(on),
            opcode @ (Opcode::Text | Opcode::Binary | Opcode::Continuation) => {
                let mut message = self.take_message().unwrap_or_else(|| Fragments::new(opcode));
                message.push(payload)?;
                if header.fin {
                    return data(message.opcode, &message.payload).map(on);
                }
                self.held.get_or_insert_default().message = Some(message);
                Ok(ControlFlow::Continue(()))
            }
            Opcode::Ping => Ok(on(Message::Ping(payload))),
            Opcode::Pong => Ok(on(Message::Pong(payload))),
            Opcode::Close => {
                let _ = on(Message::Close(close_code(payload)?));
                Ok(ControlFlow::Break(()))
            }
        }
    }
}

fn data(opcode: Opcode, payload: &[u8]) -> Result<Message<'_>, DecodeError> {
    if opcode == Opcode::Binary {
        return Ok(Message::Binary(payload));
    }
    let text = simdutf8::basic::from_utf8(payload).map_err(|_| DecodeError::InvalidUtf8)?;
    Ok(Message::Text(text))
}

/// The code of a close frame (section 5.5.1); its reason is checked and dropped.
fn close_code(payload: &[u8]) -> Result<Option<u16>, DecodeError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return Err(DecodeError::TruncatedCloseCode);
    };
    let code = u16::from_be_bytes(*code);
    // 1004 to 1006 and 1015 are reserved or never sent (section 7.4.1); 1012 to 1014 were
    // registered later; 3000 to 4999 belong to libraries and applications (section 7.4.2).
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(DecodeError::CloseCode(code));
    }
    match simdutf8::basic::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(DecodeError::InvalidUtf8),
    }
}
