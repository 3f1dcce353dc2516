//! The append script: whatever it errs on, nothing half-done shows, and a retry works.

use broker::{AppendError, Broker, Draft, Error, Limits, Range, State, redis::Redis};

use crate::{
    bench::{
        P0, connected, connection, draft, heard, listen, log_of, patient, start, until, within,
    },
    server::Server,
};

/// An append that touches every key there is.
fn touching_everything(id: &str) -> Draft {
    Draft { target: Some(1), redact: Some("gone".into()), ..draft("lobby", id, "a deletion") }
}

/// The rooms, with the times by which they are listed.
async fn listed(redis: &Redis) -> Vec<(Box<str>, u64)> {
    let list = within(redis.rooms(99)).await.unwrap();
    list.rooms.into_iter().map(|room| (room.room, room.at)).collect()
}

/// Makes every append fail, then heals it; nothing may show in between, and the same append must
/// then be made as if nothing had been.
async fn check_harm(redis: &Redis, what: &str, harm: impl FnOnce(), heal: impl FnOnce()) {
    let before = log_of(redis).await;
    let room = within(redis.read_room("lobby", Range::Newest, 99)).await.unwrap();
    let listed = listed(redis).await;
    let retried = touching_everything(&format!("after {what}"));
    harm();
    let refused = within(redis.append(retried.clone())).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{what}: {refused:?}");
    heal();
    assert_eq!(log_of(redis).await, before, "{what}");
    let same = within(redis.read_room("lobby", Range::Newest, 99)).await.unwrap();
    assert_eq!((same.head, same.records), (room.head, room.records), "{what}");
    assert_eq!(self::listed(redis).await, listed, "{what}");
    let made = within(redis.append(retried)).await.unwrap_or_else(|why| panic!("{what}: {why}"));
    assert_eq!((made.seq, made.duplicate), (before.len() as u64 + 1, false), "{what}");
    assert_eq!(made.offset, room.head + 1, "{what}");
    let page = within(redis.read_room("lobby", Range::After(0), 1)).await.unwrap();
    assert_eq!(page.targeting.last().map(|record| record.seq), Some(made.seq), "{what}");
}

async fn with_two_entries(server: &Server) -> std::sync::Arc<Redis> {
    let redis = connected(server, patient()).await;
    for id in ["the first", "the second"] {
        within(redis.append(draft("lobby", id, "text"))).await.unwrap();
    }
    within(redis.append(touching_everything("the third"))).await.unwrap();
    redis
}

