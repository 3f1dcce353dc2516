//! A polling session whose requests reach another instance than its own.

use std::time::Duration;

use gateway::Config;
use hub::CloseReason;
use tokio::io::AsyncWriteExt as _;

use crate::applications::engine_config;
use crate::support::{
    Http, Neighbourhood, Said, Session, WebSocket, calm, read_reply, soon, until,
};

const GONE: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

fn config() -> Config {
    let drain_window = Duration::from_millis(20);
    Config { drain_window, max_payload: 2_000, ..calm(engine_config()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_may_reach_another_instance() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let here = owner.poll().await;
    let there = here.through(&other);
    for number in 0..20 {
        let message = format!("4message {number}");
        let (asked, answered) = if number % 2 == 0 { (&there, &here) } else { (&here, &there) };
        assert_eq!(asked.post(&message).await, Ok("ok".to_owned()));
        assert_eq!(answered.get().await, Ok(message));
    }
    assert_eq!(other.metrics.forwards("answered"), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_while_a_poll_waits_elsewhere_answers_it() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    let poll = session.through(&other).pending().await;
    session.post("4hello").await.expect("200");
    assert_eq!(poll.answer().await, Ok("4hello".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_is_repeated_wherever_it_is_asked_again() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    session.post("4once").await.expect("200");
    assert_eq!(session.through(&other).get_t("a").await, Ok("4once".to_owned()));
    assert_eq!(session.get_t("a").await, Ok("4once".to_owned()));
    assert_eq!(session.through(&other).get_t("a").await, Ok("4once".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_the_owner() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    let there = session.through(&other);
    assert_eq!(there.post(&"x".repeat(2_001)).await, Err(413));
    for method in ["DELETE", "RELEASE"] {
        let reply = other.http().request(method, &session.target, &[], b"").await;
        assert_eq!(reply.status, 500, "{method}");
    }
    let target = session.target.replace("EIO=4", "EIO=3");
    let reply = other.http().get(&target).await;
    assert_eq!((reply.status, reply.text()), (400, r#"{"code":3,"message":"Bad request"}"#));
    session.post(&format!("4{}", "y".repeat(1_500))).await.expect("200");
    let gzip = [("Accept-Encoding", "gzip"), ("Origin", "http://elsewhere")];
    let reply = other.http().request("GET", &session.target, &gzip, b"").await;
    assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert!(!session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_nobody_has_is_unknown() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    let there = session.through(&other);
    session.post("1").await.expect("200");
    until("its end", || owner.metrics.closes(CloseReason::TransportClose) == 1).await;
    there.until_gone().await;
    assert!(there.is_gone().await);
    // One of an instance that nobody knows.
    let target = session.target.replace(&session.sid, "____________________");
    let reply = other.http().get(&target).await;
    assert_eq!((reply.status, reply.text()), (400, GONE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_cant_be_reached_is_no_empty_answer() {
    let neighbourhood = Neighbourhood::default();
    let owner = neighbourhood.server([0, 0, 1], config()).await;
    let other = neighbourhood.server([0, 0, 2], config()).await;
    let there = owner.poll().await.through(&other);
    neighbourhood.mislead([0, 0, 1]).await;
    assert!(there.is_gone().await);
    assert_eq!(there.post("4lost").await, Err(400));
    assert_eq!(other.metrics.forwards("failed"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_doesnt_answer_in_time_is_given_up() {
    let short = || Config { forward_timeout: Duration::from_millis(50), ..config() };
    let [owner, other] = Neighbourhood::pair(short).await;
    let session = owner.poll().await;
    let reply = session.through(&other).reply().await;
    assert_eq!((reply.status, reply.text()), (400, GONE));
    // It has noticed: nobody polls any more.
    until("its end", || owner.metrics.closes(CloseReason::TransportError) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_a_poll_is_gone_for_the_owner_too() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    drop(session.through(&other).pending().await);
    until("its end", || owner.metrics.closes(CloseReason::TransportError) == 1).await;
    assert_eq!(owner.metrics.pending_polls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_limit_a_session_is_lost_and_an_upgrade_refused() {
    let none = || Config { forwards_max: 1, relays_max: 0, ..config() };
    let [owner, other] = Neighbourhood::pair(none).await;
    let (first, second) = (owner.poll().await, owner.poll().await);
    let poll = first.through(&other).pending().await;
    let reply = second.through(&other).reply().await;
    assert_eq!((reply.status, reply.text()), (400, GONE));
    assert_eq!(WebSocket::connect(&other, &first.upgrade()).await.err(), Some(400));
    assert_eq!(other.metrics.forwards("full"), 2);
    first.post("4still here").await.expect("200");
    assert_eq!(poll.answer().await, Ok("4still here".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_reaches_another_instance_is_relayed() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    let mut socket = other.websocket_at(&session.upgrade()).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    socket.send("5").await;
    for number in 0..50 {
        let message = format!("4{number}-{}", "x".repeat(number * 30));
        socket.send(&message).await;
        assert_eq!(socket.message().await, message);
    }
    socket.send_binary(&[0, 1, 2]).await;
    assert_eq!(socket.next().await, Said::Binary(vec![0, 1, 2]));
    assert_eq!(owner.metrics.upgrades("switched"), 1);
    assert_eq!(other.metrics.forwards("relayed"), 1);
    drop(socket);
    until("its end", || owner.metrics.closes(CloseReason::TransportClose) == 1).await;
    other.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_relayed_session_reaches_its_client() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    let mut socket = other.websocket_at(&session.upgrade()).await;
    socket.send("5").await;
    socket.send("4last").await;
    assert_eq!(socket.message().await, "4last");
    owner.stop();
    assert_eq!(socket.next().await, Said::Closed(Some(1001)));
    drop(socket);
    owner.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_stops_lets_go_of_the_polls_of_others() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    let poll = session.through(&other).pending().await;
    other.stop();
    // The owner's own answer, and its session goes on.
    assert_eq!(poll.answer().await, Ok("6".to_owned()));
    other.end().await;
    session.post("4here").await.expect("200");
    assert_eq!(session.get().await, Ok("4here".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_stops_ends_its_relays() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    let mut socket = other.websocket_at(&session.upgrade()).await;
    socket.send("5").await;
    until("the switch", || owner.metrics.upgrades("switched") == 1).await;
    other.stop();
    assert_eq!(socket.next().await, Said::Closed(None));
    other.end().await;
    until("its end", || owner.metrics.closes(CloseReason::TransportClose) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_stops_can_be_asked_for_the_last_words() {
    let [owner, other] = Neighbourhood::pair(config).await;
    let session = owner.poll().await;
    session.post("4first").await.expect("200");
    owner.stop();
    until("its end", || owner.metrics.closes(CloseReason::ShuttingDown) == 1).await;
    let refuses = async { while tokio::net::TcpStream::connect(owner.address).await.is_ok() {} };
    soon("the end of listening", refuses).await;
    let there = session.through(&other);
    assert_eq!(there.get().await, Ok("4first".to_owned()));
    assert_eq!(there.get().await, Ok("1".to_owned()));
    owner.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_nothing_where_instances_ask() {
    let neighbourhood = Neighbourhood::default();
    let owner = neighbourhood.server([0, 0, 1], config()).await;
    let session: Session = owner.poll().await;
    let peers = Http { address: neighbourhood.address([0, 0, 1]) };
    for target in [&*session.target, "/engine.io/?EIO=4&transport=polling", "/", "/metrics"] {
        let reply = peers.get(target).await;
        assert_eq!((reply.status, reply.text()), (403, ""), "{target}");
    }
    // Who belongs here gets no more than the sessions that there are.
    let known = [("x-password", "right")];
    let open = peers.request("GET", "/engine.io/?EIO=4&transport=polling", &known, b"").await;
    assert_eq!(open.status, 403);
    let unknown = session.target.replace(&session.sid, "____________________");
    assert_eq!(peers.request("GET", &unknown, &known, b"").await.status, 404);
    assert!(!session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_to_say_what_it_wants_takes_no_place() {
    let one = || Config { forwards_max: 1, ..config() };
    let [owner, other] = Neighbourhood::pair(one).await;
    let session = owner.poll().await;
    let mut slow = other.http().connect().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n4",
        owner.poll().await.target
    );
    slow.write_all(head.as_bytes()).await.expect("written");
    until("its connection", || other.metrics.connections() == 1).await;
    let there = session.through(&other);
    for _ in 0..10 {
        assert_eq!(there.post("4quick").await, Ok("ok".to_owned()));
    }
    slow.write_all(b"patience").await.expect("written");
    assert_eq!(read_reply(&mut slow).await.status, 200);
}
