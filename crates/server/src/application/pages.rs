//! Pages of a room for answers. An answer stands at a place in the order and shows the room up to
//! that place: the log may know later entries, which come live behind the answer.

use broker::{Broker, Error, Head, Range, Record, RoomPage};
use chat::{render, render::Stretch};

use crate::sequencer::order::entry_place;

/// Entries looked at at once while the room's head at a place is searched.
const SEARCH_PAGE: usize = 50;

/// What a `join` is answered with.
#[derive(Debug)]
pub struct Joined {
    /// The entries, and the room's head at the place.
    pub stretch: Stretch,
    /// Whether what the client has can't be continued.
    pub reset: bool,
}

/// Reads what a `join` shows: the newest entries, or those after what the client has, none of
/// them later than `place`.
///
/// # Errors
/// The log can't be read.
pub async fn join(
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
            let known = &page.records[..known_at(&page.records, place)];
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
pub async fn history(
    broker: &dyn Broker,
    room: &str,
    range: Range,
    limit: usize,
) -> Result<Stretch, Error> {
    let page = broker.read_room(room, range, limit).await?;
    Ok(stretch(&page, &page.records, page.head, page.more))
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
        let head = match (page.records.get(known), known) {
            // Nothing later than the place: the page's own head.
            (None, _) if page.seq <= place.seq => page.head,
            (None, 0) => 0,
            (_, known) if known > 0 => page.records[known - 1].offset,
            // All of the page is later than the place: look before it.
            (Some(later), _) if page.more => {
                let before = Range::Before(later.offset);
                page = broker.read_room(room, before, limit).await?;
                continue;
            }
            (later, _) => later.map_or(0, |record| record.offset - 1),
        };
        return Ok(stretch(&page, &page.records[..known], head, page.more));
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
