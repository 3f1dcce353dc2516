//! The log in the process itself: SQLite on disk, or in memory only.

use std::{path::Path, sync::Arc};

use crate::{Error, Limits};

/// A log that lives in this process. Several instances in one process share one of these.
pub struct Embedded {}

impl Embedded {
    /// Opens the log in a directory, which is created where it is missing, or one in memory only.
    /// Blocks while the files are opened.
    pub fn open(directory: Option<&Path>, limits: Limits) -> Result<Arc<Self>, Error> {
        let _ = (directory, limits);
        Err(Error::Unavailable("not written yet".into()))
    }
}
