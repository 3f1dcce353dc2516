//! What can wait, done a little at a time between the writer's batches: deleting what has passed a
//! limit, and writing down rooms' times, which is left to `rooms`. Readers don't depend on it:
//! `read` shows nothing that has passed a limit.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    read::{Kept, Room, head, partition_floor, since},
    rooms::Listing,
    schema::{Tip, signed, unsigned},
    sessions,
};
use crate::{Error, Limits};

/// From the beginning of one round over all rooms to that of the next.
pub(super) const ROUND_EVERY: Duration = Duration::from_mins(1);

/// Rooms that one step looks at.
const ROOMS_PER_STEP: usize = 200;

/// Rows that one step deletes, so that it holds up appends for some milliseconds at most.
const ROWS_PER_STEP: usize = 1_000;

/// Where the sweeping stands.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// When the last round began, by the log's clock.
    began: Option<u64>,
    round: Option<Round>,
    listing: Listing,
}

/// What a step may have changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Swept {
    /// Nothing that anybody keeps in mind.
    Nothing,
    /// So many session records are gone.
    Sessions(usize),
    /// From where on rooms have entries.
    Rooms,
}

#[derive(Clone, Copy, Debug)]
enum Round {
    /// Ids that are remembered no more.
    Ids,
    /// Session records whose life is over, of those behind a place.
    Sessions { after: i64 },
    /// Entries of the rooms with a greater key.
    Rooms { after: i64 },
}

impl Sweeper {
    /// Whether a round is under way, so that `step` should be called soon.
    pub(super) fn is_busy(&self) -> bool {
        self.round.is_some()
    }

    /// Writes down the times of some rooms, if that is due.
    pub(super) fn list(&mut self, db: &mut Connection, tip: Tip) -> rusqlite::Result<()> {
        self.listing.step(db, tip)
    }

    /// Does a little of the work, if any is due.
    pub(super) fn step(
        &mut self,
        db: &mut Connection,
        limits: &Limits,
        now: u64,
    ) -> Result<Swept, Error> {
        let due = self.began.is_none_or(|began| now < began || since(now, ROUND_EVERY) >= began);
        if self.round.is_none() && due {
            (self.began, self.round) = (Some(now), Some(Round::Ids));
        }
        let Some(round) = self.round else { return Ok(Swept::Nothing) };
        // If this fails the next round tries again.
        self.round = None;
        let work = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (next, swept) = match round {
            Round::Ids => {
                let more = forget_ids(&work, since(now, limits.id_window))?;
                let next = if more { Round::Ids } else { Round::Sessions { after: 0 } };
                (Some(next), Swept::Nothing)
            }
            Round::Sessions { after } => {
                let (after, deleted) = sessions::sweep(&work, after, now, ROWS_PER_STEP)?;
                let rooms = Round::Rooms { after: i64::MIN };
                let next = after.map_or(rooms, |after| Round::Sessions { after });
                (Some(next), Swept::Sessions(deleted))
            }
            Round::Rooms { after } => (trim_rooms(&work, limits, now, after)?, Swept::Rooms),
        };
        work.commit()?;
        self.round = next;
        Ok(swept)
    }
}

/// Forgets the oldest ids that have passed their window, by way of their entries: by seq is also by
/// time. Says whether there may be more.
fn forget_ids(db: &Connection, remembered_since: u64) -> Result<bool, Error> {
    let mut oldest = db.prepare_cached(
        "SELECT seq, at, room, user, id FROM entries
         WHERE seq > (SELECT forgotten FROM log) ORDER BY seq LIMIT ?1",
    )?;
    let mut rows = oldest.query([signed(ROWS_PER_STEP as u64)])?;
    let (mut last, mut count) = (None::<i64>, 0);
    while let Some(row) = rows.next()? {
        if unsigned(row.get(1)?) >= remembered_since {
            break;
        }
        let (seq, room) = (row.get(0)?, row.get(2)?);
        let [user, id]: [Box<str>; 2] = [row.get(3)?, row.get(4)?];
        forget_id(db, room, &user, &id, seq)?;
        last = Some(seq);
        count += 1;
    }
    if let Some(last) = last {
        db.prepare_cached("UPDATE log SET forgotten = ?1")?.execute([last])?;
    }
    Ok(count == ROWS_PER_STEP)
}

