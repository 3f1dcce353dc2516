//! Reads what the scripts answer: a word, and the values that belong to it.

use bytes::Bytes;
use redis::{RedisError, ServerError, Value};

use super::script::SCHEMA;
use crate::{Epoch, Error};

/// That a partition is not asked before its log is checked.
pub(super) fn doubted() -> Error {
    Error::Unavailable("the log is checked after a change of Redis".into())
}

/// What a script answered.
#[derive(Debug)]
pub(super) enum Reply {
    /// The word, and what follows it.
    Said(String, Fields),
    /// The partition has no hash: it was never made, or its data was lost.
    Missing,
    /// This Redis may lack the partition's newest entries, and is not asked before that is settled.
    Doubted,
}

/// The values behind the word, taken one by one.
#[derive(Debug)]
pub(super) struct Fields(std::vec::IntoIter<Value>);

/// An answer that no script of this release gives.
pub(super) fn strange() -> Error {
    Error::Damaged("a script answered what was not expected".into())
}

impl Reply {
    /// Reads an answer; what keeps the log from being used at all becomes an error.
    pub(super) fn read(value: Value) -> Result<Self, Error> {
        let values = match value {
            Value::Array(values) => values,
            Value::ServerError(refusal) => return Err(refused(&refusal)),
            _ => return Err(strange()),
        };
        let mut fields = Fields(values.into_iter());
        let word = fields.text()?;
        match word.as_str() {
            "missing" => Ok(Self::Missing),
            "doubted" if fields.is_empty() => Ok(Self::Doubted),
            "schema" => Err(other_schema(&fields.text()?)),
            "partitions" => Err(Error::Damaged(format!(
                "the log was made with {} partitions, and this instance is told of another number",
                fields.text()?
            ))),
            _ => Ok(Self::Said(word, fields)),
        }
    }
}

fn other_schema(found: &str) -> Error {
    match found.parse() {
        Ok(found) if found > SCHEMA => Error::NewerSchema { found, known: SCHEMA },
        _ => Error::Damaged(format!("its schema version is {found:?}, which was never released")),
    }
}

/// The text of what Redis refused, with its code.
pub(super) fn text_of(refusal: &ServerError) -> String {
    format!("{} {}", refusal.code(), refusal.details().unwrap_or_default()).trim_end().to_owned()
}

/// What a refusal of Redis means for a question.
pub(super) fn refused(refusal: &ServerError) -> Error {
    classified(text_of(refusal))
}

/// What an error of the client library means for a question.
pub(super) fn failed(error: &RedisError) -> Error {
    match (error.code(), error.detail()) {
        (Some(code), detail) => classified(format!("{code} {}", detail.unwrap_or_default())),
        (None, _) => Error::Unavailable(error.to_string()),
    }
}

fn classified(text: String) -> Error {
    let damaged = ["WRONGTYPE", "DAMAGED"].iter().any(|sign| text.contains(sign));
    if damaged { Error::Damaged(text) } else { Error::Unavailable(text) }
}

impl Fields {
    pub(super) fn value(&mut self) -> Result<Value, Error> {
        self.0.next().ok_or_else(strange)
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        match self.value()? {
            Value::BulkString(bytes) => Ok(bytes),
            _ => Err(strange()),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, Error> {
        String::from_utf8(self.bytes()?).map_err(|_| strange())
    }

    pub(super) fn number(&mut self) -> Result<u64, Error> {
        match self.value()? {
            Value::Int(number) => u64::try_from(number).map_err(|_| strange()),
            _ => Err(strange()),
        }
    }

    /// A number that comes as text, as all numbers in lists do.
    pub(super) fn digits(&mut self) -> Result<u64, Error> {
        self.text()?.parse().map_err(|_| strange())
    }

    pub(super) fn epoch(&mut self) -> Result<Epoch, Error> {
        self.text()?.parse().map_err(|_| Error::Damaged("the epoch can't be read".into()))
    }

    /// Bytes, or nothing where there are none.
    pub(super) fn perhaps_bytes(&mut self) -> Result<Option<Bytes>, Error> {
        match self.value()? {
            Value::BulkString(bytes) => Ok(Some(bytes.into())),
            Value::Nil => Ok(None),
            _ => Err(strange()),
        }
    }

    /// A list of texts of bytes.
    pub(super) fn list(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        let mut fields = self.nested()?;
        let mut list = Vec::with_capacity(fields.0.len());
        while !fields.is_empty() {
            list.push(fields.bytes()?);
        }
        Ok(list)
    }

    /// A list whose values are taken one by one.
    pub(super) fn nested(&mut self) -> Result<Self, Error> {
        match self.value()? {
            Value::Array(values) => Ok(Self(values.into_iter())),
            _ => Err(strange()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}
