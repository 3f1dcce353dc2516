//! How one draft becomes an entry, inside a transaction of the writer.

use rusqlite::{Connection, OptionalExtension, params};
use sha1::{Digest, Sha1};

use super::{
    known::{KnownRooms, Room},
    schema::{Tip, signed, unsigned},
};
use crate::{AppendError, Appended, Draft};

/// Finds the entry that the draft made before, or stores it behind `tip`, at a time that is not
/// before the tip's; where its room stands then is left to `rooms` to be written. On an error, also
/// one that is no failure of SQLite, the caller undoes whatever was written.
pub(super) fn append(
    db: &Connection,
    rooms: &mut KnownRooms,
    draft: &Draft,
    tip: Tip,
    now: u64,
    remembered_since: u64,
) -> rusqlite::Result<Result<Appended, AppendError>> {
    let room = rooms.find(db, &draft.room)?;
    let content = content(draft);
    if let Err(refused) = has_target(room.as_ref(), draft) {
        // What was appended before is found before anything else is looked at.
        let before = match room {
            Some(room) => find(db, room.key, draft, remembered_since)?,
            None => None,
        };
        let answer = before.map(|before| before.answer(tip, &content));
        return Ok(answer.unwrap_or(Err(AppendError::Refused(refused))));
    }
    let room = match room {
        Some(room) => room,
        None => rooms.make(db, &draft.room)?,
    };
    let (seq, offset, at) = (tip.seq + 1, room.head + 1, now);
    let made = Before { seq, offset, at, content };
    if !remember(db, room.key, draft, &made, remembered_since)? {
        let before = find(db, room.key, draft, remembered_since)?;
        return Ok(before.ok_or(rusqlite::Error::QueryReturnedNoRows)?.answer(tip, &content));
    }
    if let Err(refused) = redact(db, &room, draft)? {
        return Ok(Err(AppendError::Refused(refused)));
    }
    db.prepare_cached(
        "INSERT INTO entries (seq, room, offset, at, user, id, target, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        signed(seq),
        room.key,
        signed(offset),
        signed(at),
        draft.user,
        draft.id,
        draft.target.map(signed),
        &draft.bytes[..],
    ])?;
    rooms.advance(room, at);
    Ok(Ok(Appended { epoch: tip.epoch, seq, offset, at, duplicate: false }))
}

/// What is remembered of an id.
struct Before {
    seq: u64,
    offset: u64,
    at: u64,
    content: [u8; 20],
}

impl Before {
    /// What is answered to who uses the id again.
    fn answer(self, tip: Tip, content: &[u8; 20]) -> Result<Appended, AppendError> {
        let Self { seq, offset, at, content: before } = self;
        let appended = Appended { epoch: tip.epoch, seq, offset, at, duplicate: true };
        if before == *content { Ok(appended) } else { Err(AppendError::Conflict) }
    }
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

/// Remembers the draft's id, also in the place of the same one where that is remembered no more.
/// Says whether it could, which it can't where the id is in use.
fn remember(
    db: &Connection,
    room: i64,
    draft: &Draft,
    made: &Before,
    remembered_since: u64,
) -> rusqlite::Result<bool> {
    let remembered = db
        .prepare_cached(
            "INSERT INTO ids (room, user, id, seq, offset, at, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (room, user, id) DO UPDATE
             SET seq = excluded.seq, offset = excluded.offset, at = excluded.at,
                 content = excluded.content
             WHERE at < ?8",
        )?
        .execute(params![
            room,
            draft.user,
            draft.id,
            signed(made.seq),
            signed(made.offset),
            signed(made.at),
            &made.content[..],
            signed(remembered_since),
        ])?;
    Ok(remembered == 1)
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

/// Whether the room has what the draft targets, or it targets nothing.
fn has_target(room: Option<&Room>, draft: &Draft) -> Result<(), String> {
    let Some(target) = draft.target else {
        let nothing = draft.redact.is_none();
        return if nothing { Ok(()) } else { Err("nothing to redact is named".into()) };
    };
    let has_it = room.is_some_and(|room| room.trimmed < target && target <= room.head);
    if has_it { Ok(()) } else { Err(missing(target)) }
}

/// Replaces the bytes of the target, if that is wanted.
fn redact(db: &Connection, room: &Room, draft: &Draft) -> rusqlite::Result<Result<(), String>> {
    let (Some(target), Some(redact)) = (draft.target, &draft.redact) else { return Ok(Ok(())) };
    let replaced = db
        .prepare_cached("UPDATE entries SET bytes = ?3 WHERE room = ?1 AND offset = ?2")?
        .execute(params![room.key, signed(target), &redact[..]])?;
    Ok(if replaced == 1 { Ok(()) } else { Err(missing(target)) })
}

fn missing(target: u64) -> String {
    format!("the room has no entry {target}, or keeps it no more")
}
