//! The header of a frame (RFC 6455, section 5.2): what can be said from its bytes alone.

use super::{CONTROL_BYTES_MAX, DecodeError, Opcode};

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// The 7-bit length that announces a 16-bit one.
const LENGTH_16: u8 = 126;
/// The 7-bit length that announces a 64-bit one.
const LENGTH_64: u8 = 127;

/// A whole header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    /// All zero if the frame is not masked, which changes nothing when applied.
    pub(crate) mask: [u8; 4],
    /// Bytes of the header itself.
    pub(crate) len: usize,
    /// Bytes of the payload, as declared.
    pub(crate) payload_len: u64,
}

impl Header {
    /// The longest header: two bytes, a 64-bit length, a mask.
    pub(crate) const LEN_MAX: usize = 14;

    /// How long the header of an unmasked frame is.
    pub(crate) fn unmasked_len(payload_len: usize) -> usize {
        match payload_len {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        }
    }

    /// Header and payload together; none if memory could not hold it.
    pub(crate) fn frame_len(&self) -> Option<usize> {
        usize::try_from(self.payload_len).ok()?.checked_add(self.len)
    }

    /// Reads a header; `None` if `bytes` ends before it does.
    ///
    /// Rules are checked in the order of the bytes, so that a broken one is reported as soon
    /// as its byte is there, and the same one however the bytes were split.
    pub(crate) fn read(bytes: &[u8], masked: bool) -> Result<Option<Self>, DecodeError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(DecodeError::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & OPCODE).ok_or(DecodeError::ReservedOpcode)?;
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(DecodeError::FragmentedControl);
        }
        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        match (second & MASKED != 0, masked) {
            (false, true) => return Err(DecodeError::Unmasked),
            (true, false) => return Err(DecodeError::Masked),
            _ => {}
        }
        let short = second & LENGTH;
        if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(DecodeError::OversizedControl);
        }
        let Some((payload_len, rest)) = read_length(short, rest)? else { return Ok(None) };
        let (mask, rest) = if masked {
            let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
            (*mask, rest)
        } else {
            ([0; 4], rest)
        };
        let len = bytes.len().saturating_sub(rest.len());
        Ok(Some(Self { fin, opcode, mask, len, payload_len }))
    }
}

fn read_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, DecodeError> {
    match short {
        LENGTH_16 => {
            let Some((length, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
            let length = u16::from_be_bytes(*length);
            if length < u16::from(LENGTH_16) {
                return Err(DecodeError::LongLength);
            }
            Ok(Some((length.into(), rest)))
        }
        LENGTH_64 => {
            let Some((length, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
            let length = u64::from_be_bytes(*length);
            if length >> 63 != 0 {
                return Err(DecodeError::LengthTopBit);
            }
            if u16::try_from(length).is_ok() {
                return Err(DecodeError::LongLength);
            }
            Ok(Some((length, rest)))
        }
        short => Ok(Some((short.into(), rest))),
    }
}

/// Appends the header of a whole frame.
pub(super) fn put(out: &mut Vec<u8>, opcode: Opcode, payload_len: usize, mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { MASKED } else { 0 };
    out.push(FIN | opcode.bits());
    match payload_len {
        0..=125 => out.push(masked | payload_len as u8),
        126..=0xffff => {
            out.push(masked | LENGTH_16);
            out.extend_from_slice(&(payload_len as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | LENGTH_64);
            out.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
}
