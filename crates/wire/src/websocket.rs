//! The WebSocket protocol (RFC 6455): frames, messages, the handshake's answer.
//!
//! Owns the bytes of a connection after its upgrade. What a message says belongs to `engine`;
//! reading, writing and deadlines belong to `gateway`.

mod decoder;
mod header;
mod mask;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

pub use decoder::Decoder;
pub(crate) use header::Header;

/// How many bytes the payload of a control frame may have (RFC 6455, section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The end of the connection.
    Close,
    /// Asks for a pong with the same payload.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    /// Whether frames of this kind may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            _ => None,
        }
    }
}

/// A whole message or control frame, as [`Decoder::feed`] hands it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// The answer to a ping, or unasked.
    Pong(&'a [u8]),
    /// The peer is done; its code, if it gave one.
    Close(Option<u16>),
}

/// The rule that a peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// RSV1 to RSV3 without a negotiated extension (section 5.2).
    #[error("reserved bits are set")]
    ReservedBits,
    /// Opcodes 3 to 7 and 11 to 15 (section 5.2).
    #[error("the opcode is reserved")]
    ReservedOpcode,
    /// A control frame without FIN (section 5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame with more than 125 bytes (section 5.5).
    #[error("a control frame has more than 125 bytes")]
    OversizedControl,
    /// A client's frame without a mask (section 5.1).
    #[error("a client's frame is not masked")]
    Unmasked,
    /// A server's frame with a mask (section 5.1).
    #[error("a server's frame is masked")]
    Masked,
    /// A length that fits a shorter form (section 5.2).
    #[error("a length is not in its shortest form")]
    LongLength,
    /// A 64-bit length with its most significant bit set (section 5.2).
    #[error("a length has its top bit set")]
    LengthTopBit,
    /// A continuation without a message to continue (section 5.4).
    #[error("there is no message to continue")]
    UnexpectedContinuation,
    /// A new message between the fragments of another (section 5.4).
    #[error("a message began before the last one ended")]
    InterleavedMessage,
    /// A close payload of one byte (section 5.5.1).
    #[error("a close frame has half a code")]
    TruncatedCloseCode,
    /// A close code that may not be sent (section 7.4).
    #[error("the close code {0} may not be sent")]
    CloseCode(u16),
    /// A text message or close reason that is not UTF-8 (section 8.1).
    #[error("a text is not valid UTF-8")]
    InvalidUtf8,
    /// A message beyond the limit given to the decoder (section 10.4).
    #[error("a message is over the limit")]
    TooLarge,
}

impl DecodeError {
    /// The code to close the connection with (section 7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Self::InvalidUtf8 => 1007,
            Self::TooLarge => 1009,
            _ => 1002,
        }
    }
}

/// Computes `Sec-WebSocket-Accept` from `Sec-WebSocket-Key` (section 4.2.2).
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

/// Appends one whole frame as a client sends it: masked.
pub fn encode_client(opcode: Opcode, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.reserve(Header::LEN_MAX.saturating_add(payload.len()));
    header::put(out, opcode, payload.len(), Some(mask));
    let start = out.len();
    out.extend_from_slice(payload);
    mask::apply(mask, out.get_mut(start..).unwrap_or_default());
}

/// Appends one whole frame as a server sends it: unmasked.
pub(crate) fn put_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.reserve(Header::unmasked_len(payload.len()).saturating_add(payload.len()));
    put_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends the header of a whole frame as a server sends it.
pub(crate) fn put_header(out: &mut Vec<u8>, opcode: Opcode, payload_len: usize) {
    header::put(out, opcode, payload_len, None);
}
