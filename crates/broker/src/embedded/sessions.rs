//! Session records: rows like any others, but written without waiting for the disk, so that they
//! outlive the process and not always the machine's power. This file owns their table and the
//! promises about it; the writer lets `Desk` work between two batches of appends.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::{
    Embedded,
    queue::{Queue, Taken},
    schema::{self, Durability, signed},
    shared::Shared,
    transaction::Transaction,
};
use crate::{Answer, Error, OwnedSession, SessionRecord, Sessions, contract::check_names};

/// Bytes of changes that may wait for the writer.
pub(super) const WAITING_BYTES_MAX: usize = 16 << 20;

/// Rows that are written between two batches of appends, so that these wait for some milliseconds
/// at most.
const ROWS_PER_TURN: usize = 256;

/// What a change weighs in the queue, beside what its caller brought.
const CHANGE_WEIGHT: usize = 256;

/// Something that waits for the writer.
pub(super) struct Change {
    /// Rows that it touches, at most.
    rows: usize,
    carry_out: CarryOut,
}

/// Gets the table, or why it can't be had.
type CarryOut = Box<dyn FnOnce(Result<&mut Records<'_>, Error>) -> Tell + Send>;

/// Tells the caller, as soon as it is known whether the transaction was committed.
type Tell = Box<dyn FnOnce(Result<(), Error>)>;

/// Records among which those are found that must go.
const LOOKED_THROUGH: u64 = 2_000;

/// The writer's side.
pub(super) struct Desk {
    /// Whether there is a disk that could be waited for.
    on_disk: bool,
    /// How many records there are, where that is known.
    count: Option<u64>,
    /// The connection commits without waiting for the disk, which nobody else may.
    lax: bool,
    /// The place behind which records are looked through when there are too many.
    hand: i64,
}

impl Desk {
    pub(super) fn new(on_disk: bool) -> Self {
        Self { on_disk, count: None, lax: false, hand: 0 }
    }

    /// Carries out some of what waits. Says whether there may be more.
    pub(super) fn work(
        &mut self,
        db: &Connection,
        queue: &Queue<Change>,
        sessions_max: u64,
        now: u64,
    ) -> bool {
        let mut changes = Vec::new();
        let mut rows = 0;
        while rows < ROWS_PER_TURN {
            let Taken::Jobs(taken) = queue.take(1, Duration::ZERO) else { break };
            if taken.is_empty() {
                break;
            }
            rows += taken.iter().map(|change| change.rows).sum::<usize>();
            changes.extend(taken);
        }
        if changes.is_empty() {
            return false;
        }
        let mut told = Vec::new();
        let committed = self.commit(db, &mut changes, &mut told, sessions_max, now);
        if committed.is_err() {
            self.recount();
        }
        for Change { carry_out, .. } in changes {
            told.push(carry_out(committed.clone().and(Err(lost()))));
        }
        for tell in told {
            tell(committed.clone());
        }
        let perhaps_more = rows >= ROWS_PER_TURN;
        if !perhaps_more {
            // Where this fails it is tried again before an append or a room relies on it.
            let _ = self.settle(db);
        }
        perhaps_more
    }

    /// Lets commits wait for the disk again.
    pub(super) fn settle(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.lax {
            schema::durability(db, Durability::OfMachine)?;
            self.lax = false;
        }
        Ok(())
    }

    /// Counts anew before the next change, since something went wrong.
    pub(super) fn recount(&mut self) {
        self.count = None;
    }

    /// The sweeper has deleted so many.
    pub(super) fn swept(&mut self, deleted: usize) {
        self.count = self.count.map(|count| count.saturating_sub(deleted as u64));
    }

    /// Takes the changes that it carries out.
    fn commit(
        &mut self,
        db: &Connection,
        changes: &mut Vec<Change>,
        told: &mut Vec<Tell>,
        sessions_max: u64,
        now: u64,
    ) -> Result<(), Error> {
        if self.on_disk && !self.lax {
            self.lax = true;
            schema::durability(db, Durability::OfProcess)?;
        }
        let work = Transaction::begin(db)?;
        let count = match self.count {
            Some(count) => count,
            None => count_all(&work)?,
        };
        let mut records = Records { db: &work, now, count };
        for Change { carry_out, .. } in changes.drain(..) {
            told.push(carry_out(Ok(&mut records)));
        }
        self.hand = records.drop_oldest(sessions_max, self.hand)?;
        self.count = Some(records.count);
        Ok(work.commit()?)
    }
}

/// What is said of a change that was not come to; an error of the transaction goes before it.
fn lost() -> Error {
    Error::Unavailable("it was not carried out".into())
}

/// The table, inside a transaction.
pub(super) struct Records<'a> {
    db: &'a Connection,
    now: u64,
    count: u64,
}

