//! Polling beyond the suites: overlaps, repeats, limits, and how a session ends.

use std::time::Duration;

use gateway::Config;
use hub::CloseReason;
use tokio::io::AsyncWriteExt as _;

use crate::applications::engine_config;
use crate::support::{Server, Session, calm, read_reply, until};

#[allow(clippy::unnecessary_wraps, reason = "what `post` returns")]
fn ok() -> Result<String, u16> {
    Ok("ok".to_owned())
}

/// A POST whose body doesn't come.
async fn half_a_post(server: &Server, session: &Session) -> tokio::net::TcpStream {
    let mut stream = server.http().connect().await;
    let head =
        format!("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n4he", session.target);
    stream.write_all(head.as_bytes()).await.expect("written");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_post_is_byte_exact() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let reply = server.http().post(&session.target, b"4hello").await;
    assert_eq!((reply.status, reply.text()), (200, "ok"));
    assert_eq!(reply.header("content-type"), Some("text/html"));
    assert_eq!(reply.header("content-length"), Some("2"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_waits_until_there_is_something() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let poll = session.pending().await;
    assert_eq!(session.post("4hello").await, ok());
    assert_eq!(poll.answer().await, Ok("4hello".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_posts_at_once_end_the_session() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut first = half_a_post(&server, &session).await;
    // Nothing tells when the first has been read, so others follow until they meet.
    let mut last = session.post("4a").await;
    while last == ok() {
        last = session.post("4a").await;
    }
    assert_eq!(last, Err(400));
    let reply = read_reply(&mut first).await;
    assert_eq!((reply.status, reply.text()), (400, ""));
    assert!(session.is_gone().await);
    assert_eq!(server.metrics.closes(CloseReason::TransportError), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_was_on_its_way_when_the_client_closed_gets_a_noop() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("1").await, ok());
    until("the end", || server.metrics.closes(CloseReason::TransportClose) == 1).await;
    assert_eq!(session.get().await, Ok("6".to_owned()));
    assert!(session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_closed_and_polls_no_more_is_forgotten() {
    let linger_timeout = Duration::from_millis(20);
    let server = Server::engine_with(Config { linger_timeout, ..calm(engine_config()) }).await;
    let session = server.poll().await;
    assert_eq!(session.post("1").await, ok());
    crate::support::soon("the end", async { while !session.is_gone().await {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_post_ends_the_session() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let poll = session.pending().await;
    drop(half_a_post(&server, &session).await);
    assert_eq!(poll.answer().await, Ok("1".to_owned()));
    assert!(session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_counts_though_its_client_has_gone() {
    let server = Server::engine().await;
    for _ in 0..100 {
        let session = server.poll().await;
        drop(server.http().send("POST", &session.target, &[], b"4hello").await);
        assert_eq!(session.get().await, Ok("4hello".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_poll_ends_the_session() {
    let server = Server::engine().await;
    let session = server.poll().await;
    drop(session.begin().await);
    until("the end", || server.metrics.closes(CloseReason::TransportError) == 1).await;
    assert!(session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_packets_are_answered_ok_and_end_the_session() {
    let server = Server::engine().await;
    for body in ["abc", "7", "", "2", "2probe", "4fine\x1e", "b***"] {
        let session = server.poll().await;
        let poll = session.pending().await;
        assert_eq!(session.post(body).await, ok(), "{body:?}");
        // What was said before goes out first, and then the error ends it all.
        let last = if body.starts_with("4fine") { "4fine" } else { "1" };
        assert_eq!(poll.answer().await, Ok(last.to_owned()), "{body:?}");
        assert!(session.is_gone().await, "{body:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stood_before_an_invalid_packet_counts() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("4one\x1eabc\x1e4two").await, ok());
    until("the end", || server.metrics.closes(CloseReason::ParseError) == 1).await;
    assert!(session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_not_utf8_ends_the_session() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(server.http().post(&session.target, b"4\xff\xfe").await.ok(), ok());
    assert!(session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binary_body_is_refused_and_ends_the_session() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let headers = [("Content-Type", "application/octet-stream")];
    let reply = server.http().request("POST", &session.target, &headers, b"4hello").await;
    assert_eq!((reply.status, reply.text()), (400, ""));
    assert!(session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_content_types_are_accepted() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let headers = [("Content-Type", "application/json")];
    let reply = server.http().request("POST", &session.target, &headers, b"4hello").await;
    assert_eq!(reply.ok(), ok());
    assert_eq!(session.get().await, Ok("4hello".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unexpected_pong_and_idle_packets_are_harmless() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("3\x1e6\x1e5\x1e0\x1e4hello").await, ok());
    assert_eq!(session.get().await, Ok("4hello".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_exactly_the_limit_is_taken_and_one_beyond_it_refused() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let body = format!("4{}", "x".repeat(999_999));
    assert_eq!(session.post(&body).await, ok());
    assert_eq!(session.get().await.map(|payload| payload.len()), Ok(1_000_000));
    let reply = server.http().post(&session.target, format!("{body}y").as_bytes()).await;
    assert_eq!((reply.status, reply.text()), (413, ""));
    assert_eq!(session.post("4still here").await, ok());
    assert_eq!(session.get().await, Ok("4still here".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_body_beyond_the_limit_is_refused_too() {
    let server = Server::engine_with(Config { max_payload: 100, ..calm(engine_config()) }).await;
    let session = server.poll().await;
    let mut stream = server.http().connect().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
        session.target
    );
    let chunk = format!("40\r\n{}\r\n", "4".repeat(64));
    let bytes = format!("{head}{chunk}{chunk}0\r\n\r\n");
    stream.write_all(bytes.as_bytes()).await.expect("written");
    assert_eq!(read_reply(&mut stream).await.status, 413);
    assert_eq!(session.post("4still here").await, ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_comes_is_given_up() {
    let body_timeout = Duration::from_millis(50);
    let server = Server::engine_with(Config { body_timeout, ..calm(engine_config()) }).await;
    let session = server.poll().await;
    let mut post = half_a_post(&server, &session).await;
    let reply = read_reply(&mut post).await;
    assert_eq!(reply.status, 408);
    assert!(session.is_gone().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_sixteen_packets_come_in_one_response() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let sent: Vec<String> = (0..40).map(|number| format!("4{number}")).collect();
    assert_eq!(session.post(&sent.join("\x1e")).await, ok());
    let mut received = Vec::new();
    for expected in [16, 16, 8] {
        let payload = session.get().await.expect("200");
        let packets: Vec<String> = payload.split('\x1e').map(String::from).collect();
        assert_eq!(packets.len(), expected);
        received.extend(packets);
    }
    assert_eq!(received, sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_has_a_size_that_one_packet_may_exceed() {
    let server =
        Server::engine_with(Config { poll_bytes_max: 1000, ..calm(engine_config()) }).await;
    let session = server.poll().await;
    let large = format!("4{}", "x".repeat(5000));
    assert_eq!(session.post(&format!("4a\x1e{large}\x1e4b")).await, ok());
    assert_eq!(session.get().await, Ok("4a".to_owned()));
    assert_eq!(session.get().await, Ok(large));
    assert_eq!(session.get().await, Ok("4b".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_poll_gets_the_same_bytes_again() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("4one").await, ok());
    for _ in 0..3 {
        assert_eq!(session.get_t("a").await, Ok("4one".to_owned()));
    }
    assert_eq!(session.post("4two").await, ok());
    assert_eq!(session.get_t("a").await, Ok("4one".to_owned()));
    assert_eq!(session.get_t("b").await, Ok("4two".to_owned()));
    assert_eq!(session.get_t("b").await, Ok("4two".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_that_nobody_read_is_not_lost() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("4one").await, ok());
    let target = format!("{}&t=a", session.target);
    // The response is there; the client goes away without a look at it.
    let stream = server.http().send("GET", &target, &[], b"").await;
    stream.readable().await.expect("a response");
    drop(stream);
    assert_eq!(session.get_t("a").await, Ok("4one".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_repeated_at_any_moment_never_waits_for_what_the_first_got() {
    let server = Server::engine().await;
    for _ in 0..20 {
        let session = server.poll().await;
        let message = format!("4{}", "x".repeat(900_000));
        assert_eq!(session.post(&message).await, ok());
        let (first, second) = tokio::join!(session.get_t("a"), session.get_t("a"));
        match (first, second) {
            (Ok(first), Ok(second)) => assert_eq!((&first, &second), (&message, &message)),
            // They met: the session has ended, and the client knows.
            (first, second) => {
                assert!(first == Err(400) || second == Err(400), "one is refused");
                session.until_gone().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_without_t_is_never_repeated() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("4one").await, ok());
    assert_eq!(session.get().await, Ok("4one".to_owned()));
    assert_eq!(session.post("4two").await, ok());
    assert_eq!(session.get().await, Ok("4two".to_owned()));
    // Nor is an empty one.
    assert_eq!(session.post("4three").await, ok());
    assert_eq!(session.get_t("").await, Ok("4three".to_owned()));
    assert_eq!(session.post("4four").await, ok());
    assert_eq!(session.get_t("").await, Ok("4four".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_poll_that_is_repeated_is_an_overlap() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let target = format!("{}&t=a", session.target);
    let first = server.http().send("GET", &target, &[], b"").await;
    let second = server.http().send("GET", &target, &[], b"").await;
    let mut replies = Vec::new();
    for mut stream in [first, second] {
        replies.push(read_reply(&mut stream).await.ok());
    }
    replies.sort();
    assert_eq!(replies, [Ok("1".to_owned()), Err(400)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ping_comes_before_what_waits() {
    const MESSAGES: usize = 2_000;
    let ping_interval = Duration::from_millis(10);
    let config = Config { ping_interval, poll_packets_max: 1, ..engine_config() };
    let server =
        Server::engine_with(Config { ping_timeout: Duration::from_mins(1), ..config }).await;
    let session = server.poll().await;
    let messages: Vec<String> = (0..MESSAGES).map(|number| format!("4{number}")).collect();
    assert_eq!(session.post(&messages.join("\x1e")).await, ok());
    let mut got = Vec::new();
    let mut pinged = false;
    while !pinged {
        let body = session.get().await.expect("a poll is answered");
        pinged = body.split('\x1e').any(|packet| packet == "2");
        got.extend(body.split('\x1e').filter(|packet| *packet != "2").map(str::to_owned));
    }
    assert!(got.len() < MESSAGES, "it waited for all the others");
    assert_eq!(got, messages[..got.len()], "and the order of the others is kept");
}
