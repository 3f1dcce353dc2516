//! What the database looks like: its tables, its version, how a connection is set up, and what
//! SQLite's errors mean to us.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior, config::DbConfig, ffi};

use crate::{Epoch, Error, Secret};

/// Each step makes the schema one version newer; a released step never changes. The newest
/// version that this release knows is their number.
const STEPS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];

/// Says that the file is a palabre log (`file` and `PRAGMA application_id` show it): "plbr".
const APPLICATION_ID: i32 = 0x706c_6272;

/// How long another program, such as a backup, may hold up a write.
const BUSY_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// Memory for pages of the database, per connection.
const CACHE_KIB: i64 = 16 * 1024;

/// The write-ahead log is brought into the database each time it has this many pages.
const CHECKPOINT_PAGES: i64 = 4_000;

/// What a write-ahead log that grew beyond is cut down to.
const JOURNAL_BYTES_MAX: i64 = 64 << 20;

/// What a log in memory may grow to; beyond, appends are refused until something was trimmed.
pub(super) const MEMORY_BYTES_MAX: i64 = 1 << 30;

/// The state of the log that the writer keeps in mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) epoch: Epoch,
    /// The newest seq.
    pub(super) seq: u64,
    /// When the newest entry was made; time never goes back behind it.
    pub(super) at: u64,
}

/// What a commit outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// The end of the process, however it ends.
    OfProcess,
    /// A loss of power too: the disk is waited for.
    OfMachine,
}

/// Sets what the next commits of a connection outlive. Without effect inside a transaction.
pub(super) fn durability(db: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::OfProcess => "normal",
        Durability::OfMachine => "full",
    };
    db.pragma_update(None, "synchronous", synchronous)
}

/// Opens the database for the one that writes, and creates or migrates it.
pub(super) fn open_writer(path: &Path) -> Result<(Connection, Tip), Error> {
    let open = || {
        let mut db = Connection::open(path)?;
        set_up_on_disk(&db)?;
        migrate(&mut db, STEPS)?;
        let tip = tip(&db)?;
        Ok((db, tip))
    };
    open().map_err(|error| at_path(path, error))
}

/// Opens the database, which a writer holds open, for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let open = || {
        let db = Connection::open(path)?;
        set_up_on_disk(&db)?;
        db.pragma_update(None, "query_only", true)?;
        Ok(db)
    };
    open().map_err(|error| at_path(path, error))
}

/// Makes a database in memory, for one thread that does all.
pub(super) fn open_memory() -> Result<(Connection, Tip), Error> {
    let mut db = Connection::open_in_memory()?;
    set_up(&db)?;
    let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    limit_pages(&db, MEMORY_BYTES_MAX / page)?;
    migrate(&mut db, STEPS)?;
    let tip = tip(&db)?;
    Ok((db, tip))
}

/// The secret beside the log: what is there, or else the proposal, kept from now on.
pub(super) fn secret(db: &Connection, proposal: Secret) -> Result<Secret, Error> {
    db.execute("INSERT OR IGNORE INTO secret (one, bytes) VALUES (1, ?1)", [proposal])?;
    Ok(db.query_row("SELECT bytes FROM secret", [], |row| row.get(0))?)
}

/// Lets the database grow to so many pages and no further.
pub(super) fn limit_pages(db: &Connection, pages: i64) -> Result<(), Error> {
    Ok(db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
}

fn set_up_on_disk(db: &Connection) -> Result<(), Error> {
    set_up(db)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let text = format!("no write-ahead log is possible here (SQLite offers {mode:?})");
        return Err(Error::Unavailable(text));
    }
    durability(db, Durability::OfMachine)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(db.pragma_update(None, "journal_size_limit", JOURNAL_BYTES_MAX)?)
}

fn set_up(db: &Connection) -> Result<(), Error> {
    db.busy_timeout(BUSY_WAIT)?;
    db.set_prepared_statement_cache_capacity(64);
    // A damaged or foreign file must not be able to run anything.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // What was redacted or trimmed is overwritten, not only unlinked.
    db.pragma_update(None, "secure_delete", true)?;
    // Negative means KiB.
    Ok(db.pragma_update(None, "cache_size", -CACHE_KIB)?)
}

