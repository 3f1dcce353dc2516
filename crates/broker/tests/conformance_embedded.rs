//! The embedded broker keeps the contract, on disk and in memory.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    future::{Ready, ready},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
};

use broker::{
    Answer, Broker, Error, Limits,
    conformance::{LastingPlace, Place},
    embedded::Embedded,
};
use tempfile::TempDir;

/// One log that the handles of all instances share while any is left.
struct Log {
    directory: Option<TempDir>,
    open: Mutex<Weak<Embedded>>,
}

impl Log {
    fn on_disk() -> Ready<Self> {
        ready(Self { directory: Some(tempfile::tempdir().unwrap()), open: Mutex::default() })
    }

    fn in_memory() -> Ready<Self> {
        ready(Self { directory: None, open: Mutex::default() })
    }

    fn path(&self) -> Option<&Path> {
        self.directory.as_ref().map(TempDir::path)
    }

    /// Runs SQL behind the broker's back, as another program could.
    fn meddle(&self, sql: &'static str) -> Answer<()> {
        let file: PathBuf = self.path().unwrap().join("palabre.sqlite");
        Box::pin(async move {
            rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap();
        })
    }
}

impl Place for Log {
    fn open(&self, limits: Limits) -> Answer<Result<Arc<dyn Broker>, Error>> {
        let mut open = self.open.lock().unwrap();
        let opened = match open.upgrade() {
            Some(shared) => Ok(shared),
            None => Embedded::open(self.path(), limits),
        };
        if let Ok(shared) = &opened {
            *open = Arc::downgrade(shared);
        }
        Box::pin(async move { opened.map(|shared| shared as Arc<dyn Broker>) })
    }
}

impl LastingPlace for Log {
    fn write_newer_schema(&self) -> Answer<()> {
        let file = self.path().unwrap().join("palabre.sqlite");
        Box::pin(async move {
            let db = rusqlite::Connection::open(file).unwrap();
            let version: u32 =
                db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            db.pragma_update(None, "user_version", version + 1).unwrap();
        })
    }

    fn break_appends(&self, broken: bool) -> Answer<()> {
        // The entries are written behind the room, the id and the redaction.
        self.meddle(if broken {
            "CREATE TRIGGER broken AFTER INSERT ON entries
             BEGIN SELECT raise(ABORT, 'broken on purpose'); END"
        } else {
            "DROP TRIGGER broken"
        })
    }
}

mod on_disk {
    use super::Log;

    broker::conformance_tests!(core, Log::on_disk);
    broker::conformance_tests!(lasting, Log::on_disk);
}

mod in_memory {
    use super::Log;

    broker::conformance_tests!(core, Log::in_memory);
}
