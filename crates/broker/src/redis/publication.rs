//! What goes over a partition's channel, and how the streams keep an entry.
//!
//! A publication is one header line and what follows it. The first byte is the version of the
//! format, the second the kind; words that a later release adds to a header line are skipped, and
//! a version or kind that isn't known is reported and otherwise ignored: the gap that an entry
//! leaves is found by the next entry or watermark.
//!
//! ```text
//! publication: "1e " epoch " " record                         an entry
//!              "1r " epoch " " bytes-of-tombstone "\n" tombstone record
//!                                                             one that redacts its target
//!              "1w " epoch " " seq "\n" instance              a watermark
//!              "1s " bytes-of-room "\n" room bytes            a signal
//! record:      bytes-of-room "\n" room body
//! body:        seq " " offset " " at " " target " " bytes-of-user " " bytes-of-id "\n"
//!              user id bytes                                  target 0 stands for none
//! ```
//!
//! `store.lua` and `prelude.lua` write the same forms. An offer, which puts back what a Redis
//! lacks, is `bytes-of-tombstone "\n" tombstone record`, without a number where there is no
//! tombstone.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::tail::Kept;
use crate::{Delivery, Epoch, Head, Record};

/// What can't be read as a publication or a stored entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not in the format that this release knows")]
pub(super) struct Undecodable;

/// Writes a signal.
pub(super) fn signal(room: &str, bytes: &[u8]) -> Vec<u8> {
    let mut publication = format!("1s {}\n{room}", room.len()).into_bytes();
    publication.extend_from_slice(bytes);
    publication
}

/// What came over the channel.
pub(super) struct Decoded {
    pub(super) delivery: Delivery,
    /// What takes the place of the text that an entry redacts.
    pub(super) tombstone: Option<Bytes>,
}

impl From<Delivery> for Decoded {
    fn from(delivery: Delivery) -> Self {
        Self { delivery, tombstone: None }
    }
}

/// Reads whatever came over the channel. What an entry or a signal carries is not copied.
pub(super) fn decode(publication: Bytes) -> Result<Decoded, Undecodable> {
    let mut reading = Reading::of(&publication);
    match reading.take(3)? {
        b"1e " => {
            let epoch = epoch(reading.take(16)?)?;
            if reading.take(1)? != b" " {
                return Err(Undecodable);
            }
            let room = reading.room()?;
            let (record, left) = reading.body(room)?;
            let record = Arc::new(Record { bytes: last(publication, left), ..record });
            Ok(Delivery::Entry(epoch, record).into())
        }
        b"1r " => {
            let epoch = epoch(reading.word()?)?;
            let length = reading.number()?;
            reading.end_line()?;
            let tombstone = publication.slice_ref(reading.take(length)?);
            let room = reading.room()?;
            let (record, left) = reading.body(room)?;
            let record = Arc::new(Record { bytes: last(publication, left), ..record });
            Ok(Decoded { delivery: Delivery::Entry(epoch, record), tombstone: Some(tombstone) })
        }
        b"1w " => {
            let epoch = epoch(reading.word()?)?;
            let seq = reading.number()?;
            reading.end_line()?;
            let instance = text(reading.rest)?;
            Ok(Delivery::Watermark { instance, head: Head { epoch, seq } }.into())
        }
        b"1s " => {
            let room = reading.room()?;
            let left = reading.rest.len();
            Ok(Delivery::Signal { room, bytes: last(publication, left) }.into())
        }
        _ => Err(Undecodable),
    }
}

