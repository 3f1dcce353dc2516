//! Session records: rows like any others, but written without waiting for the disk, so that they
//! outlive the process and not always the machine's power. This file owns their table and the
//! promises about it; the writer lets `Desk` work between two batches of appends.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::{
    Embedded,
    queue::{Queue, Taken},
    schema::{self, Durability, signed},
    shared::Shared,
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

/// The writer's side.
#[derive(Default)]
pub(super) struct Desk {
    /// How many records there are, where that is known.
    count: Option<u64>,
    /// The connection commits without waiting for the disk, which nobody else may.
    lax: bool,
}

impl Desk {
    /// Carries out some of what waits. Says whether there may be more.
    pub(super) fn work(
        &mut self,
        db: &mut Connection,
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
        // Where this fails it is tried again before anybody relies on it.
        let _ = self.settle(db);
        rows >= ROWS_PER_TURN
    }

    /// Lets commits wait for the disk again.
    pub(super) fn settle(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.lax {
            schema::durability(db, Durability::OfMachine)?;
            self.lax = false;
        }
        Ok(())
    }

    /// Counts anew before the next change: somebody else has changed the table.
    pub(super) fn recount(&mut self) {
        self.count = None;
    }

    /// Takes the changes that it carries out.
    fn commit(
        &mut self,
        db: &mut Connection,
        changes: &mut Vec<Change>,
        told: &mut Vec<Tell>,
        sessions_max: u64,
        now: u64,
    ) -> Result<(), Error> {
        self.lax = true;
        schema::durability(db, Durability::OfProcess)?;
        let work = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let count = match self.count {
            Some(count) => count,
            None => count_all(&work)?,
        };
        let mut records = Records { db: &work, now, sessions_max, count };
        for Change { carry_out, .. } in changes.drain(..) {
            told.push(carry_out(Ok(&mut records)));
        }
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
    sessions_max: u64,
    count: u64,
}

impl Records<'_> {
    fn ends(&self, life: Duration) -> i64 {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        signed(self.now.saturating_add(life))
    }

    fn keep(&mut self, record: &SessionRecord, life: Duration) -> Result<bool, Error> {
        let SessionRecord { key, owner, bytes } = record;
        let (ends, now) = (self.ends(life), signed(self.now));
        let replaced = self
            .db
            .prepare_cached(
                "UPDATE sessions SET owner = ?2, before = '', ends = ?3, bytes = ?4
                 WHERE key = ?1 AND (owner = ?2 OR ends <= ?5)",
            )?
            .execute(params![key, owner, ends, &bytes[..], now])?;
        if replaced > 0 {
            return Ok(true);
        }
        let made = self
            .db
            .prepare_cached(
                "INSERT OR IGNORE INTO sessions (key, owner, before, ends, bytes)
                 VALUES (?1, ?2, '', ?3, ?4)",
            )?
            .execute(params![key, owner, ends, &bytes[..]])?;
        self.count += made as u64;
        self.drop_oldest()?;
        Ok(made > 0)
    }

    fn drop_oldest(&mut self) -> Result<(), Error> {
        let over = self.count.saturating_sub(self.sessions_max);
        if over == 0 {
            return Ok(());
        }
        let dropped = self
            .db
            .prepare_cached(
                "DELETE FROM sessions
                 WHERE rowid IN (SELECT rowid FROM sessions ORDER BY ends LIMIT ?1)",
            )?
            .execute([signed(over)])?;
        self.count -= dropped as u64;
        tracing::debug!(dropped, "too many session records: the oldest were dropped");
        Ok(())
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

    fn forget(&mut self, key: &str, owner: &str) -> Result<(), Error> {
        let sql = "DELETE FROM sessions WHERE key = ?1 AND owner = ?2";
        self.count -= self.db.prepare_cached(sql)?.execute([key, owner])? as u64;
        Ok(())
    }
}

fn count_all(db: &Connection) -> Result<u64, Error> {
    let count: i64 = db.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
    Ok(schema::unsigned(count))
}

/// Deletes some of those whose life is over. Says whether there may be more.
pub(super) fn sweep(db: &Connection, now: u64, rows_max: usize) -> Result<bool, Error> {
    let deleted = db
        .prepare_cached(
            "DELETE FROM sessions
             WHERE rowid IN (SELECT rowid FROM sessions WHERE ends <= ?1 ORDER BY ends LIMIT ?2)",
        )?
        .execute([signed(now), signed(rows_max as u64)])?;
    Ok(deleted == rows_max)
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
    fn keep(&self, record: SessionRecord, life: Duration) -> Answer<Result<bool, Error>> {
        if let Err(refused) = record.check() {
            return Box::pin(async { Err(refused) });
        }
        let weight = record.bytes.len();
        change(&self.shared, 1, weight, move |records| records.keep(&record, life))
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
        let names = owned.iter().try_for_each(|one| check_names(&one.key, &one.owner));
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            names?;
            let mut gone = Vec::new();
            // One part after the other, so that others come in between.
            for part in owned.chunks(ROWS_PER_TURN) {
                let part = part.to_vec();
                let weight = part.iter().map(|one| one.key.len() + one.owner.len()).sum();
                let renewing =
                    change(&shared, part.len(), weight, move |records| records.renew(&part, life));
                gone.extend(renewing.await?);
            }
            Ok(gone)
        })
    }

    fn forget(&self, key: &str, owner: &str) -> Answer<Result<(), Error>> {
        if let Err(refused) = check_names(key, owner) {
            return Box::pin(async { Err(refused) });
        }
        let [key, owner] = [key, owner].map(Box::<str>::from);
        change(&self.shared, 1, 0, move |records| records.forget(&key, &owner))
    }
}