impl Records<'_> {
    fn ends(&self, life: Duration) -> i64 {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        signed(self.now.saturating_add(life))
    }

    /// Says of each one whether it was written.
    fn keep(&mut self, records: &[SessionRecord], life: Duration) -> Result<Vec<bool>, Error> {
        let (ends, now) = (self.ends(life), signed(self.now));
        let mut make = self.db.prepare_cached(
            "INSERT INTO sessions (key, owner, before, ends, bytes) VALUES (?1, ?2, '', ?3, ?4)
             ON CONFLICT (key) DO NOTHING",
        )?;
        let mut replace = self.db.prepare_cached(
            "UPDATE sessions SET owner = ?2, before = '', ends = ?3, bytes = ?4
             WHERE key = ?1 AND (owner = ?2 OR ends <= ?5)",
        )?;
        let mut kept = Vec::with_capacity(records.len());
        for SessionRecord { key, owner, bytes } in records {
            let made = make.execute(params![key, owner, ends, &bytes[..]])?;
            self.count += made as u64;
            let written = if made > 0 {
                made
            } else {
                replace.execute(params![key, owner, ends, &bytes[..], now])?
            };
            kept.push(written > 0);
        }
        Ok(kept)
    }

    /// Drops as many as there are too many: those with the shortest life left of some that are
    /// looked through, which are others each time. Says how far it came.
    fn drop_oldest(&mut self, sessions_max: u64, hand: i64) -> Result<i64, Error> {
        let over = self.count.saturating_sub(sessions_max).min(LOOKED_THROUGH / 2);
        if over == 0 {
            return Ok(hand);
        }
        let mut found = look_through(self.db, hand, LOOKED_THROUGH)?;
        if (found.len() as u64) < LOOKED_THROUGH {
            // The end: the rest is at the beginning.
            found.extend(look_through(self.db, 0, LOOKED_THROUGH - found.len() as u64)?);
        }
        let hand = found.last().map_or(0, |found| found.place);
        found.sort_unstable_by_key(|found| (found.ends, found.place));
        found.dedup();
        let mut dropped = 0;
        for Found { place, .. } in found.iter().take(over as usize) {
            dropped += delete(self.db, *place)?;
        }
        self.count -= dropped as u64;
        tracing::debug!(dropped, "too many session records: the oldest were dropped");
        Ok(hand)
    }

    fn claim(
        &mut self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Result<Option<SessionRecord>, Error> {
        let found = self
            .db
            .prepare_cached(
                "SELECT iif(owner = ?2, before, owner), bytes FROM sessions
                 WHERE key = ?1 AND ends > ?3",
            )?
            .query_row(params![key, owner, signed(self.now)], |row| {
                let bytes = row.get::<_, Vec<u8>>(1)?.into();
                Ok(SessionRecord { key: key.into(), owner: row.get(0)?, bytes })
            })
            .optional()?;
        if let Some(SessionRecord { owner: before, .. }) = &found {
            let sql = "UPDATE sessions SET owner = ?2, before = ?3, ends = ?4 WHERE key = ?1";
            let values = params![key, owner, before, self.ends(life)];
            self.db.prepare_cached(sql)?.execute(values)?;
        }
        Ok(found)
    }

    /// Gives the keys of those that are gone, or somebody else's.
    fn renew(&mut self, owned: &[OwnedSession], life: Duration) -> Result<Vec<Box<str>>, Error> {
        let (ends, now) = (self.ends(life), signed(self.now));
        let mut renew = self.db.prepare_cached(
            "UPDATE sessions SET ends = ?3 WHERE key = ?1 AND owner = ?2 AND ends > ?4",
        )?;
        let mut gone = Vec::new();
        for OwnedSession { key, owner } in owned {
            if renew.execute(params![key, owner, ends, now])? == 0 {
                gone.push(key.clone());
            }
        }
        Ok(gone)
    }

    fn forget(&mut self, owned: &[OwnedSession]) -> Result<(), Error> {
        let sql = "DELETE FROM sessions WHERE key = ?1 AND owner = ?2";
        let mut forget = self.db.prepare_cached(sql)?;
        for OwnedSession { key, owner } in owned {
            self.count -= forget.execute([key, owner])? as u64;
        }
        Ok(())
    }
}

fn count_all(db: &Connection) -> Result<u64, Error> {
    let count: i64 = db.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
    Ok(schema::unsigned(count))
}

/// A record, without what is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Found {
    place: i64,
    ends: i64,
}

