//! How the log is read, inside a transaction that sees one state of it. What has passed a limit is
//! not shown, whether or not `sweep` has deleted it yet.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::schema::{parse_epoch, signed, unsigned};
use crate::{
    Error, Head, Limits, Names, PAGE_MAX, PartitionPage, Range, Record, RoomPage, TARGETING_MAX,
};

/// What is kept, at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) room_entries: u64,
    pub(super) partition_entries: u64,
    /// Entries of rooms that are older have passed their age.
    pub(super) room_since: u64,
    /// The same for the partition.
    pub(super) partition_since: u64,
}

impl Kept {
    pub(super) fn at(limits: &Limits, now: u64) -> Self {
        Self {
            room_entries: limits.room_entries,
            partition_entries: limits.partition_entries,
            room_since: since(now, limits.room_age),
            partition_since: since(now, limits.partition_age),
        }
    }
}

/// The time that lies so far back; 0 where that is before all time.
pub(super) fn since(now: u64, age: std::time::Duration) -> u64 {
    now.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// The state of the partition.
pub(super) fn head(db: &Connection) -> Result<Head, Error> {
    let (epoch, seq): (String, i64) = db
        .prepare_cached("SELECT epoch, seq FROM log_and_tip")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Head { epoch: parse_epoch(&epoch)?, seq: unsigned(seq) })
}

pub(super) fn partition(
    db: &Connection,
    kept: Kept,
    after: u64,
    to: u64,
    limit: usize,
) -> Result<PartitionPage, Error> {
    let head = head(db)?;
    let floor = partition_floor(db, kept, head.seq)?;
    let records = records(
        db,
        "WHERE e.seq > ?1 AND e.seq <= ?2 ORDER BY e.seq LIMIT ?3",
        params![signed(after.max(floor)), signed(to), count(limit.min(PAGE_MAX))],
    )?;
    Ok(PartitionPage { head, records, reaches_back: floor <= after })
}

pub(super) fn room(
    db: &Connection,
    kept: Kept,
    name: &str,
    range: Range,
    limit: usize,
) -> Result<RoomPage, Error> {
    let Head { epoch, seq } = head(db)?;
    let Some(room) = Room::find(db, name)? else {
        return Ok(RoomPage {
            epoch,
            head: 0,
            about: None,
            seq,
            records: Vec::new(),
            targeting: Vec::new(),
            more: false,
            reaches_back: true,
        });
    };
    let about = room.about(db)?;
    let floor = room.floor(db, kept)?;
    let limit = limit.min(PAGE_MAX);
    // One more than asked shows whether there is more.
    let wanted = count(limit + 1);
    let (mut records, backwards) = match range {
        Range::Newest | Range::Before(_) => {
            let before = if let Range::Before(offset) = range { offset } else { u64::MAX };
            let sql = "WHERE e.room = ?1 AND e.offset > ?2 AND e.offset < ?3
                       ORDER BY e.offset DESC LIMIT ?4";
            (records(db, sql, params![room.key, signed(floor), signed(before), wanted])?, true)
        }
        Range::After(after) => {
            let sql = "WHERE e.room = ?1 AND e.offset > ?2 ORDER BY e.offset LIMIT ?3";
            (records(db, sql, params![room.key, signed(after.max(floor)), wanted])?, false)
        }
    };
    let more = records.len() > limit;
    records.truncate(limit);
    if backwards {
        records.reverse();
    }
    let reaches_back = if let Range::After(after) = range { floor <= after } else { floor == 0 };
    let targeting = targeting(db, &room, floor, &records)?;
    Ok(RoomPage { epoch, head: room.head, about, seq, records, targeting, more, reaches_back })
}

