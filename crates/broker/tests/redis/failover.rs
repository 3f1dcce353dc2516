//! A Redis that goes on without the newest entries, because it is a replica that took over or
//! because it was started again: what any instance knows is put back before anything is appended,
//! and where that may not be all, the epoch is a new one.

use std::{sync::Arc, time::Duration};

use broker::{
    AppendError, Broker, Draft, Head, Instance, Instances, Limits, Range, Record, State,
    follow::{Followed, follow},
    redis::{Config, Redis},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bench::{
        P0, Stream, check_log, connected, connection, draft, expect_live, heard, log_of, numbered,
        patient, until, within,
    },
    server::Server,
};

/// Limits under which nobody is waited for long.
fn brief() -> Limits {
    Limits { lease: Duration::from_secs(2), ..patient() }
}

/// A Redis that keeps what it had when it was told to save, and nothing that came later.
fn forgetful() -> Server {
    Server::start_with(&["--appendonly", "no"])
}

fn lose_what_came_later(server: &Server) {
    server.kill();
    server.run();
}

async fn register(redis: &Redis, name: &str) {
    let me = Instance { id: name.into(), about: name.to_owned().into() };
    within(redis.renew(&me)).await.unwrap();
}

/// An instance that is registered and has heard all that it appended.
async fn registered(server: &Server, name: &str, limits: Limits) -> Arc<Redis> {
    let redis = connected(server, limits).await;
    register(&redis, name).await;
    redis
}

/// Waits until the log can be used again.
async fn settled(redis: &Redis) -> Head {
    until("the log is checked", async || redis.head(P0).await.is_ok()).await;
    within(redis.head(P0)).await.unwrap()
}

/// Waits until an instance has heard all that another one has appended.
async fn hears(one: &Redis, numbers: std::ops::Range<usize>, other: &Redis) {
    let mut deliveries = other.follow(P0);
    expect_live(&mut deliveries).await;
    let answers = Stream::of(one, numbers).answers(9_999, |_| ()).await;
    let last = answers.last().unwrap().as_ref().unwrap().seq;
    while heard(&mut deliveries).await.seq < last {}
}

#[tokio::test]
async fn what_a_restarted_redis_lacks_is_put_back_where_it_was() {
    let server = forgetful();
    let one = registered(&server, "one", patient()).await;
    let other = registered(&server, "other", patient()).await;
    let mut answers = Stream::of(&one, 0..50).answers(999, |_| ()).await;
    server.must(&["SAVE"]);
    answers.extend(Stream::of(&one, 50..700).answers(999, |_| ()).await);
    let before = log_of(&one).await;
    let epoch = within(one.head(P0)).await.unwrap().epoch;
    lose_what_came_later(&server);
    let late = Stream::of(&other, 700..720).answers(999, |_| ()).await;
    answers.extend(late);
    assert_eq!(check_log(&other, 0..720, &answers).await, 720);
    assert_eq!(log_of(&other).await[..700], before, "also times and texts");
    assert_eq!(within(other.head(P0)).await.unwrap().epoch, epoch, "nothing is missing");
    let again = within(one.append(numbered(650))).await.unwrap();
    assert!(again.duplicate, "ids are known again");
    let page = within(one.read_room("kitchen", Range::Newest, 999)).await.unwrap();
    assert_eq!((page.head, page.records.len(), page.reaches_back), (240, 240, true));
    assert_eq!(server.must(&["EXISTS", "palabre:{p0}:repair", "palabre:{p0}:offers"]), "0");
}

#[tokio::test]
async fn a_restart_that_lost_nothing_changes_nothing() {
    let server = Server::start_durable();
    let redis = registered(&server, "me", patient()).await;
    let answers = Stream::of(&redis, 0..50).answers(999, |_| ()).await;
    let before = within(redis.head(P0)).await.unwrap();
    server.kill();
    server.run();
    assert_eq!(within(redis.append(numbered(50))).await.unwrap().seq, 51);
    assert_eq!(within(redis.head(P0)).await.unwrap().epoch, before.epoch);
    assert_eq!(check_log(&redis, 0..50, &answers).await, 50);
}