/// Forgets an id, if it isn't that of a later entry by now.
fn forget_id(db: &Connection, room: i64, user: &str, id: &str, seq: i64) -> Result<(), Error> {
    let sql = "DELETE FROM ids WHERE room = ?1 AND user = ?2 AND id = ?3 AND seq = ?4";
    db.prepare_cached(sql)?.execute(params![room, user, id, seq])?;
    Ok(())
}

/// Trims the next rooms. Says what to do next.
fn trim_rooms(
    db: &Connection,
    limits: &Limits,
    now: u64,
    after: i64,
) -> Result<Option<Round>, Error> {
    if limits.room_entries == u64::MAX && limits.room_age == Duration::MAX {
        return Ok(None);
    }
    let kept = Kept::at(limits, now);
    let seq_max = partition_floor(db, kept, head(db)?.seq)?;
    let rooms: Vec<Room> = db
        .prepare_cached(
            "SELECT key, head, trimmed FROM rooms_and_heads WHERE key > ?1 ORDER BY key LIMIT ?2",
        )?
        .query_map(params![after, signed(ROOMS_PER_STEP as u64)], Room::of)?
        .collect::<rusqlite::Result<_>>()?;
    let all = rooms.len() < ROOMS_PER_STEP;
    let (mut done, mut rows) = (after, ROWS_PER_STEP);
    for room in rooms {
        rows -= trim(db, &room, room.floor(db, kept)?, seq_max, rows)?;
        if rows == 0 {
            // Perhaps not all of this room: look at it once more.
            return Ok(Some(Round::Rooms { after: done }));
        }
        done = room.key;
    }
    Ok(if all { None } else { Some(Round::Rooms { after: done }) })
}

/// Deletes the room's oldest entries up to an offset, as far as the partition doesn't need them
/// any more. Says how many.
fn trim(
    db: &Connection,
    room: &Room,
    floor: u64,
    seq_max: u64,
    rows_max: usize,
) -> Result<usize, Error> {
    if floor <= room.trimmed {
        return Ok(0);
    }
    let mut oldest = db.prepare_cached(
        "SELECT offset, seq, at, user, id FROM entries
         WHERE room = ?1 AND offset > ?2 AND offset <= ?3 AND seq <= ?4
         ORDER BY offset LIMIT ?5",
    )?;
    let [trimmed, floor, seq_max] = [room.trimmed, floor, seq_max].map(signed);
    let mut rows =
        oldest.query(params![room.key, trimmed, floor, seq_max, signed(rows_max as u64)])?;
    let (mut last, mut count) = (None::<[i64; 3]>, 0);
    while let Some(row) = rows.next()? {
        let newest = [row.get(0)?, row.get(1)?, row.get(2)?];
        let [user, id]: [Box<str>; 2] = [row.get(3)?, row.get(4)?];
        forget_id(db, room.key, &user, &id, newest[1])?;
        last = Some(newest);
        count += 1;
    }
    drop(rows);
    let Some([offset, seq, at]) = last else { return Ok(0) };
    db.prepare_cached("DELETE FROM entries WHERE room = ?1 AND offset <= ?2")?
        .execute([room.key, offset])?;
    // Where nothing is left this is what says how far the room and the log had come.
    db.prepare_cached("UPDATE rooms SET trimmed = ?2, at = max(at, ?3) WHERE key = ?1")?
        .execute([room.key, offset, at])?;
    db.prepare_cached("UPDATE log SET trimmed = max(trimmed, ?1), at = max(at, ?2)")?
        .execute([seq, at])?;
    Ok(count)
}
