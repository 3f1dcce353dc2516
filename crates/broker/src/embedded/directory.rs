//! The data directory: that it exists, and that only one process uses it. What lies in it is
//! left to `schema`.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::Error;

/// A directory that is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Locked; the lock ends with the file handle, also when the process is killed. The file
    /// stays: removing it would let two processes lock two files of the same name.
    lock: File,
}

impl Directory {
    /// Creates the directory if it is missing and locks it.
    pub(super) fn claim(path: &Path) -> Result<Self, Error> {
        let failed = |what: &str, error: &std::io::Error| {
            Error::Unavailable(format!("{what} {}: {error}", path.display()))
        };
        create(path).map_err(|error| failed("can't create the data directory", &error))?;
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join("palabre.lock"))
            .map_err(|error| failed("can't write in the data directory", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut lock)),
            Err(TryLockError::Error(error)) => {
                return Err(failed("can't lock the data directory", &error));
            }
        }
        let claimed = Self { path: path.to_owned(), lock };
        sign(&claimed.lock)
            .and_then(|()| create_for_owner(&claimed.database()))
            .map_err(|error| failed("can't write in the data directory", &error))?;
        Ok(claimed)
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join("palabre.sqlite")
    }

    /// Where it is said what was acknowledged.
    pub(super) fn past(&self) -> PathBuf {
        self.path.join("palabre.past")
    }
}

/// For the owner only: what people wrote is nobody else's.
fn create(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Also where others may look into the directory; SQLite gives its other files the same mode.
fn create_for_owner(file: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// Leaves our process id for whoever is refused.
fn sign(mut lock: &File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

fn in_use(path: &Path, lock: &mut File) -> Error {
    // Where locks are mandatory the file can't be read; then the id stays unknown.
    let mut text = String::new();
    let read = lock.take(20).read_to_string(&mut text);
    let by = match text.trim().parse::<u32>() {
        Ok(pid) if read.is_ok() => format!("another process (pid {pid})"),
        _ => "another process".to_owned(),
    };
    Error::InUse(format!("the data directory {} is in use by {by}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_claimed_once_and_free_again_afterwards() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("some/where");
        let first = Directory::claim(&path).unwrap();
        let Err(Error::InUse(text)) = Directory::claim(&path) else { panic!("claimed twice") };
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
        drop(first);
        Directory::claim(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_is_created_is_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("some/where");
        let directory = Directory::claim(&path).unwrap();
        for (file, mode) in [(path, 0o700), (directory.database(), 0o600)] {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn an_unreadable_owner_is_just_another_process() {
        let temporary = tempfile::tempdir().unwrap();
        let held = Directory::claim(temporary.path()).unwrap();
        std::fs::write(temporary.path().join("palabre.lock"), b"\xff\xfe what").unwrap();
        let Err(Error::InUse(text)) = Directory::claim(temporary.path()) else { panic!() };
        assert!(text.ends_with("in use by another process"), "{text}");
        drop(held);
    }

    #[test]
    fn a_file_in_the_way_is_a_clear_error() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("file");
        std::fs::write(&path, "not a directory").unwrap();
        let error = Directory::claim(&path).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}
