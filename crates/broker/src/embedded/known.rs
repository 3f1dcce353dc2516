//! Rooms that the writer keeps in mind from one append to the next, so that it needn't look for
//! them each time, and writes where a room stands once in a transaction. What is in mind is what
//! the database says, and beyond it only what the transaction under way is to say; so all is
//! forgotten when one fails, or when somebody else has changed the rooms.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use rusqlite::{Connection, OptionalExtension, params};

use super::schema::{signed, unsigned};

/// Rooms that are kept in mind between two transactions; with one more all are forgotten.
pub(super) const ROOMS_MAX: usize = 4_096;

/// Where a room stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Its place among those that are kept in mind.
    place: usize,
    pub(super) key: i64,
    pub(super) head: u64,
    pub(super) trimmed: u64,
    /// When its newest entry was made. Only known where it is ahead of the database.
    at: u64,
    is_ahead: bool,
}

/// The rooms that are kept in mind.
#[derive(Default)]
pub(super) struct KnownRooms {
    /// Random, since clients choose the names.
    places: HashMap<Box<str>, usize, RandomState>,
    rooms: Vec<Room>,
    /// Those that stand further than the database says.
    ahead: Vec<usize>,
}

impl KnownRooms {
    pub(super) fn find(&mut self, db: &Connection, name: &str) -> rusqlite::Result<Option<Room>> {
        if let Some(place) = self.places.get(name) {
            return Ok(Some(self.rooms[*place]));
        }
        let found = db
            .prepare_cached("SELECT key, head, trimmed FROM rooms WHERE name = ?1")?
            .query_row([name], |row| {
                let [head, trimmed] = [row.get(1)?, row.get(2)?].map(unsigned);
                Ok((row.get(0)?, head, trimmed))
            })
            .optional()?;
        Ok(found.map(|(key, head, trimmed)| self.keep(name, key, head, trimmed)))
    }

    /// Makes a room that isn't there yet.
    pub(super) fn make(&mut self, db: &Connection, name: &str) -> rusqlite::Result<Room> {
        db.prepare_cached("INSERT INTO rooms (name, head, trimmed, at) VALUES (?1, 0, 0, 0)")?
            .execute([name])?;
        Ok(self.keep(name, db.last_insert_rowid(), 0, 0))
    }

    fn keep(&mut self, name: &str, key: i64, head: u64, trimmed: u64) -> Room {
        let room = Room { place: self.rooms.len(), key, head, trimmed, at: 0, is_ahead: false };
        self.places.insert(name.into(), room.place);
        self.rooms.push(room);
        room
    }

    /// The room's next offset was given away.
    pub(super) fn advance(&mut self, room: Room, at: u64) {
        let room = &mut self.rooms[room.place];
        (room.head, room.at) = (room.head + 1, at);
        if !std::mem::replace(&mut room.is_ahead, true) {
            self.ahead.push(room.place);
        }
    }

    /// Writes down where the rooms stand that are ahead. On an error the caller forgets them.
    pub(super) fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for place in self.ahead.drain(..) {
            let room = &mut self.rooms[place];
            room.is_ahead = false;
            let sql = "UPDATE rooms SET head = ?2, at = ?3 WHERE key = ?1";
            let values = params![room.key, signed(room.head), signed(room.at)];
            let written = db.prepare_cached(sql)?.execute(values)?;
            if written != 1 {
                return Err(rusqlite::Error::StatementChangedRows(written));
            }
        }
        if self.rooms.len() > ROOMS_MAX {
            self.forget();
        }
        Ok(())
    }

    /// Looks for all of them anew.
    pub(super) fn forget(&mut self) {
        self.places.clear();
        self.rooms.clear();
        self.ahead.clear();
    }
}
