use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("palabre.sqlite");
    (directory, path)
}

fn version(db: &Connection) -> u32 {
    db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// An empty log as an earlier release has left it.
fn of_version(path: &Path, steps: usize) -> Connection {
    let db = Connection::open(path).unwrap();
    for step in &STEPS[..steps] {
        db.execute_batch(step).unwrap();
    }
    let epoch = random_epoch().unwrap();
    let sql = "INSERT INTO log (one, epoch, seq, at, trimmed) VALUES (1, ?1, 0, 0, 0)";
    db.execute(sql, [epoch.as_str()]).unwrap();
    db.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    db.pragma_update(None, "user_version", steps as u32).unwrap();
    db
}

#[test]
fn new_log_begins_empty_and_stays_the_same() {
    let (_directory, path) = place();
    let (db, tip) = open_writer(&path).unwrap();
    assert_eq!((tip.seq, tip.at), (0, 0));
    assert_eq!(version(&db) as usize, STEPS.len());
    drop(db);
    assert_eq!(open_writer(&path).unwrap().1, tip);
    let (_other_directory, other) = place();
    assert_ne!(open_writer(&other).unwrap().1.epoch, tip.epoch);
}

#[test]
fn everything_is_durable_when_it_is_committed() {
    let (_directory, path) = place();
    let (db, _) = open_writer(&path).unwrap();
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let synchronous: u32 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2));
}

#[test]
fn older_schema_is_brought_up_to_date_with_its_entries() {
    let (_directory, path) = place();
    let (mut db, tip) = open_writer(&path).unwrap();
    let more = ["ALTER TABLE rooms ADD COLUMN colour TEXT", "CREATE TABLE more (x)"];
    let steps = [STEPS, &more].concat();
    migrate(&mut db, &steps).unwrap();
    assert_eq!(version(&db) as usize, steps.len());
    db.execute("INSERT INTO rooms (name, trimmed, colour) VALUES ('a', 0, 'red')", []).unwrap();
    migrate(&mut db, &steps).unwrap();
    assert_eq!(super::tip(&db).unwrap(), tip);
}

#[test]
fn rooms_of_the_first_schema_get_the_time_of_their_newest_entry() {
    let (_directory, path) = place();
    let db = of_version(&path, 1);
    db.execute_batch(
        "INSERT INTO rooms VALUES (1, 'old', 2, 0), (2, 'emptied', 1, 1), (3, 'young', 1, 0);
         INSERT INTO entries VALUES
           (2, 1, 1, 100, 'u', 'i', NULL, x'00'), (3, 1, 2, 200, 'u', 'j', NULL, x'00'),
           (4, 3, 1, 300, 'u', 'i', NULL, x'00');
         UPDATE log SET seq = 4, at = 300, trimmed = 1",
    )
    .unwrap();
    drop(db);
    let (db, _) = open_writer(&path).unwrap();
    let mut select = db.prepare("SELECT name, at, about FROM rooms ORDER BY at DESC").unwrap();
    let rooms: Vec<(String, i64, Option<Vec<u8>>)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let named = |name: &str, at| (name.to_owned(), at, None);
    assert_eq!(rooms, [named("young", 300), named("old", 200), named("emptied", 0)]);
}