#[tokio::test]
async fn full_memory_refuses_and_leaves_nothing() {
    let server = Server::start();
    let redis = with_two_entries(&server).await;
    check_harm(
        &redis,
        "full memory",
        || drop(server.must(&["CONFIG", "SET", "maxmemory", "1"])),
        || drop(server.must(&["CONFIG", "SET", "maxmemory", "0"])),
    )
    .await;
    server.must(&["CONFIG", "SET", "maxmemory", "1"]);
    match within(redis.append(draft("new room", "some-id1", "text"))).await {
        Err(AppendError::Refused(why)) => assert!(why.starts_with("OOM "), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.must(&["EXISTS", "palabre:{p0}:room:new room"]), "0");
    let again = within(redis.append(draft("lobby", "the first", "text"))).await.unwrap();
    assert!(again.duplicate, "what is there is found, also now");
}

#[tokio::test]
async fn a_key_of_another_type_refuses_until_it_is_mended() {
    let server = Server::start();
    let redis = with_two_entries(&server).await;
    let of_partition = ["", ":log", ":redacted", ":due", ":rooms"].map(str::to_owned);
    let of_room = ["room", "entries", "ids", "targets", "redacted"];
    let of_room = of_room.map(|name| format!(":{name}:lobby"));
    for name in of_partition.into_iter().chain(of_room) {
        let key = format!("palabre:{{p0}}{name}");
        // Everything in the room was dropped, so that the append must say when it is due again.
        if name == ":due" {
            server.must(&["HSET", "palabre:{p0}:room:lobby", "ids_from", "99"]);
        }
        let heal = || {
            server.must(&["DEL", &key]);
            server.must(&["RENAME", "set aside", &key]);
        };
        let harm = || {
            server.must(&["RENAME", &key, "set aside"]);
            server.must(&["SET", &key, "something else"]);
        };
        if name.is_empty() {
            // Without its hash there is no partition that could be read meanwhile.
            harm();
            let refused = within(redis.append(touching_everything("some-id1"))).await;
            assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
            heal();
        } else {
            check_harm(&redis, &name, harm, heal).await;
        }
    }
}

#[tokio::test]
async fn a_log_that_somebody_else_wrote_to_refuses_until_it_is_mended() {
    let server = Server::start();
    let redis = with_two_entries(&server).await;
    let log = "palabre:{p0}:log";
    check_harm(
        &redis,
        "an entry of somebody else",
        || drop(server.must(&["XADD", log, "99-0", "some", "thing"])),
        || {
            server.must(&["XDEL", log, "99-0"]);
            server.must(&["XSETID", log, "3-0"]);
        },
    )
    .await;
}

#[tokio::test]
async fn an_error_after_any_write_leaves_nothing() {
    let server = Server::start();
    let redis = with_two_entries(&server).await;
    for command in ["hset", "zadd", "zrem", "xadd", "time", "xrange", "hmget", "xlen"] {
        check_harm(
            &redis,
            command,
            || drop(server.must(&["ACL", "SETUSER", "default", &format!("-{command}")])),
            || drop(server.must(&["ACL", "SETUSER", "default", &format!("+{command}")])),
        )
        .await;
    }
}

#[tokio::test]
async fn what_may_fail_after_the_entry_is_stored_loses_nothing() {
    let server = Server::start();
    let redis = connected(&server, Limits { room_entries: 2, ..patient() }).await;
    let mut deliveries = listen(&redis).await;
    server.must(&["ACL", "SETUSER", "default", "-publish", "-xtrim", "-xdel"]);
    for number in 1..=4 {
        let made = draft("lobby", &format!("number-{number}"), "text");
        assert_eq!(within(redis.append(made)).await.unwrap().seq, number);
    }
    assert_eq!(redis.counts().entries_unpublished, 4);
    assert_eq!(log_of(&redis).await.len(), 4);
    server.must(&["ACL", "SETUSER", "default", "+@all"]);
    let made = within(redis.append(draft("lobby", "number-5", "text"))).await.unwrap();
    assert_eq!(heard(&mut deliveries).await.seq, made.seq);
    let page = within(redis.read_room("lobby", Range::Newest, 9)).await.unwrap();
    let offsets: Vec<u64> = page.records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [4, 5]);
}

#[tokio::test]
async fn a_newer_schema_stops_appends_of_running_instances() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(draft("lobby", "some-id1", "text"))).await.unwrap();
    server.must(&["HSET", "palabre:{p0}", "schema", "2"]);
    match within(redis.append(draft("lobby", "some-id2", "text"))).await {
        Err(AppendError::Refused(why)) => {
            assert_eq!(why, "the log has schema version 2, this release knows 1");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.must(&["HGET", "palabre:{p0}", "seq"]), "1");
    let newer = Error::NewerSchema { found: 2, known: 1 };
    assert_eq!(within(redis.heartbeat(P0, "me")).await, Err(newer.clone()));
    let started_later = start(&server, patient());
    let away = State::Away(newer.to_string());
    until("it says so", async || started_later.state() == away).await;
    assert_eq!(within(started_later.head(P0)).await, Err(newer));
    server.must(&["HSET", "palabre:{p0}", "schema", "1"]);
    connection(&started_later).await;
}