fn look_through(db: &Connection, after: i64, count_max: u64) -> Result<Vec<Found>, Error> {
    let sql = "SELECT place, ends FROM sessions WHERE place > ?1 ORDER BY place LIMIT ?2";
    let mut select = db.prepare_cached(sql)?;
    let found = select.query_map([after, signed(count_max)], |row| {
        Ok(Found { place: row.get(0)?, ends: row.get(1)? })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn delete(db: &Connection, place: i64) -> Result<usize, Error> {
    Ok(db.prepare_cached("DELETE FROM sessions WHERE place = ?1")?.execute([place])?)
}

/// Looks through some and deletes those of them whose life is over. Says where to go on, if there
/// may be more, and how many were deleted.
pub(super) fn sweep(
    db: &Connection,
    after: i64,
    now: u64,
    rows_max: usize,
) -> Result<(Option<i64>, usize), Error> {
    let found = look_through(db, after, rows_max as u64)?;
    let mut deleted = 0;
    for Found { place, .. } in found.iter().filter(|found| found.ends <= signed(now)) {
        deleted += delete(db, *place)?;
    }
    let more = found.last().filter(|_| found.len() == rows_max);
    Ok((more.map(|found| found.place), deleted))
}

/// Has the writer carry out a change.
fn change<T: Send + 'static>(
    shared: &Shared,
    rows: usize,
    weight: usize,
    work: impl FnOnce(&mut Records<'_>) -> Result<T, Error> + Send + 'static,
) -> Answer<Result<T, Error>> {
    let (sender, receiver) = oneshot::channel();
    let carry_out = Box::new(move |records: Result<&mut Records<'_>, Error>| {
        let done = records.and_then(work);
        let tell: Tell = Box::new(move |committed| {
            // Nobody waits for it any more only if the caller has gone.
            let _ = sender.send(committed.and(done));
        });
        tell
    });
    let queued = shared.sessions.push(Change { rows, carry_out }, CHANGE_WEIGHT + weight);
    shared.jobs.wake();
    shared.answer(queued, receiver)
}

impl Sessions for Embedded {
    fn keep_sessions(
        &self,
        records: Vec<SessionRecord>,
        life: Duration,
    ) -> Answer<Result<Vec<bool>, Error>> {
        if let Err(refused) = records.iter().try_for_each(SessionRecord::check) {
            return Box::pin(async { Err(refused) });
        }
        let shared = Arc::clone(&self.shared);
        let begin = move |part: Vec<SessionRecord>| {
            let weight = part.iter().map(SessionRecord::weight).sum();
            change(&shared, part.len(), weight, move |records| records.keep(&part, life))
        };
        one_after_the_other(SessionRecord::parts(records, ROWS_PER_TURN), begin)
    }

    fn claim(
        &self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Answer<Result<Option<SessionRecord>, Error>> {
        if let Err(refused) = check_names(key, owner) {
            return Box::pin(async { Err(refused) });
        }
        let [key, owner] = [key, owner].map(Box::<str>::from);
        change(&self.shared, 1, 0, move |records| records.claim(&key, &owner, life))
    }

    fn renew_sessions(
        &self,
        owned: Vec<OwnedSession>,
        life: Duration,
    ) -> Answer<Result<Vec<Box<str>>, Error>> {
        self.of_owned(owned, move |records, part| records.renew(part, life))
    }

    fn forget_sessions(&self, owned: Vec<OwnedSession>) -> Answer<Result<(), Error>> {
        let forgetting = self.of_owned(owned, |records, part| {
            records.forget(part)?;
            Ok(Vec::<()>::new())
        });
        Box::pin(async move { forgetting.await.map(drop) })
    }
}

impl Embedded {
    /// Does something about records, a part at a time.
    fn of_owned<T: Send + 'static>(
        &self,
        owned: Vec<OwnedSession>,
        work: impl Fn(&mut Records<'_>, &[OwnedSession]) -> Result<Vec<T>, Error>
        + Copy
        + Send
        + 'static,
    ) -> Answer<Result<Vec<T>, Error>> {
        if let Err(refused) = owned.iter().try_for_each(OwnedSession::check) {
            return Box::pin(async { Err(refused) });
        }
        let shared = Arc::clone(&self.shared);
        let begin = move |part: Vec<OwnedSession>| {
            let weight = part.iter().map(|one| one.key.len() + one.owner.len()).sum();
            change(&shared, part.len(), weight, move |records| work(records, &part))
        };
        let mut owned = owned.into_iter();
        let parts = std::iter::from_fn(move || {
            let part: Vec<_> = owned.by_ref().take(ROWS_PER_TURN).collect();
            (!part.is_empty()).then_some(part)
        });
        one_after_the_other(parts, begin)
    }
}

/// Carries out one part after the other, so that others come in between; the first one is begun at
/// once. Gives what all of them gave.
fn one_after_the_other<P, T: Send + 'static>(
    mut parts: impl Iterator<Item = P> + Send + 'static,
    begin: impl Fn(P) -> Answer<Result<Vec<T>, Error>> + Send + 'static,
) -> Answer<Result<Vec<T>, Error>> {
    let mut under_way = parts.next().map(&begin);
    Box::pin(async move {
        let mut all = Vec::new();
        while let Some(part) = under_way.take() {
            all.extend(part.await?);
            under_way = parts.next().map(&begin);
        }
        Ok(all)
    })
}