/// Writes what puts back an entry.
pub(super) fn offer(kept: &Kept) -> Vec<u8> {
    let Record { seq, offset, at, room, user, id, target, bytes } = &*kept.record;
    let mut offer = Vec::new();
    if let Some(tombstone) = &kept.tombstone {
        offer.extend_from_slice(tombstone.len().to_string().as_bytes());
        offer.push(b'\n');
        offer.extend_from_slice(tombstone);
    } else {
        offer.push(b'\n');
    }
    let (target, of_user, of_id) = (target.unwrap_or(0), user.len(), id.len());
    let front =
        format!("{}\n{room}{seq} {offset} {at} {target} {of_user} {of_id}\n{user}{id}", room.len());
    offer.extend_from_slice(front.as_bytes());
    offer.extend_from_slice(bytes);
    offer
}

/// Reads an entry as the log keeps it.
pub(super) fn record(record: Bytes) -> Result<Record, Undecodable> {
    let mut reading = Reading::of(&record);
    let room = reading.room()?;
    let (read, left) = reading.body(room)?;
    Ok(Record { bytes: last(record, left), ..read })
}

/// Reads an entry as its room keeps it.
pub(super) fn body(room: Box<str>, body: Bytes) -> Result<Record, Undecodable> {
    let (read, left) = Reading::of(&body).body(room)?;
    Ok(Record { bytes: last(body, left), ..read })
}

/// What of a publication is not read yet.
struct Reading<'a> {
    rest: &'a [u8],
}

impl<'a> Reading<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take<N: TryInto<usize>>(&mut self, length: N) -> Result<&'a [u8], Undecodable> {
        let length = length.try_into().map_err(|_| Undecodable)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Undecodable)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next word of the line, with the space behind it; empty where the line has no more.
    fn word(&mut self) -> Result<&'a [u8], Undecodable> {
        let is_end = |byte: &u8| matches!(byte, b' ' | b'\n');
        let end = self.rest.iter().position(is_end).ok_or(Undecodable)?;
        let word = self.take(end)?;
        self.rest = self.rest.strip_prefix(b" ").unwrap_or(self.rest);
        Ok(word)
    }

    /// The next word as a number. Every entry has many, so it is read in one go.
    fn number(&mut self) -> Result<u64, Undecodable> {
        let mut number = 0_u64;
        for (place, byte) in self.rest.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    let ten_times = number.checked_mul(10).ok_or(Undecodable)?;
                    number = ten_times.checked_add(u64::from(byte - b'0')).ok_or(Undecodable)?;
                }
                b' ' | b'\n' if place > 0 => {
                    let behind = place + usize::from(*byte == b' ');
                    self.rest = &self.rest[behind..];
                    return Ok(number);
                }
                _ => return Err(Undecodable),
            }
        }
        Err(Undecodable)
    }

    /// Skips what a later release may have added.
    fn end_line(&mut self) -> Result<(), Undecodable> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(Undecodable)?;
        self.take(end + 1).map(drop)
    }

    fn room(&mut self) -> Result<Box<str>, Undecodable> {
        let length = self.number()?;
        self.end_line()?;
        text(self.take(length)?)
    }

    /// Reads the body of an entry up to its bytes, and says how many those are.
    fn body(mut self, room: Box<str>) -> Result<(Record, usize), Undecodable> {
        let mut next = || self.number();
        let (seq, offset, at, target) = (next()?, next()?, next()?, next()?);
        let (user_length, id_length) = (next()?, next()?);
        self.end_line()?;
        let user = text(self.take(user_length)?)?;
        let id = text(self.take(id_length)?)?;
        let target = (target > 0).then_some(target);
        let record = Record { seq, offset, at, room, user, id, target, bytes: Bytes::new() };
        Ok((record, self.rest.len()))
    }
}

/// What it ends with.
fn last(mut of: Bytes, length: usize) -> Bytes {
    of.advance(of.len() - length);
    of
}

fn text(bytes: &[u8]) -> Result<Box<str>, Undecodable> {
    std::str::from_utf8(bytes).map(Box::from).map_err(|_| Undecodable)
}

fn epoch(bytes: &[u8]) -> Result<Epoch, Undecodable> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Undecodable)
}

#[cfg(test)]
mod tests;
