//! The array of an event or acknowledgement, split but not parsed.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{DecodeError, json};

/// An event's array: its name, and its arguments as they stand in the text.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    /// The event's name; a number as it is written. Half a surrogate pair, which no `str`
    /// can hold, stays the escape it was.
    pub name: Cow<'a, str>,
    /// The arguments behind the name.
    pub rest: Vec<&'a RawValue>,
}

impl<'a> Args<'a> {
    /// Splits the data of an event.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Payload`] or [`DecodeError::EventName`]; never for an event from an
    /// [`super::Assembler`].
    pub fn event(data: &'a str) -> Result<Self, DecodeError> {
        let mut rest = Self::split(data)?.into_iter();
        let name = rest.next().ok_or(DecodeError::EventName)?.get();
        let name = match name.as_bytes().first() {
            Some(b'"') => json::text_of(name),
            Some(b'-' | b'0'..=b'9') => Cow::Borrowed(name),
            _ => return Err(DecodeError::EventName),
        };
        Ok(Self { name, rest: rest.collect() })
    }

    /// Splits the data of an acknowledgement: arguments only.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Payload`] if it is no array; never for one from an
    /// [`super::Assembler`].
    pub fn split(data: &'a str) -> Result<Vec<&'a RawValue>, DecodeError> {
        serde_json::from_str(data).map_err(|_| DecodeError::Payload)
    }

    /// The arguments as JSON texts, as [`super::event`] and [`super::ack`] take them.
    pub fn texts(&self) -> Vec<&'a str> {
        self.rest.iter().map(|argument| argument.get()).collect()
    }
}
