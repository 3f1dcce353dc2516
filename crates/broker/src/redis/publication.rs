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

use bytes::Bytes;

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

/// Reads whatever came over the channel.
pub(super) fn decode(publication: Bytes) -> Result<Decoded, Undecodable> {
    let mut rest = publication;
    let kind = rest.get(..3).ok_or(Undecodable)?;
    match kind {
        b"1e " => {
            let _ = rest.split_to(3);
            let epoch = epoch(rest.get(..16).ok_or(Undecodable)?)?;
            if rest.get(16) != Some(&b' ') {
                return Err(Undecodable);
            }
            let record = record(&rest.split_off(17))?;
            Ok(Delivery::Entry(epoch, Arc::new(record)).into())
        }
        b"1r " => {
            let (line, mut rest) = split_line(&rest)?;
            let mut words = words(&line[3..])?;
            let epoch = epoch(words.next().ok_or(Undecodable)?.as_bytes())?;
            let tombstone = Some(take(&mut rest, number(words.next())?)?);
            let delivery = Delivery::Entry(epoch, Arc::new(record(&rest)?));
            Ok(Decoded { delivery, tombstone })
        }
        b"1w " => {
            let (line, instance) = split_line(&rest)?;
            let mut words = words(&line[3..])?;
            let epoch = epoch(words.next().ok_or(Undecodable)?.as_bytes())?;
            let seq = number(words.next())?;
            let instance = text(&instance)?;
            Ok(Delivery::Watermark { instance, head: Head { epoch, seq } }.into())
        }
        b"1s " => {
            let (line, mut rest) = split_line(&rest)?;
            let room = take_text(&mut rest, number(words(&line[3..])?.next())?)?;
            Ok(Delivery::Signal { room, bytes: rest }.into())
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
pub(super) fn record(record: &Bytes) -> Result<Record, Undecodable> {
    let (line, mut rest) = split_line(record)?;
    let room = take_text(&mut rest, number(words(&line)?.next())?)?;
    body(room, &rest)
}

/// Reads an entry as its room keeps it.
pub(super) fn body(room: Box<str>, body: &Bytes) -> Result<Record, Undecodable> {
    let (line, mut rest) = split_line(body)?;
    let mut words = words(&line)?;
    let mut next = || number(words.next());
    let (seq, offset, at, target) = (next()?, next()?, next()?, next()?);
    let (user_length, id_length) = (next()?, next()?);
    let user = take_text(&mut rest, user_length)?;
    let id = take_text(&mut rest, id_length)?;
    let target = (target > 0).then_some(target);
    Ok(Record { seq, offset, at, room, user, id, target, bytes: rest })
}

fn split_line(bytes: &Bytes) -> Result<(Bytes, Bytes), Undecodable> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Undecodable)?;
    Ok((bytes.slice(..end), bytes.slice(end + 1..)))
}

fn words(line: &[u8]) -> Result<std::str::Split<'_, char>, Undecodable> {
    Ok(std::str::from_utf8(line).map_err(|_| Undecodable)?.split(' '))
}

fn number(word: Option<&str>) -> Result<u64, Undecodable> {
    word.ok_or(Undecodable)?.parse().map_err(|_| Undecodable)
}

fn text(bytes: &[u8]) -> Result<Box<str>, Undecodable> {
    std::str::from_utf8(bytes).map(Box::from).map_err(|_| Undecodable)
}

fn epoch(bytes: &[u8]) -> Result<Epoch, Undecodable> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Undecodable)
}

fn take_text(rest: &mut Bytes, length: u64) -> Result<Box<str>, Undecodable> {
    text(&take(rest, length)?)
}

fn take(rest: &mut Bytes, length: u64) -> Result<Bytes, Undecodable> {
    let length = usize::try_from(length).map_err(|_| Undecodable)?;
    if length > rest.len() {
        return Err(Undecodable);
    }
    Ok(rest.split_to(length))
}

#[cfg(test)]
mod tests;
