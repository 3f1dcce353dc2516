//! A transaction of a connection that begins thousands of them a second: unlike rusqlite's own it
//! prepares its statements once.

use std::ops::Deref;

use rusqlite::Connection;

/// Undone when it is dropped without having been committed.
pub(super) struct Transaction<'a>(&'a Connection);

impl<'a> Transaction<'a> {
    /// Begins one that may write.
    pub(super) fn begin(db: &'a Connection) -> rusqlite::Result<Self> {
        run(db, "BEGIN IMMEDIATE")?;
        Ok(Self(db))
    }

    pub(super) fn commit(self) -> rusqlite::Result<()> {
        run(self.0, "COMMIT")
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Committed, or undone by SQLite itself, which does so where going on makes no sense.
        if self.0.is_autocommit() {
            return;
        }
        if let Err(error) = run(self.0, "ROLLBACK") {
            tracing::warn!(%error, "a transaction could not be undone");
        }
    }
}

fn run(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(drop)
}
