//! Databases that were put back: an older one is noticed, the same one is not, and no restart is
//! taken for one.

use super::*;
use crate::{SessionRecord, Sessions};

const FILE: &str = "palabre.sqlite";
const PAST: &str = "palabre.past";

/// Opens, appends so many, closes. Gives the head before that, with the entries' ids.
async fn run(directory: &Path, from: usize, count: usize) -> (Head, usize) {
    let log = Embedded::open(Some(directory), Limits::embedded()).unwrap();
    let head = within(log.head(Partition(0))).await.unwrap();
    let entries = stored(&log).await.len();
    for number in from..from + count {
        append(&log, "lobby", number).await;
    }
    within(log.close()).await;
    (head, entries)
}

async fn head(directory: &Path) -> Head {
    run(directory, 0, 0).await.0
}

#[tokio::test]
async fn older_backup_begins_a_new_epoch_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let (file, backup) = (directory.path().join(FILE), directory.path().join("backup"));
    let (first, _) = run(directory.path(), 0, 5).await;
    std::fs::copy(&file, &backup).unwrap();
    let (again, _) = run(directory.path(), 5, 1).await;
    assert_eq!(again, Head { seq: 5, ..first }, "a restart is a restart");
    // By one single entry.
    std::fs::copy(&backup, &file).unwrap();
    let (restored, entries) = run(directory.path(), 6, 2).await;
    assert_ne!(restored.epoch, first.epoch);
    assert_eq!((restored.seq, entries), (5, 5), "what the backup has is there");
    let later = head(directory.path()).await;
    assert_eq!(later, Head { seq: 7, ..restored }, "from then on it is a log like any other");
    // The same backup once more: its epoch is another one, though it is no shorter now.
    std::fs::copy(&backup, &file).unwrap();
    let third = head(directory.path()).await;
    assert!(third.epoch != first.epoch && third.epoch != restored.epoch);
}

#[tokio::test]
async fn same_database_put_back_is_the_same_log() {
    let directory = tempfile::tempdir().unwrap();
    let (file, backup) = (directory.path().join(FILE), directory.path().join("backup"));
    let (first, _) = run(directory.path(), 0, 5).await;
    std::fs::copy(&file, &backup).unwrap();
    head(directory.path()).await;
    std::fs::copy(&backup, &file).unwrap();
    assert_eq!(head(directory.path()).await, Head { seq: 5, ..first });
}

#[tokio::test]
async fn database_of_elsewhere_begins_a_new_epoch() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, _) = run(one.path(), 0, 5).await;
    // Where nothing was yet.
    std::fs::copy(one.path().join(FILE), other.path().join(FILE)).unwrap();
    let moved = head(other.path()).await;
    assert_ne!(moved.epoch, first.epoch);
    assert_eq!(moved.seq, 5);
    // And where another log was.
    std::fs::copy(one.path().join(FILE), other.path().join(FILE)).unwrap();
    let third = head(other.path()).await;
    assert!(third.epoch != first.epoch && third.epoch != moved.epoch);
    assert_eq!(head(other.path()).await, third);
    // A directory that was moved whole is the same log.
    let whole = tempfile::tempdir().unwrap();
    for name in [FILE, PAST] {
        std::fs::copy(one.path().join(name), whole.path().join(name)).unwrap();
    }
    assert_eq!(head(whole.path()).await, Head { seq: 5, ..first });
}

#[tokio::test]
async fn promise_that_lags_behind_is_no_alarm_and_a_lost_one_is() {
    let directory = tempfile::tempdir().unwrap();
    let past = directory.path().join(PAST);
    let (first, _) = run(directory.path(), 0, 3).await;
    let before = std::fs::read(&past).unwrap();
    run(directory.path(), 3, 3).await;
    // As after a loss of power.
    std::fs::write(&past, before).unwrap();
    assert_eq!(head(directory.path()).await, Head { seq: 6, ..first });
    std::fs::remove_file(&past).unwrap();
    let anew = head(directory.path()).await;
    assert!(anew.epoch != first.epoch && anew.seq == 6);
    std::fs::write(&past, "something else").unwrap();
    assert_ne!(head(directory.path()).await.epoch, anew.epoch);
}

#[tokio::test]
async fn log_that_never_had_a_promise_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (first, _) = run(directory.path(), 0, 3).await;
    std::fs::remove_file(directory.path().join(PAST)).unwrap();
    let db = Connection::open(directory.path().join(FILE)).unwrap();
    db.execute("UPDATE log SET promised = 0", []).unwrap();
    drop(db);
    assert_eq!(head(directory.path()).await, Head { seq: 3, ..first });
    assert!(directory.path().join(PAST).exists());
}

#[tokio::test]
async fn sessions_of_an_older_backup_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (file, backup) = (directory.path().join(FILE), directory.path().join("backup"));
    let record = |text: &str| SessionRecord {
        key: "key".into(),
        owner: "me".into(),
        bytes: text.to_owned().into(),
    };
    for (number, text) in ["old", "new"].iter().enumerate() {
        let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
        within(log.keep(record(text), Duration::from_mins(9))).await.unwrap();
        append(&log, "lobby", number).await;
        within(log.close()).await;
        if *text == "old" {
            std::fs::copy(&file, &backup).unwrap();
        }
    }
    std::fs::copy(&backup, &file).unwrap();
    let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
    let claimed = within(log.claim("key", "you", Duration::from_mins(9))).await;
    assert_eq!(claimed, Ok(None), "it was replaced");
}

/// What a process leaves that is killed at any moment between two appends: the files as they are.
#[tokio::test]
async fn files_as_they_are_at_any_moment_are_no_alarm() {
    let directory = tempfile::tempdir().unwrap();
    let log = Embedded::open(Some(directory.path()), Limits::embedded()).unwrap();
    let first = within(log.head(Partition(0))).await.unwrap();
    for number in 0..20 {
        append(&log, "lobby", number).await;
        let copy = tempfile::tempdir().unwrap();
        // The promise first: what comes in between is then only in the log.
        for name in [PAST, FILE, "palabre.sqlite-wal"] {
            std::fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
        }
        let found = head(copy.path()).await;
        assert_eq!(found, Head { seq: number as u64 + 1, ..first });
    }
}
