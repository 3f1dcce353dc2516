//! What lies beside the log: how many session records are kept, and what is left of them.

use super::*;
use crate::{OwnedSession, SessionRecord, Sessions};

const LONG: Duration = Duration::from_mins(10);

fn session(key: &str) -> SessionRecord {
    SessionRecord { key: key.into(), owner: "me".into(), bytes: "session".into() }
}

async fn keep(log: &Embedded, key: &str, life: Duration) {
    assert_eq!(within(log.keep(session(key), life)).await, Ok(true));
}

/// The keys that are stored, whether or not their life is over.
async fn keys(log: &Embedded) -> Vec<String> {
    on_writer(log, |db| {
        let mut select = db.prepare("SELECT key FROM sessions ORDER BY key").unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    })
    .await
}

#[tokio::test]
async fn session_with_the_shortest_life_left_goes_when_there_are_too_many() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { sessions: 3, ..Limits::embedded() };
    let log = Embedded::open(Some(directory.path()), limits.clone()).unwrap();
    keep(&log, "a", LONG).await;
    keep(&log, "b", LONG / 2).await;
    keep(&log, "c", LONG).await;
    keep(&log, "c", LONG).await;
    assert_eq!(keys(&log).await, ["a", "b", "c"], "replacing one is not one more");
    keep(&log, "d", LONG).await;
    assert_eq!(keys(&log).await, ["a", "c", "d"]);
    within(log.forget("a", "me")).await.unwrap();
    keep(&log, "e", LONG / 4).await;
    assert_eq!(keys(&log).await, ["c", "d", "e"], "forgetting one makes room");
    within(log.close()).await;
    let log = Embedded::open(Some(directory.path()), limits).unwrap();
    keep(&log, "f", LONG).await;
    assert_eq!(keys(&log).await, ["c", "d", "f"], "they are counted at the start");
    let owned = ["c", "e"].map(|key| OwnedSession { key: key.into(), owner: "me".into() });
    assert_eq!(within(log.renew_sessions(owned.into(), LONG)).await, Ok(vec!["e".into()]));
}

#[tokio::test]
async fn sessions_beyond_what_is_looked_through_at_once_keep_to_their_limit() {
    let limits = Limits { sessions: 2_500, ..Limits::memory() };
    let log = Embedded::open(None, limits).unwrap();
    let several = |name: &str, count: usize| -> Vec<_> {
        (0..count).map(|number| session(&format!("{name} {number}"))).collect()
    };
    for (name, count, life) in [("old", 2_500, LONG / 2), ("new", 2_000, LONG)] {
        let kept = within(log.keep_sessions(several(name, count), life)).await.unwrap();
        assert_eq!(kept, vec![true; count]);
    }
    let keys = keys(&log).await;
    assert_eq!(keys.len(), 2_500);
    let new = keys.iter().filter(|key| key.starts_with("new")).count();
    assert_eq!(new, 2_000, "none goes while others have a shorter life left");
}

#[tokio::test]
async fn sessions_that_ended_are_deleted_and_counted_no_more() {
    let hand = Hand::at(1_000_000);
    let limits = Limits { sessions: 2_000, ..Limits::memory() };
    let log = Embedded::open_with(None, limits, hand.clock()).unwrap();
    // More than one step of the sweeper deletes.
    let calls: Vec<_> = (0..1_999)
        .map(|number| log.keep(session(&format!("short {number}")), Duration::from_secs(10)))
        .collect();
    for call in calls {
        within(call).await.unwrap();
    }
    keep(&log, "long", LONG).await;
    hand.set(1_000_000 + 9_999);
    let mine = within(log.claim("short 7", "me", Duration::ZERO)).await.unwrap();
    assert!(mine.is_some(), "its last millisecond");
    hand.set(1_000_000 + 100_000);
    assert_eq!(within(log.claim("short 8", "me", LONG)).await, Ok(None), "ended, if still there");
    let sweeping = async {
        // Any job lets the writer look around.
        while keys(&log).await != ["long"] {
            log.shared.jobs.wake();
        }
    };
    within(sweeping).await;
    let calls: Vec<_> =
        (0..1_999).map(|number| log.keep(session(&format!("new {number}")), LONG)).collect();
    for call in calls {
        within(call).await.unwrap();
    }
    assert_eq!(keys(&log).await.len(), 2_000, "nothing had to be dropped");
}

#[tokio::test]
async fn appends_wait_for_the_disk_after_a_session_did_not() {
    let (_directory, log) = on_disk();
    let synchronous = |db: &Connection| -> u32 {
        db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap()
    };
    for turn in 1..=3 {
        keep(&log, "key", LONG).await;
        let then = on_writer(&log, move |db| synchronous(db)).await;
        assert_eq!(then, 2, "full, which is waiting for the disk at each commit");
        append(&log, "lobby", turn).await;
    }
    // Also while more of them wait than are written in one turn.
    let busy = keep_busy(&log).await;
    let keeping: Vec<_> = (0..3)
        .map(|part| (0..256).map(|number| session(&format!("{part} {number}"))).collect())
        .map(|part| log.keep_sessions(part, LONG))
        .collect();
    let (then, ()) = tokio::join!(on_writer(&log, move |db| synchronous(db)), async { drop(busy) });
    assert_eq!(then, 2);
    for part in keeping {
        assert_eq!(within(part).await, Ok(vec![true; 256]));
    }
}