#[tokio::test]
async fn nobody_appends_before_all_who_may_know_more_have_attested() {
    let server = forgetful();
    let one = registered(&server, "one", patient()).await;
    let other = registered(&server, "other", patient()).await;
    within(other.heartbeat(P0, "other")).await.unwrap();
    server.must(&["SAVE"]);
    // The other one hears nothing of this.
    server.must(&["ACL", "SETUSER", "default", "-publish"]);
    let known = Stream::of(&one, 0..20).answers(999, |_| ()).await;
    within(one.close()).await;
    lose_what_came_later(&server);
    let waiting = other.append(numbered(20));
    until("it waits for the one", async || {
        let says_so = |why: &String| why.contains("the log is checked after a change of Redis");
        matches!(other.state(), State::Away(why) if says_so(&why))
            && server.must(&["HGETALL", "palabre:{p0}:repair"]).contains("needs:one")
    })
    .await;
    assert_eq!(server.must(&["HGET", "palabre:{p0}", "seq"]), "0", "nothing was appended");
    drop((known, waiting));
}

#[tokio::test]
async fn who_does_not_attest_makes_a_new_epoch_and_nothing_else_is_lost() {
    let server = forgetful();
    let dead = registered(&server, "dead", brief()).await;
    let living = registered(&server, "living", brief()).await;
    within(living.append(numbered(0))).await.unwrap();
    assert!(within(living.create_room("attic", "its title".into())).await.unwrap());
    server.must(&["SAVE"]);
    hears(&dead, 1..30, &living).await;
    let before = log_of(&living).await;
    let epoch = within(living.head(P0)).await.unwrap().epoch;
    within(dead.close()).await;
    lose_what_came_later(&server);
    let head = settled(&living).await;
    assert_ne!(head.epoch, epoch, "the dead one may have known more");
    assert_eq!(log_of(&living).await, before, "what the living one heard is back all the same");
    let page = within(living.read_room("attic", Range::Newest, 9)).await.unwrap();
    assert_eq!(page.about, Some("its title".into()), "a new epoch is no empty log");
    assert_eq!(within(living.append(numbered(30))).await.unwrap().seq, 31);
    assert_eq!(within(living.append(numbered(0))).await.unwrap().seq, 1, "ids are known still");
}

#[tokio::test]
async fn what_is_known_of_a_room_is_put_back_before_its_entries() {
    let server = forgetful();
    let maker = connected(&server, patient()).await;
    let reader = registered(&server, "reader", patient()).await;
    within(maker.append(draft("lobby", "some-id1", "text"))).await.unwrap();
    server.must(&["SAVE"]);
    assert!(within(maker.create_room("read", "about read".into())).await.unwrap());
    assert!(within(reader.create_room("made", "about made".into())).await.unwrap());
    let mut deliveries = reader.follow(P0);
    expect_live(&mut deliveries).await;
    within(maker.append(draft("read", "some-id2", "a private text"))).await.unwrap();
    heard(&mut deliveries).await;
    within(reader.read_room("read", Range::Newest, 9)).await.unwrap();
    lose_what_came_later(&server);
    within(maker.close()).await;
    settled(&reader).await;
    let page = within(reader.read_room("read", Range::Newest, 9)).await.unwrap();
    assert_eq!((page.about, page.records.len()), (Some("about read".into()), 1));
    let page = within(reader.read_room("made", Range::Newest, 9)).await.unwrap();
    assert_eq!(page.about, Some("about made".into()));
    let rooms = within(reader.rooms(9)).await.unwrap().rooms;
    assert_eq!(rooms.len(), 3);
}

#[tokio::test]
async fn a_hole_makes_a_new_epoch() {
    let server = forgetful();
    let redis = registered(&server, "me", patient()).await;
    within(redis.append(numbered(0))).await.unwrap();
    let epoch = within(redis.head(P0)).await.unwrap().epoch;
    server.must(&["SAVE"]);
    // Another one appends something that this one only knows to be there.
    server.must(&["ACL", "SETUSER", "default", "-publish"]);
    let other = connected(&server, patient()).await;
    within(other.append(numbered(1))).await.unwrap();
    within(other.close()).await;
    server.must(&["ACL", "SETUSER", "default", "+publish"]);
    within(redis.append(numbered(2))).await.unwrap();
    lose_what_came_later(&server);
    let head = settled(&redis).await;
    assert_ne!(head.epoch, epoch);
    assert_eq!(head.seq, 1, "what stands behind a hole has no place");
}

