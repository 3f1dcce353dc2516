//! Pages of a room for answers. An answer stands at a place in the order and shows the room up to
//! that place: the log may know later entries, which come live behind the answer.

use broker::{Broker, Error, Head, Range, Record, RoomPage};
use bytes::Bytes;
use chat::{command::Page, render, render::Stretch};

use crate::sequencer::order::entry_place;

/// Entries looked at at once while the room's head at a place is searched.
const SEARCH_PAGE: usize = 50;

/// Bytes of the stored entries in one answer, which must fit into an outbox with room to spare.
/// One entry is shown in any case.
const PAGE_BYTES_MAX: usize = 256 * 1024;

/// What a `join` is answered with.
#[derive(Debug)]
pub(super) struct Joined {
    /// The entries, and the room's head at the place.
    pub(super) stretch: Stretch,
    /// Whether what the client has can't be continued.
    pub(super) reset: bool,
    /// What is known of the room.
    pub(super) about: Option<Bytes>,
    /// Where the log has what the client has, and the place lies before it: how far this instance
    /// must come until it can continue that.
    pub(super) behind: Option<Head>,
}

/// What a `history` is answered with.
#[derive(Debug)]
pub(super) struct Read {
    /// The entries.
    pub(super) stretch: Stretch,
    /// Whether the room exists, because it was made or has entries.
    pub(super) exists: bool,
    /// What is known of the room.
    pub(super) about: Option<Bytes>,
}

/// Reads what a `join` shows: the newest entries, or those after what the client has, none of
/// them later than `place`.
///
/// # Errors
/// The log can't be read.
pub(super) async fn join(
    broker: &dyn Broker,
    room: &str,
    after: Option<chat::command::Position>,
    limit: usize,
    place: Head,
) -> Result<Joined, Error> {
    let mut behind = None;
    if let Some(position) = &after
        && *position.epoch == *place.epoch.as_str()
    {
        let head = head_at(broker, room, place).await?;
        let page = broker.read_room(room, Range::After(position.offset), limit).await?;
        if page.epoch == place.epoch && page.reaches_back && position.offset <= head {
            let known = oldest_that_fit(&page.records[..known_at(&page.records, place)]);
            let shown = known.last().map_or(position.offset, |record| record.offset);
            let stretch = stretch(&page, known, head, shown < head);
            return Ok(Joined { stretch, reset: false, about: page.about, behind: None });
        }
        if position.offset > head {
            behind = further(broker, room, position.offset, place).await?;
        }
    }
    let (stretch, about) = newest(broker, room, limit, place).await?;
    Ok(Joined { stretch, reset: after.is_some(), about, behind })
}

/// Where an entry stands that is later than the place.
async fn further(
    broker: &dyn Broker,
    room: &str,
    offset: u64,
    place: Head,
) -> Result<Option<Head>, Error> {
    let page = broker.read_room(room, Range::After(offset - 1), 1).await?;
    let entry = page.records.first().filter(|record| record.offset == offset);
    let head = entry.map(|record| Head { epoch: page.epoch, seq: record.seq });
    Ok(head.filter(|head| head.epoch == place.epoch && head.seq > place.seq))
}

/// Reads what a `history` shows.
///
/// # Errors
/// The log can't be read.
pub(super) async fn history(
    broker: &dyn Broker,
    room: &str,
    page: Page,
    limit: usize,
) -> Result<Read, Error> {
    let range = match page {
        Page::Newest => Range::Newest,
        Page::Before(offset) => Range::Before(offset),
        Page::After(offset) => Range::After(offset),
        Page::At(at) => Range::After(last_before(broker, room, at).await?),
    };
    let page = broker.read_room(room, range, limit).await?;
    let shown = match range {
        Range::After(_) => oldest_that_fit(&page.records),
        Range::Newest | Range::Before(_) => newest_that_fit(&page.records),
    };
    let more = page.more || shown.len() < page.records.len();
    let stretch = stretch(&page, shown, page.head, more);
    Ok(Read { stretch, exists: exists(&page), about: page.about })
}

