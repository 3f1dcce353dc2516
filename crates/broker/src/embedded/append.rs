//! How one draft becomes an entry, inside a transaction of the writer.

use rusqlite::{Connection, OptionalExtension, params};
use sha1::{Digest, Sha1};

use super::schema::{Tip, signed, unsigned};
use crate::{AppendError, Appended, Draft};

/// Finds the entry that the draft made before, or stores it behind `tip`, at a time that is not
/// before the tip's. On an error, also one that is no failure of SQLite, the caller undoes whatever
/// was written.
pub(super) fn append(
    db: &Connection,
    draft: &Draft,
    tip: Tip,
    now: u64,
    remembered_since: u64,
) -> rusqlite::Result<Result<Appended, AppendError>> {
    let room = room(db, &draft.room)?;
    let content = content(draft);
    if let Some(room) = &room
        && let Some(before) = find(db, room.key, draft, remembered_since)?
    {
        if before.content != content {
            return Ok(Err(AppendError::Conflict));
        }
        let Before { seq, offset, at, .. } = before;
        return Ok(Ok(Appended { epoch: tip.epoch, seq, offset, at, duplicate: true }));
    }
    if let Err(refused) = redact(db, room.as_ref(), draft)? {
        return Ok(Err(AppendError::Refused(refused)));
    }
    let (seq, at) = (tip.seq + 1, now);
    let (room, offset) = advance(db, room, &draft.room, at)?;
    db.prepare_cached(
        "INSERT INTO entries (seq, room, offset, at, user, id, target, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        signed(seq),
        room,
        signed(offset),
        signed(at),
        draft.user,
        draft.id,
        draft.target.map(signed),
        &draft.bytes[..],
    ])?;
    // Replaces the row of an id that is remembered no more.
    db.prepare_cached(
        "INSERT OR REPLACE INTO ids (seq, room, user, id, offset, at, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        signed(seq),
        room,
        draft.user,
        draft.id,
        signed(offset),
        signed(at),
        &content[..],
    ])?;
    Ok(Ok(Appended { epoch: tip.epoch, seq, offset, at, duplicate: false }))
}

struct Room {
    key: i64,
    head: u64,
    trimmed: u64,
}

fn room(db: &Connection, name: &str) -> rusqlite::Result<Option<Room>> {
    db.prepare_cached("SELECT key, head, trimmed FROM rooms WHERE name = ?1")?
        .query_row([name], |row| {
            let [head, trimmed] = [row.get(1)?, row.get(2)?].map(unsigned);
            Ok(Room { key: row.get(0)?, head, trimmed })
        })
        .optional()
}

struct Before {
    seq: u64,
    offset: u64,
    at: u64,
    content: [u8; 20],
}

fn find(
    db: &Connection,
    room: i64,
    draft: &Draft,
    remembered_since: u64,
) -> rusqlite::Result<Option<Before>> {
    db.prepare_cached(
        "SELECT seq, offset, at, content FROM ids
         WHERE room = ?1 AND user = ?2 AND id = ?3 AND at >= ?4",
    )?
    .query_row(params![room, draft.user, draft.id, signed(remembered_since)], |row| {
        let [seq, offset, at] = [row.get(0)?, row.get(1)?, row.get(2)?].map(unsigned);
        Ok(Before { seq, offset, at, content: row.get(3)? })
    })
    .optional()
}

/// What makes two drafts with one id the same: everything but who sent them, and where.
fn content(draft: &Draft) -> [u8; 20] {
    let mut digest = Sha1::new();
    let target = draft.target.map(u64::to_be_bytes);
    for part in [target.as_ref().map(|bytes| &bytes[..]), draft.redact.as_deref()] {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        digest.update(length.to_be_bytes());
        digest.update(part.unwrap_or_default());
    }
    digest.update(draft.content());
    digest.finalize().into()
}

/// Checks the target, and replaces its bytes if that is wanted.
fn redact(
    db: &Connection,
    room: Option<&Room>,
    draft: &Draft,
) -> rusqlite::Result<Result<(), String>> {
    let Some(target) = draft.target else {
        let nothing = draft.redact.is_none();
        return Ok(if nothing { Ok(()) } else { Err("nothing to redact is named".into()) });
    };
    let missing = || Ok(Err(format!("the room has no entry {target}, or keeps it no more")));
    let Some(room) = room.filter(|room| room.trimmed < target && target <= room.head) else {
        return missing();
    };
    let Some(redact) = &draft.redact else { return Ok(Ok(())) };
    let replaced = db
        .prepare_cached("UPDATE entries SET bytes = ?3 WHERE room = ?1 AND offset = ?2")?
        .execute(params![room.key, signed(target), &redact[..]])?;
    if replaced == 1 { Ok(Ok(())) } else { missing() }
}

/// Takes the next offset of the room, which begins with its first one.
fn advance(
    db: &Connection,
    room: Option<Room>,
    name: &str,
    at: u64,
) -> rusqlite::Result<(i64, u64)> {
    let Some(room) = room else {
        db.prepare_cached("INSERT INTO rooms (name, head, trimmed, at) VALUES (?1, 1, 0, ?2)")?
            .execute(params![name, signed(at)])?;
        return Ok((db.last_insert_rowid(), 1));
    };
    let offset = room.head + 1;
    db.prepare_cached("UPDATE rooms SET head = ?2, at = ?3 WHERE key = ?1")?.execute(params![
        room.key,
        signed(offset),
        signed(at)
    ])?;
    Ok((room.key, offset))
}