#[tokio::test]
async fn sessions_that_can_not_be_written_are_errors_and_take_no_entry_along() {
    let (_directory, log) = on_disk();
    keep(&log, "before", LONG).await;
    on_writer(&log, |db| {
        let sql = "CREATE TRIGGER t AFTER INSERT ON sessions
                   BEGIN SELECT raise(ROLLBACK, 'on purpose'); END";
        db.execute_batch(sql).unwrap();
    })
    .await;
    let busy = keep_busy(&log).await;
    let renewed = log.keep(session("before"), LONG);
    let made = log.keep(session("after"), LONG);
    let appended = log.append(draft("lobby", 1));
    drop(busy);
    // All of one transaction, of which nothing is left.
    for answer in [within(renewed).await, within(made).await] {
        assert!(matches!(answer, Err(Error::Damaged(_) | Error::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(within(appended).await.unwrap().seq, 1);
    assert_eq!(keys(&log).await, ["before"]);
    on_writer(&log, |db| db.execute_batch("DROP TRIGGER t").unwrap()).await;
    keep(&log, "after", LONG).await;
    assert_eq!(keys(&log).await, ["after", "before"]);
}

/// Rooms in the order of their making, and when something happened in them last.
type Rooms = Vec<(String, u64)>;

fn set(rooms: &mut Rooms, name: &str, at: u64) {
    match rooms.iter_mut().find(|(room, _)| room == name) {
        Some((_, its)) => *its = at,
        None => rooms.push((name.to_owned(), at)),
    }
}

async fn assert_listed(log: &Embedded, rooms: &Rooms, at: u64) {
    let mut expected: Vec<_> = rooms.iter().map(|(room, at)| (room.as_str(), *at)).rev().collect();
    expected.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    for limit in [1, 3, 1_000] {
        let list = within(log.rooms(limit)).await.unwrap();
        let found: Vec<_> = list.rooms.iter().map(|room| (&*room.room, room.at)).collect();
        let shown = limit.min(expected.len());
        assert_eq!(found, expected[..shown], "at {at}");
        assert_eq!(list.more, shown < expected.len());
    }
}

#[tokio::test]
async fn rooms_are_listed_in_order_whether_or_not_their_times_are_written_down() {
    let (directory, hand) = (tempfile::tempdir().unwrap(), Hand::at(1));
    let open = || Embedded::open_with(Some(directory.path()), Limits::embedded(), hand.clock());
    let (mut log, mut rooms) = (open().unwrap(), Rooms::new());
    for at in 1..=14 {
        hand.set(at);
        // One is busy, two are now and then, and one is quiet from now on.
        let others = [format!("seldom {}", at % 2), format!("once {at}")];
        let names = std::iter::repeat_n("busy".to_owned(), 700).chain(others);
        let mut calls = Vec::new();
        for (number, room) in names.enumerate() {
            set(&mut rooms, &room, at);
            calls.push(log.append(draft(&room, at as usize * 1_000 + number)));
        }
        for call in calls {
            within(call).await.unwrap();
        }
        if at % 5 == 0 {
            let made = format!("made {at}");
            assert!(within(log.create_room(&made, "".into())).await.unwrap());
            set(&mut rooms, &made, at);
        }
        assert_listed(&log, &rooms, at).await;
        if at % 4 == 0 {
            within(log.close()).await;
            log = open().unwrap();
            assert_listed(&log, &rooms, at).await;
        }
    }
    let sql = "SELECT min(listed) FROM log";
    let listed = on_writer(&log, move |db| db.query_row(sql, [], |row| row.get(0))).await;
    assert_eq!(listed, Ok(5 * 1_024), "some are written down, those of the newest aren't");
}

#[tokio::test]
async fn room_is_listed_after_its_newest_entry_has_passed_its_age() {
    let hand = Hand::at(1_000_000);
    let limits = Limits { room_age: Duration::from_secs(10), ..Limits::memory() };
    let log = Embedded::open_with(None, limits, hand.clock()).unwrap();
    let at = append(&log, "lobby", 1).await.at;
    for (now, shown) in [(at, true), (at + 10_000, true), (at + 10_001, false)] {
        hand.set(now);
        let rooms = within(log.rooms(9)).await.unwrap().rooms;
        assert_eq!((rooms.len(), rooms[0].head, rooms[0].at), (1, 1, at));
        assert_eq!(rooms[0].newest.is_some(), shown, "at {now}");
    }
}