/// Whether a room was made or has entries.
pub(super) fn exists(page: &RoomPage) -> bool {
    page.about.is_some() || page.head > 0
}

/// The offset of the newest entry that is older than a time, or that of the one before the oldest
/// that is kept. An entry is looked at in each step, and each step halves what is left.
async fn last_before(broker: &dyn Broker, room: &str, at: u64) -> Result<u64, Error> {
    let first = broker.read_room(room, Range::After(0), 1).await?;
    let Some(oldest) = first.records.first() else { return Ok(first.head) };
    // The one that is looked for is at least `before` and less than `after`.
    let (mut before, mut after) = (oldest.offset - 1, first.head + 1);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        let page = broker.read_room(room, Range::After(middle - 1), 1).await?;
        match page.records.first() {
            Some(record) if record.at < at => before = record.offset.min(after - 1),
            Some(_) | None => after = middle,
        }
    }
    Ok(before)
}

/// The newest entries that are not later than a place.
async fn newest(
    broker: &dyn Broker,
    room: &str,
    limit: usize,
    place: Head,
) -> Result<(Stretch, Option<Bytes>), Error> {
    let mut page = broker.read_room(room, Range::Newest, limit).await?;
    let mut looked_back = false;
    loop {
        if page.epoch != place.epoch {
            return Err(not_yet("this instance does not know yet that the log lost its past"));
        }
        let known = known_at(&page.records, place);
        let first = page.records.first().map(|record| record.offset);
        let head = match (known, first) {
            // All of the page is later than the place: look before it.
            (0, Some(first)) if page.more => {
                page = broker.read_room(room, Range::Before(first), limit).await?;
                looked_back = true;
                continue;
            }
            (0, Some(1)) => 0,
            // What the room had at the place is not kept any more, and comes live all the same.
            (0, first) if first.is_some() || looked_back => {
                return Err(not_yet("this instance lags behind what the room keeps"));
            }
            (0, _) => page.head,
            (known, _) => page.records[known - 1].offset,
        };
        let shown = newest_that_fit(&page.records[..known]);
        let stretch = stretch(&page, shown, head, page.more || shown.len() < known);
        return Ok((stretch, page.about));
    }
}

/// The room's newest offset at a place.
async fn head_at(broker: &dyn Broker, room: &str, place: Head) -> Result<u64, Error> {
    Ok(newest(broker, room, SEARCH_PAGE, place).await?.0.head)
}

/// The place is too far back for an answer; a moment later it is another one.
fn not_yet(why: &str) -> Error {
    Error::Unavailable(why.to_owned())
}

/// How many of the records are not later than a place.
fn known_at(records: &[Record], place: Head) -> usize {
    records.partition_point(|record| record.seq <= place.seq)
}

fn oldest_that_fit(records: &[Record]) -> &[Record] {
    &records[..how_many_fit(records.iter())]
}

fn newest_that_fit(records: &[Record]) -> &[Record] {
    &records[records.len() - how_many_fit(records.iter().rev())..]
}

fn how_many_fit<'a>(records: impl Iterator<Item = &'a Record>) -> usize {
    let mut bytes = 0;
    let fits = |(number, record): &(usize, &Record)| {
        bytes += record.bytes.len();
        *number == 0 || bytes <= PAGE_BYTES_MAX
    };
    records.enumerate().take_while(fits).count()
}

fn stretch(page: &RoomPage, records: &[Record], head: u64, more: bool) -> Stretch {
    let epoch = page.epoch.as_str();
    let entries = records
        .iter()
        .map(|record| render::entry(&entry_place(epoch, record), &record.bytes))
        .collect();
    Stretch { epoch: epoch.to_owned(), head, entries, more }
}

#[cfg(test)]
mod tests;