#[tokio::test]
async fn the_keys_are_as_documented() {
    let server = Server::start();
    let redis = with_two_entries(&server).await;
    let epoch = within(redis.head(P0)).await.unwrap().epoch;
    let of = |words: &[&str]| server.must(words);
    let mut keys: Vec<_> = of(&["KEYS", "*"]).lines().map(str::to_owned).collect();
    keys.sort();
    let expected = [
        "palabre:{p0}",
        "palabre:{p0}:due",
        "palabre:{p0}:entries:lobby",
        "palabre:{p0}:ids:lobby",
        "palabre:{p0}:log",
        "palabre:{p0}:redacted",
        "palabre:{p0}:redacted:lobby",
        "palabre:{p0}:room:lobby",
        "palabre:{p0}:rooms",
        "palabre:{p0}:targets:lobby",
    ];
    assert_eq!(keys, expected);
    let partition = ["HMGET", "palabre:{p0}", "epoch", "seq", "schema", "partitions", "log_first"];
    assert_eq!(of(&partition), format!("{epoch}\n3\n1\n1\n1"));
    assert_eq!(of(&["HGET", "palabre:{p0}", "replication"]).len(), 40);
    let room = ["HMGET", "palabre:{p0}:room:lobby", "epoch", "offset", "seq", "first", "ids_from"];
    assert_eq!(of(&room), format!("{epoch}\n3\n3\n1\n1"));
    let entries = of(&["XRANGE", "palabre:{p0}:entries:lobby", "-", "+"]);
    assert!(entries.starts_with("2-2\nprev\n1\ne\n2 2 "), "{entries}");
    assert!(entries.contains("\n3-3\nprev\n2\ne\n3 3 "), "{entries}");
    assert!(entries.ends_with(" 1 3 9\nannthe thirda deletion"), "{entries}");
    let log = of(&["XRANGE", "palabre:{p0}:log", "-", "+"]);
    assert!(log.starts_with("2-0\ne\n5\nlobby2 2 "), "{log}");
    let targets = of(&["ZRANGE", "palabre:{p0}:targets:lobby", "0", "-1", "WITHSCORES"]);
    assert_eq!(targets, "3\n1");
    let id = of(&["HGET", "palabre:{p0}:ids:lobby", "3:annthe second"]);
    assert!(id.starts_with("2 2 "), "{id}");
}

#[tokio::test]
async fn a_redacted_text_is_nowhere() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    within(redis.append(draft("lobby", "some-id1", "a regretted text"))).await.unwrap();
    within(redis.append(touching_everything("some-id2"))).await.unwrap();
    within(redis.append(Draft { redact: Some("over".into()), ..touching_everything("some-id3") }))
        .await
        .unwrap();
    let mut all = String::new();
    for key in server.must(&["KEYS", "*"]).lines() {
        all += &match server.must(&["TYPE", key]).as_str() {
            "stream" => server.must(&["XRANGE", key, "-", "+"]),
            "zset" => server.must(&["ZRANGE", key, "0", "-1"]),
            "hash" => server.must(&["HGETALL", key]),
            other => panic!("{key} is a {other}"),
        };
    }
    assert!(!all.contains("a regretted text") && !all.contains("gone"), "{all}");
    assert_eq!(all.matches("over").count(), 2, "in the room and in the log: {all}");
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    for number in 1..=9 {
        let made = draft("lobby", &format!("number-{number}"), "text");
        within(redis.append(made)).await.unwrap();
    }
    server.must(&["XDEL", "palabre:{p0}:log", "4-0"]);
    let page = within(redis.read_partition(P0, 0, 99, 99)).await.unwrap();
    assert_eq!((page.records[0].seq, page.records.len(), page.reaches_back), (5, 5, false));
    let page = within(redis.read_partition(P0, 4, 99, 99)).await.unwrap();
    assert_eq!((page.records.len(), page.reaches_back), (5, true));
    server.must(&["XDEL", "palabre:{p0}:entries:lobby", "4-4"]);
    for range in [Range::Newest, Range::After(2)] {
        let damaged = within(redis.read_room("lobby", range, 99)).await;
        assert!(matches!(damaged, Err(Error::Damaged(_))), "{damaged:?}");
    }
    let page = within(redis.read_room("lobby", Range::After(4), 99)).await.unwrap();
    assert_eq!(page.records.len(), 5);
    // An entry in the place of another one that was in the chain.
    server.must(&["XTRIM", "palabre:{p0}:entries:lobby", "MAXLEN", "0"]);
    for (id, before, body) in [("8-8", "7", "8 8 1 0 1 1\nux"), ("9-9", "7", "9 9 1 0 1 1\nuy")] {
        let entry = ["palabre:{p0}:entries:again", id, "prev", before, "e", body];
        server.must(&[&["XADD"][..], &entry].concat());
    }
    server.must(&["RENAME", "palabre:{p0}:entries:again", "palabre:{p0}:entries:lobby"]);
    let damaged = within(redis.read_room("lobby", Range::After(7), 99)).await;
    assert!(matches!(damaged, Err(Error::Damaged(_))), "{damaged:?}");
}