/// Brings the schema to the version of the last step.
fn migrate(db: &mut Connection, steps: &[&str]) -> Result<(), Error> {
    let known = steps.len() as u32;
    let work = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let found: u32 = work.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let owner: i32 = work.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = work.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if owner != APPLICATION_ID && (tables > 0 || owner != 0) {
        return Err(Error::Damaged("this is a database of another program".into()));
    }
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    if found == known {
        return Ok(());
    }
    for step in &steps[found as usize..] {
        work.execute_batch(step)?;
    }
    if found == 0 {
        begin(&work)?;
    }
    work.pragma_update(None, "application_id", APPLICATION_ID)?;
    work.pragma_update(None, "user_version", known)?;
    Ok(work.commit()?)
}

/// Begins the life of a new log.
fn begin(db: &Connection) -> Result<(), Error> {
    db.execute(
        "INSERT INTO log (one, epoch, at, trimmed) VALUES (1, ?1, 0, 0)",
        [random_epoch()?.as_str()],
    )?;
    Ok(())
}

/// Begins another life of a log whose past was lost. Session records go with it: they may be such
/// as were replaced.
pub(super) fn begin_anew(db: &mut Connection) -> Result<Tip, Error> {
    let work = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    work.execute("UPDATE log SET epoch = ?1", [random_epoch()?.as_str()])?;
    work.execute("DELETE FROM sessions", [])?;
    let tip = tip(&work)?;
    work.commit()?;
    Ok(tip)
}

fn random_epoch() -> Result<Epoch, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Error::Unavailable(format!("no randomness for an epoch: {error}")))?;
    Ok(Epoch::from_random(random))
}

/// Whether a file beside the database has ever promised what was acknowledged.
pub(super) fn is_promised(db: &Connection) -> Result<bool, Error> {
    Ok(db.query_row("SELECT promised FROM log", [], |row| row.get(0))?)
}

/// Says so from now on.
pub(super) fn set_promised(db: &Connection) -> Result<(), Error> {
    db.execute("UPDATE log SET promised = 1", [])?;
    Ok(())
}

/// Reads where the log stands, and whether what it says of its entries agrees.
pub(super) fn tip(db: &Connection) -> Result<Tip, Error> {
    let (epoch, seq, at, listed): (String, i64, i64, i64) =
        db.query_row("SELECT epoch, seq, at, listed FROM log_and_tip", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let epoch = parse_epoch(&epoch)?;
    if seq < listed {
        let text = format!("it says that it has come to entry {listed}, and ends at {seq}");
        return Err(Error::Damaged(text));
    }
    Ok(Tip { epoch, seq: unsigned(seq), at: unsigned(at) })
}

/// Reads an epoch as it is stored.
pub(super) fn parse_epoch(text: &str) -> Result<Epoch, Error> {
    text.parse().map_err(|error| Error::Damaged(format!("{text:?}: {error}")))
}

/// Why something could not be written, for people; SQLite's own words are part of it.
pub(super) fn reason(error: &rusqlite::Error) -> String {
    let meaning = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "no space is left for the log",
        Some(ErrorCode::SystemIoFailure) => "the disk fails, or is full",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "the log may not be written",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the log's file is damaged",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the log's file"
        }
        _ => return error.to_string(),
    };
    format!("{meaning} ({error})")
}

/// Whether a commit failed before its end was written to the file.
pub(super) fn was_not_written(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_FULL | ffi::SQLITE_IOERR_WRITE))
}

/// What an error of SQLite means to whoever reads or opens the log.
impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::OperationInterrupted,
            ) => Self::Unavailable(error.to_string()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// Names the file, and what can be done about it.
pub(super) fn at_path(path: &Path, error: Error) -> Error {
    match error {
        Error::Damaged(text) => Error::Damaged(format!(
            "{}: {text}. Put a backup in its place, or move it away to begin with an empty log",
            path.display()
        )),
        Error::Unavailable(text) => Error::Unavailable(format!("{}: {text}", path.display())),
        other => other,
    }
}

/// SQLite's integers are signed: what is greater than all of them stays so.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// We store nothing negative; a damaged file may.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
