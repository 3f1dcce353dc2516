//! One Engine.IO packet in its text form.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::DecodeError;
use super::payload::{self, SEPARATOR};

/// Writes padding, and reads base64 with or without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An Engine.IO packet. Borrows from what it was decoded from, except for base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: the server's answer to a handshake, JSON; see [`super::Open`].
    Open(&'a str),
    /// `1`: the session ends.
    Close,
    /// `2`: a heartbeat, or `probe` in an upgrade.
    Ping(&'a str),
    /// `3`: the answer to a ping, with its content.
    Pong(&'a str),
    /// `4`: a message.
    Text(&'a str),
    /// A binary message: a binary frame, or `b` and base64 in text.
    Binary(Cow<'a, [u8]>),
    /// `5`: the client has switched to the new transport.
    Upgrade,
    /// `6`: nothing; it ends a poll.
    Noop,
}

impl<'a> Packet<'a> {
    /// Decodes a packet in text form: a WebSocket text frame, or one packet of a payload.
    /// Content behind [`Self::Close`], [`Self::Upgrade`] and [`Self::Noop`] means nothing and
    /// is passed over, as Node's server does.
    ///
    /// # Errors
    ///
    /// Where Node's server says "parser error".
    pub fn decode(text: &'a str) -> Result<Self, DecodeError> {
        let mut rest = text.chars();
        let kind = rest.next().ok_or(DecodeError::Empty)?;
        let content = rest.as_str();
        match kind {
            '0' => Ok(Self::Open(content)),
            '1' => Ok(Self::Close),
            '2' => Ok(Self::Ping(content)),
            '3' => Ok(Self::Pong(content)),
            '4' => Ok(Self::Text(content)),
            '5' => Ok(Self::Upgrade),
            '6' => Ok(Self::Noop),
            'b' => match BASE64.decode(content) {
                Ok(message) => Ok(Self::Binary(Cow::Owned(message))),
                Err(_) => Err(DecodeError::Base64),
            },
            _ => Err(DecodeError::UnknownType),
        }
    }

    /// Decodes the body of a polling request: packets between separators. Ends after the
    /// first error.
    pub fn decode_payload(body: &'a str) -> impl Iterator<Item = Result<Self, DecodeError>> {
        let mut failed = false;
        body.split(SEPARATOR).map_while(move |text| {
            if failed {
                return None;
            }
            let packet = Self::decode(text);
            failed = packet.is_err();
            Some(packet)
        })
    }

    /// Appends the packet in its text form.
    pub fn encode(&self, out: &mut String) {
        match self {
            Self::Open(json) => put(out, '0', json),
            Self::Close => out.push('1'),
            Self::Ping(content) => put(out, '2', content),
            Self::Pong(content) => put(out, '3', content),
            Self::Text(message) => put(out, '4', message),
            Self::Binary(message) => payload::put_binary(message, out),
            Self::Upgrade => out.push('5'),
            Self::Noop => out.push('6'),
        }
    }
}

fn put(out: &mut String, kind: char, content: &str) {
    out.push(kind);
    out.push_str(content);
}