#[tokio::test]
async fn a_redaction_is_put_back_with_its_entry() {
    let server = forgetful();
    let author = connected(&server, patient()).await;
    let other = registered(&server, "other", patient()).await;
    within(author.append(draft("lobby", "some-id1", "a regretted text"))).await.unwrap();
    server.must(&["SAVE"]);
    let mut deliveries = other.follow(P0);
    expect_live(&mut deliveries).await;
    let deletion = draft("lobby", "some-id2", "a deletion");
    let deletion = Draft { target: Some(1), redact: Some("gone".into()), ..deletion };
    within(author.append(deletion)).await.unwrap();
    heard(&mut deliveries).await;
    // The other one alone has it, from what was published.
    within(author.close()).await;
    lose_what_came_later(&server);
    settled(&other).await;
    let page = within(other.read_room("lobby", Range::Newest, 9)).await.unwrap();
    let texts: Vec<_> = page.records.iter().map(|record| record.bytes.clone()).collect();
    assert_eq!(texts, ["gone", "a deletion"]);
    let log: Vec<Record> = log_of(&other).await;
    assert_eq!(log, page.records);
}

#[tokio::test]
async fn a_follower_goes_on_as_if_nothing_had_been() {
    let server = forgetful();
    let redis = registered(&server, "me", patient()).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut followed = follow(redis.clone(), P0, &tasks, stop.clone());
    assert!(matches!(within(followed.recv()).await, Some(Followed::Start(_))));
    server.must(&["SAVE"]);
    for answer in Stream::of(&redis, 0..30).answers(999, |_| ()).await {
        answer.unwrap();
    }
    lose_what_came_later(&server);
    for answer in Stream::of(&redis, 30..40).answers(999, |_| ()).await {
        answer.unwrap();
    }
    within(redis.heartbeat(P0, "me")).await.unwrap();
    let mut last = 0;
    while last < 40 {
        match within(followed.recv()).await {
            Some(Followed::Entry(_, record)) => {
                assert_eq!(record.seq, last + 1);
                last = record.seq;
            }
            Some(Followed::Watermark { .. } | Followed::Behind | Followed::CaughtUp { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    stop.cancel();
}

#[tokio::test]
async fn less_than_was_known_is_doubted_also_where_redis_says_that_it_is_the_same() {
    let server = Server::start();
    let redis = registered(&server, "me", patient()).await;
    let answers = Stream::of(&redis, 0..9).answers(99, |_| ()).await;
    // As if an older state of the same Redis had been put in its place.
    server.must(&["HSET", "palabre:{p0}", "seq", "6"]);
    server.must(&["XTRIM", "palabre:{p0}:log", "MAXLEN", "0"]);
    server.must(&["DEL", "palabre:{p0}:log"]);
    for room in ["lobby", "kitchen", "garden"] {
        server.must(&["HSET", &format!("palabre:{{p0}}:room:{room}"), "offset", "2"]);
        let entries = format!("palabre:{{p0}}:entries:{room}");
        let newest = server.must(&["XREVRANGE", &entries, "+", "-", "COUNT", "1"]);
        server.must(&["XDEL", &entries, newest.lines().next().unwrap()]);
        server.must(&["XSETID", &entries, "2-6"]);
    }
    server.kill_clients("palabre-lane");
    until("it is put back", async || server.must(&["HGET", "palabre:{p0}", "seq"]) == "9").await;
    assert_eq!(within(redis.append(numbered(9))).await.unwrap().seq, 10);
    assert!(within(redis.append(numbered(8))).await.unwrap().duplicate);
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_crash_of_everything_is_a_new_epoch_that_is_not_waited_for_long() {
    let server = Server::start_durable();
    let old = registered(&server, "old", Limits { lease: Duration::from_millis(1), ..patient() });
    let old = old.await;
    let answers = Stream::of(&old, 0..20).answers(99, |_| ()).await;
    let epoch = within(old.head(P0)).await.unwrap().epoch;
    within(old.close()).await;
    server.kill();
    server.run();
    let hour = Limits { lease: Duration::from_hours(1), ..patient() };
    let new = registered(&server, "new", hour).await;
    let head = settled(&new).await;
    assert_ne!(head.epoch, epoch, "nobody knows what the old one had acknowledged");
    assert_eq!(check_log(&new, 0..20, &answers).await, 20, "what is there remains");
    assert_eq!(new.counts().epochs_renewed, 1);
}

fn over_sentinel(sentinel: &Server, limits: Limits) -> Arc<Redis> {
    let config = Config { limits, ..Config::new(sentinel.sentinel_url()) };
    Redis::start(config, &TaskTracker::new()).unwrap()
}

#[tokio::test]
async fn a_replica_that_takes_over_without_the_tail_gets_it_back() {
    let master = Server::start();
    let replica = Server::start_replica(&master);
    let sentinel = Server::start_sentinel(&master);
    let (one, other) = (over_sentinel(&sentinel, patient()), over_sentinel(&sentinel, patient()));
    connection(&one).await;
    connection(&other).await;
    register(&one, "one").await;
    register(&other, "other").await;
    let mut answers = Stream::of(&one, 0..50).answers(999, |_| ()).await;
    until("replication", async || replica.must(&["HGET", "palabre:{p0}", "seq"]) == "50").await;
    master.cut_off_replicas();
    answers.extend(Stream::of(&one, 50..300).answers(999, |_| ()).await);
    let before = log_of(&one).await;
    let epoch = within(one.head(P0)).await.unwrap().epoch;
    assert_eq!(replica.must(&["HGET", "palabre:{p0}", "seq"]), "50", "the replica lacks the rest");
    master.kill();
    let newcomer = over_sentinel(&sentinel, patient());
    let (mine, theirs) = (Stream::of(&one, 300..350), Stream::of(&newcomer, 350..400));
    let (mine, theirs) = tokio::join!(mine.answers(999, |_| ()), theirs.answers(999, |_| ()));
    answers.extend(mine);
    assert_eq!(check_log(&other, 0..350, &answers).await, 350);
    assert_eq!(check_log(&other, 350..400, &theirs).await, 50);
    assert_eq!(log_of(&other).await[..300], before, "each where it was");
    assert_eq!(within(other.head(P0)).await.unwrap().epoch, epoch);
    assert_eq!(one.description().name, sentinel.sentinel_url());
}

#[tokio::test]
async fn what_is_lost_in_a_failover_is_announced() {
    let master = Server::start();
    let replica = Server::start_replica(&master);
    let sentinel = Server::start_sentinel(&master);
    let (one, other) = (over_sentinel(&sentinel, brief()), over_sentinel(&sentinel, brief()));
    connection(&one).await;
    connection(&other).await;
    register(&one, "one").await;
    register(&other, "other").await;
    within(one.append(numbered(0))).await.unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let mut followed = follow(other.clone(), P0, &tasks, stop.clone());
    let Some(Followed::Start(start)) = within(followed.recv()).await else { panic!("no start") };
    until("replication", async || replica.must(&["HGET", "palabre:{p0}", "seq"]) == "1").await;
    master.cut_off_replicas();
    // Only the one that appended it knows it, and then that one is gone.
    master.must(&["ACL", "SETUSER", "default", "-publish"]);
    within(one.append(numbered(1))).await.unwrap();
    within(one.close()).await;
    master.kill();
    let made = within(other.append(numbered(2))).await;
    assert_eq!(made, Err(AppendError::Fenced), "it was meant for the epoch before");
    let made = within(other.append(numbered(2))).await.unwrap();
    assert_ne!(made.epoch, start.epoch);
    assert_eq!(made.seq, 2, "the place is free, in the new epoch");
    loop {
        match within(followed.recv()).await {
            Some(Followed::Reset(head)) => break assert_eq!(head.epoch, made.epoch),
            Some(Followed::Watermark { .. } | Followed::Behind | Followed::CaughtUp { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    stop.cancel();
}

#[tokio::test]
async fn a_master_that_was_only_frozen_takes_nothing_that_counts() {
    let master = Server::start();
    let replica = Server::start_replica(&master);
    let sentinel = Server::start_sentinel(&master);
    let redis = over_sentinel(&sentinel, patient());
    connection(&redis).await;
    register(&redis, "me").await;
    let mut answers = Stream::of(&redis, 0..50).answers(999, |_| ()).await;
    until("replication", async || replica.must(&["HGET", "palabre:{p0}", "seq"]) == "50").await;
    master.freeze();
    // These are in its socket; it carries them out when nobody waits for it any more.
    let waiting = Stream::of(&redis, 50..200);
    until("it is replaced", async || replica.must(&["ROLE"]).starts_with("master")).await;
    answers.extend(waiting.answers(999, |_| ()).await);
    master.thaw();
    until("it is a replica", async || master.command(&["ROLE"]).starts_with("slave")).await;
    answers.extend(Stream::of(&redis, 200..220).answers(999, |_| ()).await);
    assert_eq!(check_log(&redis, 0..220, &answers).await, 220);
}

#[tokio::test]
async fn an_orderly_change_of_masters_loses_nothing() {
    let master = Server::start();
    let replica = Server::start_replica(&master);
    let sentinel = Server::start_sentinel(&master);
    let redis = over_sentinel(&sentinel, patient());
    connection(&redis).await;
    register(&redis, "me").await;
    let epoch = within(redis.head(P0)).await.unwrap().epoch;
    let change = |turn| {
        if turn == 0 {
            sentinel.must(&["SENTINEL", "FAILOVER", "rooms"]);
        }
    };
    let answers = Stream::of(&redis, 0..400).answers(200, change).await;
    until("it is replaced", async || replica.must(&["ROLE"]).starts_with("master")).await;
    let more = Stream::of(&redis, 400..500).answers(999, |_| ()).await;
    let head = settled(&redis).await;
    assert_eq!(head.epoch, epoch);
    assert_eq!(check_log(&redis, 0..500, &[answers, more].concat()).await, 500);
}

#[tokio::test]
async fn another_name_of_the_same_redis_is_no_loss() {
    let server = Server::start_with(&["--enable-debug-command", "yes"]);
    let redis = registered(&server, "me", patient()).await;
    let mut answers = Stream::of(&redis, 0..9).answers(99, |_| ()).await;
    let epoch = within(redis.head(P0)).await.unwrap().epoch;
    // Redis does so by itself when it had no replica for an hour.
    server.must(&["DEBUG", "CHANGE-REPL-ID"]);
    assert_eq!(within(redis.head(P0)).await.unwrap().epoch, epoch);
    within(redis.heartbeat(P0, "me")).await.unwrap();
    answers.extend(Stream::of(&redis, 9..20).answers(99, |_| ()).await);
    assert_eq!(check_log(&redis, 0..20, &answers).await, 20);
}

#[tokio::test]
async fn sentinels_that_know_nothing_are_passed_over_and_waited_for() {
    let master = Server::start();
    let _replica = Server::start_replica(&master);
    let sentinel = Server::start_sentinel(&master);
    let unknown = sentinel.sentinel_url().replace("/rooms", "/other");
    let redis = Redis::start(Config::new(unknown), &TaskTracker::new()).unwrap();
    until("a try", async || redis.counts().connections_failed > 2).await;
    let why = within(redis.head(P0)).await.unwrap_err().to_string();
    assert!(why.contains("the sentinels know no master \"other\""), "{why}");
    let redis = over_sentinel(&sentinel, patient());
    connection(&redis).await;
    sentinel.freeze();
    assert_eq!(within(redis.append(numbered(0))).await.unwrap().seq, 1, "it is not asked now");
    master.kill_clients("palabre-lane");
    let waiting = Stream::of(&redis, 1..5);
    let failed = redis.counts().connections_failed;
    until("a try", async || redis.counts().connections_failed > failed).await;
    sentinel.thaw();
    let answers = waiting.answers(99, |_| ()).await;
    assert_eq!(check_log(&redis, 1..5, &answers).await, 4);
}

#[tokio::test]
async fn sentinels_may_ask_for_the_same_password() {
    let master = Server::start();
    let _replica = Server::start_replica(&master);
    let sentinel = Server::start_sentinel(&master);
    for server in [&sentinel, &master] {
        server.must(&["ACL", "SETUSER", "default", "resetpass", ">hush"]);
    }
    let with = |login: &str| {
        let url = sentinel.sentinel_url().replace("//", &format!("//{login}"));
        Redis::start(Config::new(url), &TaskTracker::new()).unwrap()
    };
    let redis = with(":hush@");
    connection(&redis).await;
    assert_eq!(within(redis.append(numbered(0))).await.unwrap().seq, 1);
    assert_eq!(within(redis.head(P0)).await.unwrap().seq, 1, "the reader knows it too");
    for wrong in ["", ":other@"] {
        let redis = with(wrong);
        until("a try", async || redis.counts().connections_failed > 2).await;
        assert_eq!(redis.state(), State::Connecting);
        assert!(within(redis.head(P0)).await.is_err());
    }
}
