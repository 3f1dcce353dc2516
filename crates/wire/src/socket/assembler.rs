//! Puts packets and their attachments together, for one session.

use bytes::Bytes;

use super::parse::parse;
use super::{DecodeError, Packet, PacketKind};

/// Takes the messages of a session in order and gives back whole packets.
///
/// Holds memory only while attachments are missing. After an error the session is to be
/// closed; the assembler has dropped what it held.
#[derive(Debug)]
pub struct Assembler {
    attachments_max: u32,
    /// Whether `CONNECT_ERROR` may come: only a server sends it.
    from_server: bool,
    pending: Option<Box<Pending>>,
}

/// A packet whose attachments have not all come.
#[derive(Debug)]
struct Pending {
    packet: Packet,
    attachments: usize,
}

impl Assembler {
    /// For a server: what clients send. A packet may have so many attachments; the usual
    /// limit is [`super::ATTACHMENTS_MAX`].
    pub fn new(attachments_max: usize) -> Self {
        let attachments_max = u32::try_from(attachments_max).unwrap_or(u32::MAX);
        Self { attachments_max, from_server: false, pending: None }
    }

    /// For a client: what a server sends.
    pub fn client(attachments_max: usize) -> Self {
        Self { from_server: true, ..Self::new(attachments_max) }
    }

    /// Takes a text message, without Engine.IO's `4`; the packet, unless attachments of it
    /// have still to come.
    ///
    /// # Errors
    ///
    /// The rule that the text broke.
    pub fn text(&mut self, text: &str) -> Result<Option<Packet>, DecodeError> {
        if self.pending.take().is_some() {
            return Err(DecodeError::TextInsideBinary);
        }
        let (packet, attachments) =
            parse(text, usize::try_from(self.attachments_max).unwrap_or(usize::MAX))?;
        if packet.kind == PacketKind::ConnectError && !self.from_server {
            return Err(DecodeError::ConnectErrorFromClient);
        }
        if attachments == 0 {
            return Ok(Some(packet));
        }
        self.pending = Some(Box::new(Pending { packet, attachments }));
        Ok(None)
    }

    /// Takes a binary message; the packet, if this was its last attachment.
    ///
    /// # Errors
    ///
    /// [`DecodeError::UnexpectedBinary`] if no attachment is missing.
    pub fn binary(&mut self, attachment: Bytes) -> Result<Option<Packet>, DecodeError> {
        let pending = self.pending.as_mut().ok_or(DecodeError::UnexpectedBinary)?;
        pending.packet.attachments.push(attachment);
        if pending.packet.attachments.len() < pending.attachments {
            return Ok(None);
        }
        Ok(self.pending.take().map(|pending| pending.packet))
    }

    /// Bytes held for a packet whose attachments have not all come.
    pub fn buffered(&self) -> usize {
        let Some(pending) = &self.pending else { return 0 };
        let packet = &pending.packet;
        let text = packet.data.as_ref().map_or(0, |data| data.len());
        packet.attachments.iter().map(Bytes::len).fold(text, usize::saturating_add)
    }
}
