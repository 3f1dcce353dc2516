//! What is bounded, and what happens at the bound.

use std::time::Duration;

use gateway::Config;
use hub::CloseReason;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::applications::engine_config;
use crate::support::{Said, Server, calm, read_reply, soon, until};

fn config() -> Config {
    calm(engine_config())
}

/// Reads until the server closes; what it said.
async fn rest(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A reset is an end as well.
    let _ = soon("the end of the connection", stream.read_to_end(&mut read)).await;
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_closed_at_once() {
    let server = Server::engine_with(Config { connections_max: 1, ..config() }).await;
    let mut socket = server.websocket().await;
    let mut stream = server.http().connect().await;
    let said = rest(&mut stream).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 503"), "{said}");
    socket.send("1").await;
    socket.closed().await;
    drop(socket);
    until("a free place", || server.metrics.connections() == 0).await;
    server.websocket().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::engine().await;
    let long = "x".repeat(20 * 1024);
    let reply = server.http().request("GET", "/engine.io/", &[("X-Long", &long)], b"").await;
    assert_eq!(reply.status, 431);
    let reply = server.http().request("GET", &format!("/engine.io/?{long}"), &[], b"").await;
    assert!(matches!(reply.status, 414 | 431), "{}", reply.status);
    let many: Vec<(String, &str)> = (0..200).map(|number| (format!("X-{number}"), "x")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (&**name, *value)).collect();
    let reply = server.http().request("GET", "/engine.io/", &many, b"").await;
    assert_eq!(reply.status, 431);
    server.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_request_is_given_up() {
    let header_timeout = Duration::from_millis(50);
    let server = Server::engine_with(Config { header_timeout, ..config() }).await;
    for head in ["", "GET", "GET /engine.io/ HTTP/1.1\r\nHost: test\r\nUpgrade: webs"] {
        let mut stream = server.http().connect().await;
        stream.write_all(head.as_bytes()).await.expect("written");
        let said = rest(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{head:?} gave {said}");
    }
    until("no connection", || server.metrics.connections() == 0).await;
    server.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed() {
    let header_timeout = Duration::from_millis(50);
    let server = Server::engine_with(Config { header_timeout, ..config() }).await;
    let mut stream = server.http().send("GET", "/", &[], b"").await;
    assert_eq!(read_reply(&mut stream).await.status, 404);
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_exactly_the_limit_is_taken_and_one_beyond_it_refused() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    let message = format!("4{}", "x".repeat(999_999));
    socket.send(&message).await;
    assert_eq!(socket.message().await, message);
    socket.try_send(&format!("{message}y")).await;
    assert_eq!(socket.next().await, Said::Closed(Some(1009)));
    until("the end", || server.metrics.closes(CloseReason::TooLarge) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_its_response_is_given_up() {
    // Long enough for the one who does read, on a slow machine.
    let write_timeout = Duration::from_secs(2);
    let limits = Config { max_payload: 16_000_000, write_timeout, ..config() };
    let server = Server::engine_with(limits).await;
    let session = server.poll().await;
    let message = format!("4{}", "x".repeat(12_000_000));
    session.post(&message).await.expect("200");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("set");
    let mut stream = socket.connect(server.address).await.expect("connected");
    let head = format!("GET {}&t=a HTTP/1.1\r\nHost: test\r\n\r\n", session.target);
    stream.write_all(head.as_bytes()).await.expect("written");
    soon("a response", stream.readable()).await.expect("open");
    until("the end of the connection", || server.metrics.connections() == 0).await;
    // Nothing is lost: the client asks again.
    assert_eq!(session.get_t("a").await.map(|payload| payload.len()), Ok(12_000_001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_that_is_not_read_is_a_slow_consumer() {
    let server = Server::engine().await;
    let slow = server.websocket().await;
    let mut stream = slow.into_stream();
    let mut frame = Vec::new();
    let message = format!("4{}", "x".repeat(500_000));
    wire::websocket::encode_client(
        wire::websocket::Opcode::Text,
        message.as_bytes(),
        [1, 2, 3, 4],
        &mut frame,
    );
    // Every message comes back, and nobody reads it.
    let flood = async { while stream.write_all(&frame).await.is_ok() {} };
    let closed = until("the end", || server.metrics.closes(CloseReason::SlowConsumer) == 1);
    tokio::select! {
        () = flood => {}
        () = closed => {}
    }
    until("the end", || server.metrics.closes(CloseReason::SlowConsumer) == 1).await;
    server.is_healthy().await;
}
