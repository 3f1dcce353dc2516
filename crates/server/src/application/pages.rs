//! Pages of a room for answers. An answer stands at a place in the order and shows the room up to
//! that place: the log may know later entries, which come live behind the answer.

use broker::{Broker, Error, Head, Range, Record, RoomPage};
use chat::{render, render::Stretch};

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
    if let Some(position) = &after
        && *position.epoch == *place.epoch.as_str()
    {
        let head = head_at(broker, room, place).await?;
        let page = broker.read_room(room, Range::After(position.offset), limit).await?;
        if page.epoch == place.epoch && page.reaches_back && position.offset <= head {
            let known = oldest_that_fit(&page.records[..known_at(&page.records, place)]);
            let shown = known.last().map_or(position.offset, |record| record.offset);
            let stretch = stretch(&page, known, head, shown < head);
            return Ok(Joined { stretch, reset: false });
        }
    }
    let stretch = newest(broker, room, limit, place).await?;
    Ok(Joined { stretch, reset: after.is_some() })
}

/// Reads what a `history` shows.
///
/// # Errors
/// The log can't be read.
pub(super) async fn history(
    broker: &dyn Broker,
    room: &str,
    range: Range,
    limit: usize,
) -> Result<Stretch, Error> {
    let page = broker.read_room(room, range, limit).await?;
    let shown = match range {
        Range::After(_) => oldest_that_fit(&page.records),
        Range::Newest | Range::Before(_) => newest_that_fit(&page.records),
    };
    let more = page.more || shown.len() < page.records.len();
    Ok(stretch(&page, shown, page.head, more))
}

/// The newest entries that are not later than a place.
async fn newest(
    broker: &dyn Broker,
    room: &str,
    limit: usize,
    place: Head,
) -> Result<Stretch, Error> {
    let mut page = broker.read_room(room, Range::Newest, limit).await?;
    loop {
        let known = known_at(&page.records, place);
        let first = page.records.first().map(|record| record.offset);
        let head = match (known, first) {
            // All of the page is later than the place: look before it.
            (0, Some(first)) if page.more => {
                page = broker.read_room(room, Range::Before(first), limit).await?;
                continue;
            }
            (0, Some(first)) => first - 1,
            (0, None) => page.head,
            (known, _) => page.records[known - 1].offset,
        };
        let shown = newest_that_fit(&page.records[..known]);
        return Ok(stretch(&page, shown, head, page.more || shown.len() < known));
    }
}

/// The room's newest offset at a place.
async fn head_at(broker: &dyn Broker, room: &str, place: Head) -> Result<u64, Error> {
    Ok(newest(broker, room, SEARCH_PAGE, place).await?.head)
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
