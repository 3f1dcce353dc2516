//! The array of an event or acknowledgement, split but not parsed.

use std::borrow::Cow;

use super::{DecodeError, json};

/// An event's array: its name, and its arguments as they stand in the text.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    /// The event's name; a number as it is written. Half a surrogate pair, which no `str`
    /// can hold, stays the escape it was.
    pub name: Cow<'a, str>,
    /// The name as it stands in the text, and the arguments behind it.
    elements: Vec<&'a str>,
}

impl<'a> Args<'a> {
    /// Splits the data of an event. It has to be valid JSON, as all that an
    /// [`super::Assembler`] lets through is; what else is given is not looked at again.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Payload`] or [`DecodeError::EventName`]; never for an event from an
    /// [`super::Assembler`].
    pub fn event(data: &'a str) -> Result<Self, DecodeError> {
        let elements = Self::split(data)?;
        let name = *elements.first().ok_or(DecodeError::EventName)?;
        let name = match name.as_bytes().first() {
            Some(b'"') => json::text_of(name),
            Some(b'-' | b'0'..=b'9') => Cow::Borrowed(name),
            _ => return Err(DecodeError::EventName),
        };
        Ok(Self { name, elements })
    }

    /// Splits the data of an acknowledgement, which is valid JSON too: arguments only.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Payload`] if it is no array; never for one from an
    /// [`super::Assembler`].
    pub fn split(data: &'a str) -> Result<Vec<&'a str>, DecodeError> {
        json::elements(data).ok_or(DecodeError::Payload)
    }

    /// The arguments as JSON texts, as [`super::event`] and [`super::ack`] take them.
    pub fn texts(&self) -> &[&'a str] {
        self.elements.get(1..).unwrap_or_default()
    }
}
