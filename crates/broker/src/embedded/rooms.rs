//! Rooms as such: how one is made, and the list of them. Their entries are left to `append` and
//! `read`.
//!
//! A room's time, by which the list is ordered, isn't written at each append: that of a room with
//! recent entries is theirs, and is written down when the newest of them is recent no more. So a
//! busy room costs nothing, and the list has to look at the recent entries too.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    read::{Kept, count, head},
    schema::{Tip, signed, unsigned},
};
use crate::{Error, ListedRoom, Names, PAGE_MAX, Record, RoomList};

/// A room that somebody wants to have.
pub(super) struct NewRoom {
    pub(super) room: Box<str>,
    pub(super) about: bytes::Bytes,
}

/// Makes rooms in one transaction; says which of them did not exist.
pub(super) fn create<'a>(
    db: &mut Connection,
    rooms: impl Iterator<Item = &'a NewRoom>,
    now: u64,
) -> Result<Vec<bool>, Error> {
    let work = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut made = Vec::new();
    let sql = "INSERT OR IGNORE INTO rooms (name, trimmed, at, about) VALUES (?1, 0, ?2, ?3)";
    for NewRoom { room, about } in rooms {
        let values = params![room, signed(now), &about[..]];
        made.push(work.prepare_cached(sql)?.execute(values)? == 1);
    }
    work.commit()?;
    Ok(made)
}

/// Entries whose rooms' times may be unwritten: what the list has to look at, at most.
const RECENT: u64 = 4_096;

/// Entries that are made recent no more at a time, so that an append waits for a millisecond at
/// most.
const PER_STEP: u64 = 1_024;

/// Writes down the times of rooms that have become quiet.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// How far they are written, where that is known.
    listed: Option<u64>,
}

impl Listing {
    /// Does a little of the work, if any is due.
    pub(super) fn step(&mut self, db: &mut Connection, tip: Tip) -> rusqlite::Result<()> {
        let listed = match self.listed {
            Some(listed) => listed,
            None => *self.listed.insert(listed(db)?),
        };
        let to = listed + PER_STEP;
        if to + RECENT > tip.seq {
            return Ok(());
        }
        // If this fails, it is tried again with the next ones.
        self.listed = Some(to);
        let work = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write_times(&work, to)?;
        work.commit()
    }
}

fn listed(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT listed FROM log")?.query_row([], |row| row.get(0)).map(unsigned)
}

/// Writes the times of the rooms whose newest entry isn't behind `to`.
fn write_times(db: &Connection, to: u64) -> rusqlite::Result<()> {
    let mut quiet = db.prepare_cached(
        "SELECT e.room, e.at FROM entries e
         WHERE e.seq > (SELECT listed FROM log) AND e.seq <= ?1 AND NOT EXISTS
           (SELECT 1 FROM entries next WHERE next.room = e.room AND next.offset = e.offset + 1)",
    )?;
    let mut write = db.prepare_cached("UPDATE rooms SET at = max(at, ?2) WHERE key = ?1")?;
    let mut rows = quiet.query([signed(to)])?;
    while let Some(row) = rows.next()? {
        let values: [i64; 2] = [row.get(0)?, row.get(1)?];
        write.execute(values)?;
    }
    db.prepare_cached("UPDATE log SET listed = ?1")?.execute([signed(to)]).map(drop)
}

/// The rooms, youngest first.
pub(super) fn list(db: &Connection, kept: Kept, limit: usize) -> Result<RoomList, Error> {
    let epoch = head(db)?.epoch;
    let limit = limit.min(PAGE_MAX);
    // One more than asked shows whether there is more.
    let youngest = youngest(db, limit + 1)?;
    let more = youngest.len() > limit;
    let mut select = db.prepare_cached(
        "SELECT r.name, r.head, r.trimmed, r.about, e.seq, e.at, e.user, e.id, e.target, e.bytes
         FROM rooms_and_heads r LEFT JOIN entries e ON e.room = r.key AND e.offset = r.head
         WHERE r.key = ?1",
    )?;
    let mut rooms = Vec::new();
    for Youngest { at, key } in youngest.into_iter().take(limit) {
        let listed = select.query_row([key], |row| {
            let room: Box<str> = row.get(0)?;
            let [head, trimmed] = [row.get(1)?, row.get(2)?].map(unsigned);
            let about = row.get::<_, Option<Vec<u8>>>(3)?.map(Into::into);
            let newest = match row.get::<_, Option<i64>>(4)? {
                Some(seq) if trimmed < head && kept.room_entries > 0 => Some(Record {
                    seq: unsigned(seq),
                    offset: head,
                    at: unsigned(row.get(5)?),
                    names: Names::new(&room, row.get_ref(6)?.as_str()?, row.get_ref(7)?.as_str()?),
                    target: row.get::<_, Option<i64>>(8)?.map(unsigned),
                    bytes: row.get::<_, Vec<u8>>(9)?.into(),
                }),
                _ => None,
            };
            let newest = newest.filter(|newest| newest.at >= kept.room_since);
            Ok(ListedRoom { room, epoch, head, at: unsigned(at), about, newest })
        })?;
        rooms.push(listed);
    }
    Ok(RoomList { rooms, more })
}

/// A room's key, and when something happened in it last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Youngest {
    at: i64,
    key: i64,
}

/// The youngest rooms, in this order. One that isn't among those that have recent entries has its
/// time written down, and no time that is written down is too late; so one of the youngest is also
/// among as many with the latest times that are written down.
fn youngest(db: &Connection, limit: usize) -> rusqlite::Result<Vec<Youngest>> {
    let mut seen = HashSet::<i64, RandomState>::default();
    let mut all = Vec::new();
    let mut recent = db.prepare_cached(
        "SELECT at, room FROM entries WHERE seq > (SELECT listed FROM log) ORDER BY seq DESC",
    )?;
    let mut written =
        db.prepare_cached("SELECT at, key FROM rooms ORDER BY at DESC, key DESC LIMIT ?1")?;
    let mut rows = recent.query([])?;
    while let (true, Some(row)) = (seen.len() < limit, rows.next()?) {
        let youngest = Youngest { at: row.get(0)?, key: row.get(1)? };
        if seen.insert(youngest.key) {
            all.push(youngest);
        }
    }
    let mut rows = written.query([count(limit)])?;
    while let Some(row) = rows.next()? {
        let youngest = Youngest { at: row.get(0)?, key: row.get(1)? };
        if !seen.contains(&youngest.key) {
            all.push(youngest);
        }
    }
    all.sort_unstable_by(|one, other| other.cmp(one));
    all.truncate(limit);
    Ok(all)
}
