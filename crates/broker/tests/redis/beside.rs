//! What Redis keeps beside the log: the list of rooms, leases, session records, mail. What every
//! broker promises is in the conformance suite; here is what Redis has of its own.

use std::{sync::Arc, time::Duration};

use broker::{
    Broker, Instance, Instances, Mail, OwnedSession, Range, Recipient, SessionRecord, Sessions,
    redis::Redis,
};
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use crate::{
    bench::{connected, draft, patient, until, within},
    server::Server,
};

const LIFE: Duration = Duration::from_mins(2);

fn record(key: &str, owner: &str, text: &str) -> SessionRecord {
    SessionRecord { key: key.into(), owner: owner.into(), bytes: text.to_owned().into() }
}

async fn rooms_of(redis: &Redis) -> Vec<String> {
    let list = within(redis.rooms(99)).await.unwrap();
    assert!(!list.more);
    let mut names: Vec<_> = list.rooms.into_iter().map(|room| room.room.into_string()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn rooms_of_another_epoch_are_not_listed_and_can_be_made_again() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    assert!(within(redis.create_room("kitchen", "one".into())).await.unwrap());
    within(redis.append(draft("lobby", "some-id1", "text"))).await.unwrap();
    assert_eq!(rooms_of(&redis).await, ["kitchen", "lobby"]);
    server.must(&["DEL", "palabre:{p0}"]);
    assert_eq!(rooms_of(&redis).await, [""; 0]);
    let page = within(redis.read_room("kitchen", Range::Newest, 9)).await.unwrap();
    assert_eq!(page.about, None, "it belonged to the epoch");
    assert!(within(redis.create_room("kitchen", "other".into())).await.unwrap());
    assert_eq!(rooms_of(&redis).await, ["kitchen"]);
    let page = within(redis.read_room("kitchen", Range::Newest, 9)).await.unwrap();
    assert_eq!(page.about, Some(Bytes::from("other")));
}

#[tokio::test]
async fn a_room_that_can_not_be_listed_is_not_made() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    server.must(&["ACL", "SETUSER", "default", "-zadd"]);
    assert!(within(redis.create_room("kitchen", "one".into())).await.is_err());
    assert_eq!(server.must(&["EXISTS", "palabre:{p0}:room:kitchen"]), "0");
    server.must(&["ACL", "SETUSER", "default", "+zadd"]);
    assert!(within(redis.create_room("kitchen", "one".into())).await.unwrap());
    assert!(!within(redis.create_room("kitchen", "two".into())).await.unwrap());
}

#[tokio::test]
async fn an_answer_lost_on_the_way_changes_nothing_for_who_asks_again() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    assert!(within(redis.keep(record("some key", "first", "session"), LIFE)).await.unwrap());
    let claimed = within(redis.claim("some key", "second", LIFE)).await.unwrap();
    assert_eq!(claimed, Some(record("some key", "first", "session")));
    let again = within(redis.claim("some key", "second", LIFE)).await.unwrap();
    assert_eq!(again, claimed, "who is the owner by now isn't told that it was its own before");
    assert!(within(redis.keep(record("some key", "second", "more"), LIFE)).await.unwrap());
    let claimed = within(redis.claim("some key", "third", LIFE)).await.unwrap();
    assert_eq!(claimed, Some(record("some key", "second", "more")));
}

#[tokio::test]
async fn a_record_ends_by_itself_and_renewing_lets_it_live_on() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    for key in ["long", "short", "taken"] {
        within(redis.keep(record(key, "me", "session"), LIFE)).await.unwrap();
    }
    within(redis.keep(record("gone", "me", ""), Duration::ZERO)).await.unwrap();
    within(redis.claim("taken", "you", LIFE)).await.unwrap();
    until("its end", async || server.must(&["EXISTS", "palabre:session:gone"]) == "0").await;
    let owned =
        ["gone", "long", "taken"].map(|key| OwnedSession { key: key.into(), owner: "me".into() });
    let lost = within(redis.renew_sessions(owned.to_vec(), Duration::MAX)).await.unwrap();
    assert_eq!(lost, ["gone", "taken"].map(Box::<str>::from));
    let left = |key: &str| -> u64 {
        server.must(&["PTTL", &format!("palabre:session:{key}")]).parse().unwrap()
    };
    assert!(left("long") > 1_000 * LIFE.as_secs() && left("short") <= 1_000 * LIFE.as_secs());
    within(redis.forget("taken", "me")).await.unwrap();
    assert_eq!(server.must(&["EXISTS", "palabre:session:taken"]), "1", "it is not its own");
    within(redis.forget("taken", "you")).await.unwrap();
    assert_eq!(server.must(&["EXISTS", "palabre:session:taken"]), "0");
}