/// The newest entries outside the page that target an entry of it, ascending.
fn targeting(
    db: &Connection,
    room: &Room,
    floor: u64,
    page: &[Record],
) -> Result<Vec<Record>, Error> {
    let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(Vec::new()) };
    let mut found = records(
        db,
        // The sign keeps SQLite from walking the room in the wanted order, entry by entry.
        "WHERE e.room = ?1 AND e.target >= ?2 AND e.target <= ?3
           AND +e.offset NOT BETWEEN ?2 AND ?3 AND +e.offset > ?4
         ORDER BY +e.offset DESC LIMIT ?5",
        params![
            room.key,
            signed(first.offset),
            signed(last.offset),
            signed(floor),
            count(TARGETING_MAX)
        ],
    )?;
    found.reverse();
    Ok(found)
}

/// A room as it is stored.
pub(super) struct Room {
    pub(super) key: i64,
    pub(super) head: u64,
    pub(super) trimmed: u64,
}

impl Room {
    fn find(db: &Connection, name: &str) -> Result<Option<Self>, Error> {
        let sql = "SELECT key, head, trimmed FROM rooms_and_heads WHERE name = ?1";
        Ok(db.prepare_cached(sql)?.query_row([name], Self::of).optional()?)
    }

    fn about(&self, db: &Connection) -> Result<Option<Bytes>, Error> {
        let mut about = db.prepare_cached("SELECT about FROM rooms WHERE key = ?1")?;
        let about: Option<Vec<u8>> = about.query_row([self.key], |row| row.get(0))?;
        Ok(about.map(Into::into))
    }

    /// Reads `key, head, trimmed`.
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let [head, trimmed] = [row.get(1)?, row.get(2)?].map(unsigned);
        Ok(Self { key: row.get(0)?, head, trimmed })
    }

    /// The offset up to which the room's entries are gone, or have passed a limit.
    pub(super) fn floor(&self, db: &Connection, kept: Kept) -> Result<u64, Error> {
        let floor = self.trimmed.max(self.head.saturating_sub(kept.room_entries));
        let mut at = db.prepare_cached("SELECT at FROM entries WHERE room = ?1 AND offset = ?2")?;
        first_since(kept.room_since, floor, self.head, |offset| {
            at.query_row(params![self.key, signed(offset)], |row| row.get(0))
        })
    }
}

/// The seq up to which entries are gone, or have passed a limit of the partition.
pub(super) fn partition_floor(db: &Connection, kept: Kept, head: u64) -> Result<u64, Error> {
    let trimmed: i64 =
        db.prepare_cached("SELECT trimmed FROM log")?.query_row([], |row| row.get(0))?;
    let floor = unsigned(trimmed).max(head.saturating_sub(kept.partition_entries));
    let mut at = db.prepare_cached("SELECT at FROM entries WHERE seq = ?1")?;
    first_since(kept.partition_since, floor, head, |seq| {
        at.query_row([signed(seq)], |row| row.get(0))
    })
}

/// The number behind which entries are recent enough. Time never goes back from one to the next,
/// so halving finds it in a few steps.
fn first_since(
    since: u64,
    mut old: u64,
    mut last: u64,
    mut at: impl FnMut(u64) -> rusqlite::Result<i64>,
) -> Result<u64, Error> {
    if since == 0 {
        return Ok(old);
    }
    while old < last {
        let middle = old + (last - old).div_ceil(2);
        if unsigned(at(middle)?) < since {
            old = middle;
        } else {
            last = middle - 1;
        }
    }
    Ok(old)
}

pub(super) fn count(limit: usize) -> i64 {
    signed(limit as u64)
}

fn text<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn records(db: &Connection, rest: &str, values: &[&dyn ToSql]) -> Result<Vec<Record>, Error> {
    let sql = format!(
        "SELECT e.seq, e.offset, e.at, r.name, e.user, e.id, e.target, e.bytes
         FROM entries e JOIN rooms r ON r.key = e.room {rest}"
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map(values, |row| {
        let [seq, offset, at] = [row.get(0)?, row.get(1)?, row.get(2)?].map(unsigned);
        Ok(Record {
            seq,
            offset,
            at,
            names: Names::new(text(row, 3)?, text(row, 4)?, text(row, 5)?),
            target: row.get::<_, Option<i64>>(6)?.map(unsigned),
            bytes: row.get::<_, Vec<u8>>(7)?.into(),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
