//! Rooms as such: how one is made, and the list of them. Their entries are left to `append` and
//! `read`.

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    read::{Kept, count, head},
    schema::{signed, unsigned},
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
    let sql = "INSERT OR IGNORE INTO rooms (name, head, trimmed, at, about)
               VALUES (?1, 0, 0, ?2, ?3)";
    for NewRoom { room, about } in rooms {
        let values = params![room, signed(now), &about[..]];
        made.push(work.prepare_cached(sql)?.execute(values)? == 1);
    }
    work.commit()?;
    Ok(made)
}

/// The rooms, youngest first.
pub(super) fn list(db: &Connection, kept: Kept, limit: usize) -> Result<RoomList, Error> {
    let epoch = head(db)?.epoch;
    let limit = limit.min(PAGE_MAX);
    let mut select = db.prepare_cached(
        "SELECT r.name, r.head, r.trimmed, r.at, r.about,
                e.seq, e.at, e.user, e.id, e.target, e.bytes
         FROM rooms r LEFT JOIN entries e ON e.room = r.key AND e.offset = r.head
         ORDER BY r.at DESC, r.key DESC LIMIT ?1",
    )?;
    // One more than asked shows whether there is more.
    let rows = select.query_map([count(limit + 1)], |row| {
        let room: Box<str> = row.get(0)?;
        let [head, trimmed, at] = [row.get(1)?, row.get(2)?, row.get(3)?].map(unsigned);
        let about = row.get::<_, Option<Vec<u8>>>(4)?.map(Into::into);
        let newest = match row.get::<_, Option<i64>>(5)? {
            Some(seq) if trimmed < head && kept.room_entries > 0 => Some(Record {
                seq: unsigned(seq),
                offset: head,
                at: unsigned(row.get(6)?),
                names: Names::new(&room, row.get_ref(7)?.as_str()?, row.get_ref(8)?.as_str()?),
                target: row.get::<_, Option<i64>>(9)?.map(unsigned),
                bytes: row.get::<_, Vec<u8>>(10)?.into(),
            }),
            _ => None,
        };
        let newest = newest.filter(|newest| newest.at >= kept.room_since);
        Ok(ListedRoom { room, epoch, head, at, about, newest })
    })?;
    let mut rooms: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let more = rooms.len() > limit;
    rooms.truncate(limit);
    Ok(RoomList { rooms, more })
}