#[test]
fn ids_and_sessions_of_the_third_schema_are_kept() {
    for (ids, forgotten) in [
        ("VALUES (3, 1, 'u', 'j', 2, 200, x'07')", 2),
        ("SELECT 1, 1, '', '', 1, 1, x'' WHERE false", 4),
    ] {
        let (_directory, path) = place();
        let db = of_version(&path, 3);
        db.execute_batch(&format!(
            "INSERT INTO rooms (key, name, head, trimmed) VALUES (1, 'lobby', 3, 0);
             INSERT INTO entries VALUES
               (2, 1, 1, 100, 'u', 'i', NULL, x'00'), (3, 1, 2, 200, 'u', 'j', NULL, x'00'),
               (4, 1, 3, 300, 'u', 'k', NULL, x'00');
             INSERT INTO ids {ids};
             INSERT INTO sessions VALUES ('b', 'me', 'you', 7, x'0b'), ('a', 'i', '', 9, x'0a');
             UPDATE log SET seq = 4, at = 300, trimmed = 1"
        ))
        .unwrap();
        drop(db);
        let (db, _) = open_writer(&path).unwrap();
        let all = |sql| -> Vec<String> {
            let mut select = db.prepare(sql).unwrap();
            select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let sql =
            "SELECT room||' '||user||' '||id||' '||seq||' '||offset||' '||at||' '||hex(content)
                   FROM ids";
        let expected = if forgotten == 2 { vec!["1 u j 3 2 200 07"] } else { vec![] };
        assert_eq!(all(sql), expected);
        assert_eq!(all("SELECT cast(forgotten AS TEXT) FROM log"), [forgotten.to_string()]);
        let sql = "SELECT key||' '||owner||' '||before||' '||ends||' '||hex(bytes) FROM sessions";
        assert_eq!(all(sql), ["b me you 7 0B", "a i  9 0A"]);
        let sql =
            "SELECT name FROM sqlite_schema WHERE name LIKE '%by_seq' OR name LIKE '%by_time'";
        assert_eq!(all(sql), ["rooms_by_time"], "nothing else is left");
        drop(db);
    }
}

#[test]
fn log_and_rooms_of_the_fourth_schema_stand_where_they_stood() {
    let heads = |db: &Connection| -> Vec<(String, u32, u32, u32)> {
        let mut select = db
            .prepare(
                "SELECT name, head, h.trimmed, r.at
                 FROM rooms_and_heads h JOIN rooms r USING (name) ORDER BY h.key",
            )
            .unwrap();
        let all =
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        all.unwrap().map(Result::unwrap).collect()
    };
    let insert = "INSERT INTO entries VALUES
        (2, 1, 3, 200, 'u', 'i', NULL, x'00'), (3, 1, 4, 300, 'u', 'j', NULL, x'00')";
    for (entries, trimmed) in [("", 4), (insert, 2)] {
        let (_directory, path) = place();
        let db = of_version(&path, 4);
        db.execute_batch(&format!(
            "INSERT INTO rooms (key, name, head, trimmed, at) VALUES
               (1, 'lobby', 4, {trimmed}, 300), (2, 'made', 0, 0, 350), (3, 'gone', 1, 1, 400);
             {entries};
             UPDATE log SET seq = 4, at = 400, trimmed = 4"
        ))
        .unwrap();
        drop(db);
        let (db, tip) = open_writer(&path).unwrap();
        assert_eq!((tip.seq, tip.at), (4, 400));
        let room = |name: &str, head, trimmed, at| (name.to_owned(), head, trimmed, at);
        let expected =
            [room("lobby", 4, trimmed, 300), room("made", 0, 0, 350), room("gone", 1, 1, 400)];
        assert_eq!(heads(&db), expected);
        assert_eq!(db.query_row("SELECT listed FROM log", [], |row| row.get(0)), Ok(4));
    }
}

#[test]
fn step_that_fails_changes_nothing() {
    let (_directory, path) = place();
    let (mut db, tip) = open_writer(&path).unwrap();
    let steps = [STEPS, &["CREATE TABLE more (x)", "CREATE TABLE more (y)"]].concat();
    migrate(&mut db, &steps).unwrap_err();
    assert_eq!(version(&db) as usize, STEPS.len());
    assert!(!db.table_exists(None, "more").unwrap());
    assert_eq!(super::tip(&db).unwrap(), tip);
}

#[test]
fn newer_schema_is_refused_and_left_alone() {
    let (_directory, path) = place();
    let (mut db, _) = open_writer(&path).unwrap();
    migrate(&mut db, &[STEPS, &["CREATE TABLE more (x)"]].concat()).unwrap();
    drop(db);
    let known = STEPS.len() as u32;
    assert_eq!(open_writer(&path).map(|_| ()), Err(Error::NewerSchema { found: known + 1, known }));
    assert_eq!(version(&Connection::open(&path).unwrap()), known + 1);
}

#[track_caller]
fn refused(path: &Path, words: &str) {
    match open_writer(path) {
        Err(Error::Damaged(text)) => {
            assert!(text.contains(words) && text.contains("palabre.sqlite"), "{text}");
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[test]
fn database_of_another_program_is_refused_and_left_alone() {
    let (_directory, path) = place();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(db);
    refused(&path, "another program");
    Connection::open(&path).unwrap().pragma_update(None, "application_id", 7).unwrap();
    refused(&path, "another program");
    let db = Connection::open(&path).unwrap();
    assert_eq!(db.query_row("SELECT x FROM theirs", [], |row| row.get::<_, i64>(0)), Ok(1));
}

#[test]
fn file_that_is_no_database_is_refused_and_left_alone() {
    let (_directory, path) = place();
    let text = "not a database, but somebody's diary ".repeat(300);
    std::fs::write(&path, &text).unwrap();
    refused(&path, "not a database");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn log_that_contradicts_itself_is_refused() {
    let cases = [
        ("UPDATE log SET epoch = 'short'", "short"),
        ("UPDATE log SET listed = 5", "come to entry 5, and ends at 0"),
        ("DELETE FROM log", "no rows"),
        ("DROP TABLE log", "no such table"),
        ("DROP TABLE entries", "no such table"),
    ];
    for (sql, words) in cases {
        let (_directory, path) = place();
        open_writer(&path).unwrap().0.execute_batch(sql).unwrap();
        refused(&path, words);
    }
}

#[test]
fn readers_can_not_write() {
    let (_directory, path) = place();
    let writer = open_writer(&path).unwrap();
    let reader = open_reader(&path).unwrap();
    reader.execute("UPDATE log SET trimmed = 5", []).unwrap_err();
    drop(writer);
}

#[test]
fn numbers_outlive_the_sign() {
    for number in [0, 1, i64::MAX as u64] {
        assert_eq!(unsigned(signed(number)), number);
    }
    assert_eq!(signed(u64::MAX), i64::MAX);
    assert_eq!(unsigned(-1), 0);
}
