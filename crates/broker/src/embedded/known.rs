//! Rooms that the writer keeps in mind from one append to the next, so that it needn't look for
//! them each time. What is in mind is what the database says, and beyond it only what the
//! transaction under way is to say; so all is forgotten when one fails, or when somebody else has
//! changed the rooms.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use rusqlite::{Connection, OptionalExtension};

use super::schema::unsigned;

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
}

/// The rooms that are kept in mind.
#[derive(Default)]
pub(super) struct KnownRooms {
    /// Random, since clients choose the names.
    places: HashMap<Box<str>, usize, RandomState>,
    rooms: Vec<Room>,
}

impl KnownRooms {
    pub(super) fn find(&mut self, db: &Connection, name: &str) -> rusqlite::Result<Option<Room>> {
        if let Some(place) = self.places.get(name) {
            return Ok(Some(self.rooms[*place]));
        }
        let found = db
            .prepare_cached("SELECT key, head, trimmed FROM rooms_and_heads WHERE name = ?1")?
            .query_row([name], |row| {
                let [head, trimmed] = [row.get(1)?, row.get(2)?].map(unsigned);
                Ok((row.get(0)?, head, trimmed))
            })
            .optional()?;
        Ok(found.map(|(key, head, trimmed)| self.keep(name, key, head, trimmed)))
    }

    /// Makes a room that isn't there yet.
    pub(super) fn make(&mut self, db: &Connection, name: &str) -> rusqlite::Result<Room> {
        db.prepare_cached("INSERT INTO rooms (name, trimmed, at) VALUES (?1, 0, 0)")?
            .execute([name])?;
        Ok(self.keep(name, db.last_insert_rowid(), 0, 0))
    }

    fn keep(&mut self, name: &str, key: i64, head: u64, trimmed: u64) -> Room {
        let room = Room { place: self.rooms.len(), key, head, trimmed };
        self.places.insert(name.into(), room.place);
        self.rooms.push(room);
        room
    }

    /// The room's next offset was given away.
    pub(super) fn advance(&mut self, room: Room) {
        self.rooms[room.place].head += 1;
    }

    /// Forgets all of them if there are too many. Not while a transaction is under way.
    pub(super) fn limit(&mut self) {
        if self.rooms.len() > ROOMS_MAX {
            self.forget();
        }
    }

    /// Looks for all of them anew.
    pub(super) fn forget(&mut self) {
        self.places.clear();
        self.rooms.clear();
    }
}
