//! How appends that waited together are stored: in one transaction, of which each one is a part
//! that may fail alone. Nearly always none does; so they are tried without any means of undoing
//! just one, and where one fails all are undone and carried out again, each as a part of its own.

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::{
    append::{Moment, Statements, append},
    known::KnownRooms,
    read::since,
    schema::{Tip, reason, was_not_written},
    shared::{Shared, Waiting},
    transaction::Transaction,
};
use crate::{AppendError, Appended};

/// What a transaction brought.
pub(super) struct Stored {
    pub(super) tip: Tip,
    /// Why one of them failed, if any did.
    pub(super) trouble: Option<String>,
    /// In the order of the appends.
    pub(super) answers: Vec<Result<Appended, AppendError>>,
}

/// Why nothing of a transaction may be relied on.
pub(super) struct Failed {
    pub(super) perhaps_stored: bool,
    /// The file is damaged somewhere.
    pub(super) is_damage: bool,
    pub(super) reason: String,
}

impl Failed {
    fn new(error: &rusqlite::Error, perhaps_stored: bool) -> Self {
        let code = error.sqlite_error_code();
        let is_damage = !perhaps_stored && code == Some(ErrorCode::DatabaseCorrupt);
        Self { perhaps_stored, is_damage, reason: reason(error) }
    }

    pub(super) fn not_stored(error: &rusqlite::Error) -> Self {
        Self::new(error, false)
    }
}

/// Stores all of them behind the tip.
pub(super) fn store(
    db: &mut Connection,
    rooms: &mut KnownRooms,
    shared: &Shared,
    tip: Tip,
    appends: &[Waiting],
) -> Result<Stored, Failed> {
    let mut stored = together(db, rooms, shared, tip, appends);
    if let Ok(None) = stored {
        // What they know of the rooms is what was undone.
        rooms.forget();
        stored = apart(db, rooms, shared, tip, appends).map(Some);
    }
    if stored.is_err() {
        rooms.forget();
    }
    rooms.limit();
    stored.map(|stored| stored.expect("what was carried out apart is there"))
}

/// Gives nothing where one of them needs undoing.
fn together(
    db: &Connection,
    rooms: &mut KnownRooms,
    shared: &Shared,
    tip: Tip,
    appends: &[Waiting],
) -> Result<Option<Stored>, Failed> {
    let work = Transaction::begin(db).map_err(|error| Failed::not_stored(&error))?;
    let mut stored = Stored::new(tip, appends.len());
    let Ok(mut statements) = Statements::prepare(&work) else { return Ok(None) };
    for waiting in appends {
        let written = work.total_changes();
        match stored.append(&work, &mut statements, rooms, shared, waiting) {
            Ok(Err(_)) if work.total_changes() != written => return Ok(None),
            Ok(answer) => stored.answers.push(answer),
            Err(_) => return Ok(None),
        }
    }
    drop(statements);
    if !stored.has_news(tip) {
        return Ok(Some(stored));
    }
    work.commit().map_err(|error| not_committed(&error))?;
    Ok(Some(stored))
}

/// Each one in a part of the transaction that can be undone.
fn apart(
    db: &mut Connection,
    rooms: &mut KnownRooms,
    shared: &Shared,
    tip: Tip,
    appends: &[Waiting],
) -> Result<Stored, Failed> {
    let not_stored = |error: rusqlite::Error| Failed::not_stored(&error);
    let mut work =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(not_stored)?;
    let mut stored = Stored::new(tip, appends.len());
    for waiting in appends {
        let before = stored.tip;
        let part = work.savepoint().map_err(not_stored)?;
        let answer = Statements::prepare(&part)
            .and_then(|mut all| stored.append(&part, &mut all, rooms, shared, waiting));
        let answer = match answer {
            Ok(Ok(appended)) => {
                part.commit().map_err(not_stored)?;
                Ok(appended)
            }
            Ok(Err(refusal)) => {
                part.finish().map_err(not_stored)?;
                rooms.forget();
                Err(refusal)
            }
            Err(error) => {
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) {
                    // After it SQLite finds damage in the whole transaction.
                    return Err(Failed::not_stored(&error));
                }
                // Fails where SQLite has undone everything, also the ones before this.
                part.finish().map_err(|_| Failed::not_stored(&error))?;
                rooms.forget();
                stored.tip = before;
                stored.trouble = Some(reason(&error));
                Err(AppendError::Refused(reason(&error)))
            }
        };
        stored.answers.push(answer);
    }
    if !stored.has_news(tip) {
        return Ok(stored);
    }
    work.commit().map_err(|error| not_committed(&error))?;
    Ok(stored)
}

impl Stored {
    fn new(tip: Tip, count: usize) -> Self {
        Self { tip, trouble: None, answers: Vec::with_capacity(count) }
    }

    /// Whether there is anything to make durable. Duplicates and refusals alone are nothing, and so
    /// nothing that could fail.
    fn has_news(&self, before: Tip) -> bool {
        self.tip.seq > before.seq
    }

    /// Stores one behind the others.
    fn append(
        &mut self,
        db: &Connection,
        statements: &mut Statements<'_>,
        rooms: &mut KnownRooms,
        shared: &Shared,
        Waiting { draft, .. }: &Waiting,
    ) -> rusqlite::Result<Result<Appended, AppendError>> {
        // Time never goes back, whatever the clock does.
        let now = (shared.clock)().max(self.tip.at);
        let remembered_since = since(now, shared.limits.id_window);
        let moment = Moment { tip: self.tip, now, remembered_since };
        let answer = append(db, statements, rooms, draft, moment)?;
        if let Ok(appended) = &answer
            && !appended.duplicate
        {
            (self.tip.seq, self.tip.at) = (appended.seq, appended.at);
        }
        Ok(answer)
    }
}

/// If this fails the commit may already be in the file, where a restart finds it; but not if it
/// was the writing that failed, since the mark of the commit is written last.
fn not_committed(error: &rusqlite::Error) -> Failed {
    Failed::new(error, !was_not_written(error))
}