#[tokio::test]
async fn what_has_passed_its_age_is_not_shown_where_nothing_happens() {
    let server = Server::start();
    let age = std::time::Duration::from_millis(50);
    let limits = Limits { room_age: age, partition_age: age, ..patient() };
    let redis = connected(&server, limits).await;
    for number in 1..=1_100 {
        drop(redis.append(draft("lobby", &format!("number-{number:06}"), "text")));
    }
    let last = within(redis.append(draft("lobby", "the-last-one", "text"))).await.unwrap();
    until("it is gone", async || {
        let page = within(redis.read_room("lobby", Range::Newest, 9)).await.unwrap();
        assert_eq!(page.head, last.offset);
        page.records.is_empty() && !page.reaches_back
    })
    .await;
    let page = within(redis.read_partition(P0, 0, 9_999, 9_999)).await.unwrap();
    assert!(page.records.is_empty() && !page.reaches_back);
    assert_eq!(page.head.seq, last.seq);
    let page = within(redis.read_room("lobby", Range::After(last.offset), 9)).await.unwrap();
    assert!(page.records.is_empty() && page.reaches_back);
}

#[tokio::test]
async fn quiet_rooms_are_swept_and_ids_are_forgotten() {
    let server = Server::start();
    let age = std::time::Duration::from_millis(1);
    let limits = Limits { room_age: age, partition_age: age, id_window: age, ..patient() };
    let redis = connected(&server, limits).await;
    for number in 1..=1_200 {
        let room = if number <= 1_100 { "lobby".to_owned() } else { format!("room-{number}") };
        // Not waited for one by one; the last answer comes after all others.
        drop(redis.append(draft(&room, &format!("number-{number}"), "text")));
    }
    within(redis.append(draft("lobby", "the-last-one", "text"))).await.unwrap();
    until("everything is swept", async || {
        within(redis.sweep()).await.unwrap();
        server
            .must(&["KEYS", "palabre:*:entries:*"])
            .lines()
            .all(|key| server.must(&["XLEN", key]) == "0")
            && server.must(&["KEYS", "palabre:*:ids:*"]).is_empty()
            && server.must(&["EXISTS", "palabre:{p0}:due"]) == "0"
            && server.must(&["XLEN", "palabre:{p0}:log"]) == "0"
    })
    .await;
    let made = within(redis.append(draft("lobby", "number-1", "text"))).await.unwrap();
    assert_eq!((made.offset, made.duplicate), (1_102, false), "the room goes on");
    assert_eq!(server.must(&["ZCARD", "palabre:{p0}:due"]), "1", "and is due again");
}

#[tokio::test]
async fn ids_are_forgotten_before_their_entries() {
    let server = Server::start();
    let limits = Limits { id_window: std::time::Duration::from_millis(1), ..patient() };
    let redis = connected(&server, limits).await;
    for number in 1..=600 {
        drop(redis.append(draft("lobby", &format!("number-{number}"), "text")));
    }
    within(redis.append(draft("lobby", "the-last-one", "text"))).await.unwrap();
    until("ids are swept", async || {
        within(redis.sweep()).await.unwrap();
        server.must(&["EXISTS", "palabre:{p0}:ids:lobby"]) == "0"
    })
    .await;
    assert_eq!(server.must(&["XLEN", "palabre:{p0}:entries:lobby"]), "601");
    let again = within(redis.append(draft("lobby", "number-1", "text"))).await.unwrap();
    assert_eq!((again.offset, again.duplicate), (602, false));
}

#[tokio::test]
async fn ids_go_with_the_entries_that_are_dropped() {
    let server = Server::start();
    let redis = connected(&server, Limits { room_entries: 5, ..patient() }).await;
    for number in 1..=50 {
        let id = format!("number-{number}");
        within(redis.append(draft("lobby", &id, "text"))).await.unwrap();
    }
    assert_eq!(server.must(&["HLEN", "palabre:{p0}:ids:lobby"]), "5");
    let target = Draft { target: Some(46), ..draft("lobby", "some-id1", "a reaction") };
    within(redis.append(target)).await.unwrap();
    assert_eq!(server.must(&["ZCARD", "palabre:{p0}:targets:lobby"]), "0", "46 is dropped by now");
    let refused =
        within(redis.append(Draft { target: Some(46), ..draft("lobby", "some-id2", "") }));
    assert!(matches!(refused.await, Err(AppendError::Refused(_))));
}
