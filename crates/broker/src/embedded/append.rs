//! How one draft becomes an entry, inside a transaction of the writer.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use sha1::{Digest, Sha1};
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use super::{
    known::{KnownRooms, Room},
    schema::{Tip, signed, unsigned},
};
use crate::{AppendError, Appended, Draft};

/// What every append needs, prepared once for as many as there are in a transaction.
pub(super) struct Statements<'a> {
    remember: CachedStatement<'a>,
    store: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    pub(super) fn prepare(db: &'a Connection) -> rusqlite::Result<Self> {
        // Also in the place of the same id where that is remembered no more.
        let remember = db.prepare_cached(
            "INSERT INTO ids (room, user, id, seq, offset, at, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (room, user, id) DO UPDATE
             SET seq = excluded.seq, offset = excluded.offset, at = excluded.at,
                 content = excluded.content
             WHERE at < ?8",
        )?;
        let store = db.prepare_cached(
            "INSERT INTO entries (seq, room, offset, at, user, id, target, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        Ok(Self { remember, store })
    }
}

/// Finds the entry that the draft made before, or stores it behind `tip`, at a time that is not
/// before the tip's. On an error, also one that is no failure of SQLite, the caller undoes whatever
/// was written, and has `rooms` forget what they know.
pub(super) fn append(
    db: &Connection,
    statements: &mut Statements<'_>,
    rooms: &mut KnownRooms,
    draft: &Draft,
    Moment { tip, now, remembered_since }: Moment,
) -> rusqlite::Result<Result<Appended, AppendError>> {
    let room = rooms.find(db, &draft.room)?;
    if let Err(refused) = has_target(room.as_ref(), draft) {
        // What was appended before is found before anything else is looked at.
        let before = match room {
            Some(room) => find(db, room.key, draft, remembered_since)?,
            None => None,
        };
        let answer = before.map(|before| before.answer(tip, draft));
        return Ok(answer.unwrap_or(Err(AppendError::Refused(refused))));
    }
    let room = match room {
        Some(room) => room,
        None => rooms.make(db, &draft.room)?,
    };
    let (seq, offset, at) = (tip.seq + 1, room.head + 1, now);
    let remembered = statements.remember.execute(params![
        room.key,
        draft.user,
        draft.id,
        signed(seq),
        signed(offset),
        signed(at),
        &digest(draft)[..],
        signed(remembered_since),
    ])?;
    if remembered == 0 {
        let before = find(db, room.key, draft, remembered_since)?;
        return Ok(before.ok_or(rusqlite::Error::QueryReturnedNoRows)?.answer(tip, draft));
    }
    if let Err(refused) = redact(db, &room, draft)? {
        return Ok(Err(AppendError::Refused(refused)));
    }
    statements.store.execute(params![
        signed(seq),
        room.key,
        signed(offset),
        signed(at),
        draft.user,
        draft.id,
        draft.target.map(signed),
        &draft.bytes[..],
    ])?;
    rooms.advance(room);
    Ok(Ok(Appended { epoch: tip.epoch, seq, offset, at, duplicate: false }))
}

/// Behind what, and when, an entry is made; and from when on ids are remembered.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) tip: Tip,
    pub(super) now: u64,
    pub(super) remembered_since: u64,
}

/// What is remembered of an id.
struct Before {
    seq: u64,
    offset: u64,
    at: u64,
    digest: Box<[u8]>,
}

impl Before {
    /// What is answered to who uses the id again.
    fn answer(self, tip: Tip, draft: &Draft) -> Result<Appended, AppendError> {
        let Self { seq, offset, at, digest: before } = self;
        let is_the_same = if before.len() == EARLIER_DIGEST_BYTES {
            *before == earlier_digest(draft)
        } else {
            *before == digest(draft)
        };
        let appended = Appended { epoch: tip.epoch, seq, offset, at, duplicate: true };
        if is_the_same { Ok(appended) } else { Err(AppendError::Conflict) }
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
        Ok(Before { seq, offset, at, digest: row.get_ref(3)?.as_blob()?.into() })
    })
    .optional()
}

/// What makes two drafts with one id the same: everything but who sent them, and where. It needn't
/// resist anybody, since it is only compared with those of the same user.
fn digest(draft: &Draft) -> [u8; 16] {
    let content = draft.content();
    let digest = if draft.target.is_none() && draft.redact.is_none() {
        xxh3_128(content)
    } else {
        let all = [&what_is_targeted(draft)[..], content].concat();
        // With a seed of their own they are never like those of a text that says the same.
        xxh3_128_with_seed(&all, 1)
    };
    digest.to_be_bytes()
}

/// The digest that earlier releases have stored is that long, ours isn't.
const EARLIER_DIGEST_BYTES: usize = 20;

fn earlier_digest(draft: &Draft) -> [u8; EARLIER_DIGEST_BYTES] {
    let digest = Sha1::new().chain_update(what_is_targeted(draft)).chain_update(draft.content());
    digest.finalize().into()
}

/// In such a way that nothing that follows can be taken for a part of it.
fn what_is_targeted(draft: &Draft) -> Vec<u8> {
    let target = draft.target.map(u64::to_be_bytes);
    let mut all = Vec::new();
    for part in [target.as_ref().map(|bytes| &bytes[..]), draft.redact.as_deref()] {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        all.extend(length.to_be_bytes());
        all.extend(part.unwrap_or_default());
    }
    all
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