#[tokio::test]
async fn more_records_than_go_into_one_call_are_renewed() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let key = |number: usize| format!("session-{number}");
    for number in [0, 499, 500, 1_100] {
        within(redis.keep(record(&key(number), "me", ""), LIFE)).await.unwrap();
    }
    let owned = |number| OwnedSession { key: key(number).into(), owner: "me".into() };
    let lost = within(redis.renew_sessions((0..1_101).map(owned).collect(), LIFE)).await.unwrap();
    let expected = (0..1_101).filter(|number| ![0, 499, 500, 1_100].contains(number)).map(key);
    assert_eq!(lost, expected.map(String::into_boxed_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lease_that_has_ended_leaves_nothing() {
    let server = Server::start();
    let lease = Duration::from_millis(1);
    let short = connected(&server, broker::Limits { lease, ..patient() }).await;
    let long = connected(&server, patient()).await;
    let instance = |id: &str| Instance { id: id.into(), about: "here".into() };
    within(short.renew(&instance("dead"))).await.unwrap();
    let mine = [instance("alive")];
    until("the end of the lease", async || within(long.renew(&mine[0])).await.unwrap() == mine)
        .await;
    // It is kept for a while, and then goes too.
    server.must(&["ZADD", "palabre:{instances}", "1", "dead"]);
    within(long.renew(&mine[0])).await.unwrap();
    assert_eq!(server.must(&["HKEYS", "palabre:{instances}:about"]), "alive");
    within(long.resign("alive")).await.unwrap();
    assert_eq!(server.must(&["KEYS", "palabre:{instances}*"]), "");
}

/// A mailbox that is heard of by the others.
async fn mailbox(redis: &Arc<Redis>, server: &Server, id: &str) -> Receiver<Bytes> {
    let mail = redis.mailbox(id);
    let channel = format!("palabre:mail:0:{id}");
    until("it stands", async || server.must(&["PUBSUB", "NUMSUB", &channel]).ends_with("\n1"))
        .await;
    mail
}

#[tokio::test]
async fn a_mailbox_that_was_cut_off_comes_back() {
    let server = Server::start();
    let (one, other) = (connected(&server, patient()).await, connected(&server, patient()).await);
    let mut mail = mailbox(&one, &server, "one").await;
    let to_one = || Recipient::One("one".into());
    for turn in 0..3 {
        within(other.post(to_one(), format!("before {turn}").into())).await.unwrap();
        assert_eq!(within(mail.recv()).await.unwrap(), format!("before {turn}"));
        assert_eq!(server.kill_clients("palabre-mail"), 1);
        until("it stands again", async || {
            server.must(&["PUBSUB", "NUMSUB", "palabre:mail:0:one"]).ends_with("\n1")
        })
        .await;
        within(other.post(Recipient::All, format!("after {turn}").into())).await.unwrap();
        assert_eq!(within(mail.recv()).await.unwrap(), format!("after {turn}"));
    }
}

#[tokio::test]
async fn a_mailbox_opened_again_ends_the_earlier_one_and_its_connection() {
    let server = Server::start();
    let redis = connected(&server, patient()).await;
    let mut earlier = mailbox(&redis, &server, "me").await;
    let mut later = redis.mailbox("me");
    assert_eq!(within(earlier.recv()).await, None);
    until("it stands", async || {
        within(redis.post(Recipient::All, "hello".into())).await.unwrap();
        later.try_recv().is_ok()
    })
    .await;
    drop(later);
    until("nobody listens", async || {
        !server.must(&["CLIENT", "LIST"]).contains("name=palabre-mail")
    })
    .await;
}
