//! Notices that the database was replaced by an older one, such as a backup: clients hold positions
//! that it knows nothing of, and it would give them out once more, so a new epoch must begin.
//!
//! A small file beside the database, which is no part of its backups, says which entry was
//! acknowledged last. It is written after each commit, without waiting for the disk. So it never
//! promises what isn't durable, and however the process or the machine ends, a database that was
//! left alone is never behind it. The other way round it may be behind the database, after a loss
//! of power by some seconds: a backup of exactly that time is not noticed. Neither is a directory
//! that was put back whole, this file included; who removes the file asks for a new epoch.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use sha1::{Digest, Sha1};

use super::{
    directory::Directory,
    schema::{self, Tip},
};
use crate::{Epoch, Error};

/// Each promise is written in the place of the one before the last, and in a sector of its own: if
/// one of them is half written, the other one is whole.
const SLOT_BYTES: usize = 512;

/// How a slot begins; the number is the format's version.
const MARK: &str = "palabre-past-1";

/// The file beside the database.
#[derive(Debug)]
pub(super) struct Past {
    path: PathBuf,
    file: File,
    /// How often it was written.
    turn: u64,
    /// Writing failed last time, and it was said.
    failing: bool,
}

/// What was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Promise {
    epoch: Epoch,
    seq: u64,
}

/// Compares the database with what was promised, begins a new epoch where it falls behind, and
/// promises from now on.
pub(super) fn reconcile(
    db: &mut Connection,
    tip: Tip,
    directory: &Directory,
) -> Result<(Past, Tip), Error> {
    let path = directory.past();
    let in_database = |error| schema::at_path(&directory.database(), error);
    let failed =
        |error: &std::io::Error| Error::Unavailable(format!("{}: {error}", path.display()));
    let (mut past, found) = Past::open(&path).map_err(|error| failed(&error))?;
    let was_promised = schema::is_promised(db).map_err(in_database)?;
    let tip = match lost(found, was_promised, tip) {
        None => tip,
        Some(reason) => {
            // The database goes first: if the process ends in between, this happens once more.
            let anew = schema::begin_anew(db).map_err(in_database)?;
            tracing::warn!(
                %reason, before = %tip.epoch, now = %anew.epoch,
                "the log's past was lost (an older backup?); a new epoch begins"
            );
            anew
        }
    };
    past.promise(tip);
    past.settle_name().map_err(|error| failed(&error))?;
    if !was_promised {
        schema::set_promised(db).map_err(in_database)?;
    }
    Ok((past, tip))
}

/// Why the database can't be the one that was left here, if it can't.
fn lost(found: Option<Promise>, was_promised: bool, tip: Tip) -> Option<String> {
    match found {
        Some(Promise { epoch, .. }) if epoch != tip.epoch => {
            Some(format!("the log that was here before had the epoch {epoch}"))
        }
        Some(Promise { seq, .. }) if seq > tip.seq => {
            Some(format!("it ends at entry {}, and entry {seq} was acknowledged", tip.seq))
        }
        None if was_promised => {
            Some("the file that says what was acknowledged is missing, or unreadable".into())
        }
        Some(_) | None => None,
    }
}

impl Past {
    fn open(path: &Path) -> std::io::Result<(Self, Option<Promise>)> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut slots = Vec::new();
        (&mut file).take(2 * SLOT_BYTES as u64).read_to_end(&mut slots)?;
        let newest = slots.chunks(SLOT_BYTES).filter_map(read).max_by_key(|(turn, _)| *turn);
        let turn = newest.map_or(0, |(turn, _)| turn);
        let past = Self { path: path.to_owned(), file, turn, failing: false };
        Ok((past, newest.map(|(_, promise)| promise)))
    }

    /// Promises that the entries up to the tip are durable, which they must be. If this fails the
    /// earlier promise stands.
    pub(super) fn promise(&mut self, tip: Tip) {
        self.turn += 1;
        let text = slot(self.turn, Promise { epoch: tip.epoch, seq: tip.seq });
        let place = SLOT_BYTES as u64 * (self.turn % 2);
        let written = write_at(&self.file, &text, place);
        if let (Err(error), false) = (&written, self.failing) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "an older backup may not be noticed: can't write");
        }
        self.failing = written.is_err();
    }

    /// Waits until the promise is on the disk. Done now and then: it bounds what a loss of power
    /// lets go unnoticed.
    pub(super) fn settle(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }

    /// Waits until the file is where it is looked for.
    fn settle_name(&self) -> std::io::Result<()> {
        self.file.sync_all()?;
        // A name is the directory's matter.
        #[cfg(unix)]
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

/// In one call where the system has it.
#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], place: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, place)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], place: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(place))?;
    file.write_all(bytes)
}

/// As text, so that people can read it too.
fn slot(turn: u64, promise: Promise) -> [u8; SLOT_BYTES] {
    let Promise { epoch, seq } = promise;
    let mut text = [b' '; SLOT_BYTES];
    let mut rest = &mut text[..];
    let said = format!("{MARK} turn {turn} epoch {epoch} seq {seq}");
    write!(rest, "{said} sum {}", sum(&said)).expect("its parts have a greatest length");
    text[SLOT_BYTES - 1] = b'\n';
    text
}

/// The promise, and its turn, if this is a whole slot.
fn read(slot: &[u8]) -> Option<(u64, Promise)> {
    let text = std::str::from_utf8(slot).ok()?;
    let (said, its) = text.split_once(" sum ")?;
    let [MARK, "turn", turn, "epoch", epoch, "seq", seq] = said.split(' ').collect::<Vec<_>>()[..]
    else {
        return None;
    };
    if its.trim_end() != sum(said) {
        return None;
    }
    let promise = Promise { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? };
    Some((turn.parse().ok()?, promise))
}

fn sum(said: &str) -> String {
    let mut digest = [0; 8];
    digest.copy_from_slice(&Sha1::digest(said.as_bytes())[..8]);
    format!("{:016x}", u64::from_be_bytes(digest))
}

#[cfg(test)]
mod tests;
