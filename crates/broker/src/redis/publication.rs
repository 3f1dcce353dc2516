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

use bytes::{Bytes, BytesMut};

use super::tail::Kept;
use crate::{Delivery, Epoch, Head, Names, Record};

/// Memory that entries which follow each other share. Each keeps all of it, but they come and go
/// together.
const BLOCK: usize = 32 << 10;

/// An entry of more bytes has memory of its own.
const SHARING_MAX: usize = 1 << 10;

/// So many digits are no number above the largest one, whichever they are.
const DIGITS_SAFE: usize = 19;

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

/// Reads what comes over one channel. Nothing that it gives keeps what it was read from.
#[derive(Default)]
pub(super) struct Decoder {
    block: BytesMut,
    /// The epoch of the last entry: nearly always that of the next one too.
    epoch: Option<Epoch>,
}

impl Decoder {
    /// Reads whatever came over the channel.
    pub(super) fn decode(&mut self, publication: &[u8]) -> Result<Decoded, Undecodable> {
        let mut reading = Reading::of(publication);
        match reading.take(3)? {
            b"1e " => {
                let epoch = self.epoch(reading.take(16)?)?;
                if reading.take(1)? != b" " {
                    return Err(Undecodable);
                }
                let record = reading.entry()?.record(self.block())?;
                Ok(Delivery::Entry(epoch, Arc::new(record)).into())
            }
            b"1r " => {
                let epoch = self.epoch(reading.word()?)?;
                let length = reading.number()?;
                reading.end_line()?;
                let tombstone = Bytes::copy_from_slice(reading.take(length)?);
                let record = reading.entry()?.record(self.block())?;
                let delivery = Delivery::Entry(epoch, Arc::new(record));
                Ok(Decoded { delivery, tombstone: Some(tombstone) })
            }
            b"1w " => {
                let epoch = self.epoch(reading.word()?)?;
                let seq = reading.number()?;
                reading.end_line()?;
                let instance = text(reading.rest)?.into();
                Ok(Delivery::Watermark { instance, head: Head { epoch, seq } }.into())
            }
            b"1s " => {
                let room = text(reading.room()?)?.into();
                let bytes = Bytes::copy_from_slice(reading.rest);
                Ok(Delivery::Signal { room, bytes }.into())
            }
            _ => Err(Undecodable),
        }
    }

    fn epoch(&mut self, bytes: &[u8]) -> Result<Epoch, Undecodable> {
        match self.epoch {
            Some(epoch) if epoch.as_bytes() == bytes => Ok(epoch),
            _ => {
                let epoch = text(bytes)?.parse().map_err(|_| Undecodable)?;
                self.epoch = Some(epoch);
                Ok(epoch)
            }
        }
    }

    /// Where the next entry may go, if it is short.
    fn block(&mut self) -> &mut BytesMut {
        if self.block.capacity() < SHARING_MAX {
            self.block = BytesMut::with_capacity(BLOCK);
        }
        &mut self.block
    }
}

/// Writes what puts back an entry.
pub(super) fn offer(kept: &Kept) -> Vec<u8> {
    let Record { seq, offset, at, names, target, bytes } = &*kept.record;
    let (room, user, id) = (names.room(), names.user(), names.id());
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
pub(super) fn record(record: &[u8]) -> Result<Record, Undecodable> {
    Reading::of(record).entry()?.record(&mut BytesMut::new())
}

/// Reads an entry as its room keeps it.
pub(super) fn body(room: &str, body: &[u8]) -> Result<Record, Undecodable> {
    Reading::of(body).body(room.as_bytes())?.record(&mut BytesMut::new())
}

/// An entry of which nothing is copied yet.
struct Entry<'a> {
    seq: u64,
    offset: u64,
    at: u64,
    target: Option<u64>,
    room: &'a [u8],
    of_user: usize,
    of_id: usize,
    /// User, id and bytes.
    rest: &'a [u8],
}

impl Entry<'_> {
    /// Copies it, into this memory where it is short.
    fn record(self, block: &mut BytesMut) -> Result<Record, Undecodable> {
        let Self { seq, offset, at, target, room, of_user, of_id, rest } = self;
        let length = room.len() + rest.len();
        let mut bytes = if length <= SHARING_MAX.min(block.capacity()) {
            block.extend_from_slice(room);
            block.extend_from_slice(rest);
            block.split().freeze()
        } else {
            [room, rest].concat().into()
        };
        let user_end = room.len() + of_user;
        let names = bytes.split_to(user_end + of_id);
        let names = Names::of(names, room.len(), user_end).ok_or(Undecodable)?;
        Ok(Record { seq, offset, at, names, target, bytes })
    }
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

    /// The next word as a number.
    fn number(&mut self) -> Result<u64, Undecodable> {
        self.numbers().map(|[number]| number)
    }

    /// The next words as numbers. Every entry has many, so they are read in one go.
    fn numbers<const COUNT: usize>(&mut self) -> Result<[u64; COUNT], Undecodable> {
        let (mut line, mut numbers) = (self.rest, [0_u64; COUNT]);
        for number in &mut numbers {
            let mut digits = 0;
            for byte in line {
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    break;
                }
                *number = number.wrapping_mul(10).wrapping_add(digit.into());
                digits += 1;
            }
            let (word, rest) = line.split_at(digits);
            if digits > DIGITS_SAFE {
                *number = long_number(word)?;
            }
            line = match rest {
                [b' ', behind @ ..] if digits > 0 => behind,
                [b'\n', ..] if digits > 0 => rest,
                _ => return Err(Undecodable),
            };
        }
        self.rest = line;
        Ok(numbers)
    }

    /// Skips what a later release may have added.
    fn end_line(&mut self) -> Result<(), Undecodable> {
        if let [b'\n', rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(());
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(Undecodable)?;
        self.take(end + 1).map(drop)
    }

    fn room(&mut self) -> Result<&'a [u8], Undecodable> {
        let length = self.number()?;
        self.end_line()?;
        self.take(length)
    }

    fn entry(mut self) -> Result<Entry<'a>, Undecodable> {
        let room = self.room()?;
        self.body(room)
    }

    fn body(mut self, room: &'a [u8]) -> Result<Entry<'a>, Undecodable> {
        let [seq, offset, at, target, of_user, of_id] = self.numbers()?;
        let (of_user, of_id) = (length(of_user)?, length(of_id)?);
        self.end_line()?;
        let names = of_user.checked_add(of_id).ok_or(Undecodable)?;
        if names > self.rest.len() {
            return Err(Undecodable);
        }
        let target = (target > 0).then_some(target);
        Ok(Entry { seq, offset, at, target, room, of_user, of_id, rest: self.rest })
    }
}

#[cold]
fn long_number(digits: &[u8]) -> Result<u64, Undecodable> {
    text(digits)?.parse().map_err(|_| Undecodable)
}

fn length(number: u64) -> Result<usize, Undecodable> {
    number.try_into().map_err(|_| Undecodable)
}

fn text(bytes: &[u8]) -> Result<&str, Undecodable> {
    std::str::from_utf8(bytes).map_err(|_| Undecodable)
}

#[cfg(test)]
mod tests;
