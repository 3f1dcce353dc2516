//! Input that means no good, on raw sockets. Whatever comes, the server stays healthy and
//! forgets nobody's place.

use std::time::Duration;

use gateway::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wire::websocket::{Opcode, encode_client};

use crate::applications::engine_config;
use crate::support::{Server, calm, read_reply, soon, until};

fn config() -> Config {
    Config { linger_timeout: Duration::from_millis(200), ..calm(engine_config()) }
}

async fn open(server: &Server) -> TcpStream {
    server.websocket().await.into_stream()
}

/// Reads to the end; everything that came.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    // A reset is an end as well.
    let _ = soon("the end of the connection", stream.read_to_end(&mut read)).await;
    read
}

fn client_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_client(opcode, payload, [0x37, 0xfa, 0x21, 0x3d], &mut frame);
    frame
}

/// A frame with its first byte (FIN, RSV, opcode) changed.
fn with_head(opcode: Opcode, payload: &[u8], head: u8) -> Vec<u8> {
    let mut frame = client_frame(opcode, payload);
    frame[0] = head;
    frame
}

fn close_frame(code: u16) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    vec![0x88, 2, high, low]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_break_the_protocol_are_answered_with_a_code() {
    let server = Server::engine_with(config()).await;
    let half = vec![0; 600_000];
    let masked_huge = [0x82, 0xFF, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4];
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", vec![0x81, 2, b'4', b'a'], 1002),
        ("a reserved bit", with_head(Opcode::Text, b"4a", 0xC1), 1002),
        ("a reserved opcode", with_head(Opcode::Text, b"4a", 0x83), 1002),
        ("a reserved control opcode", with_head(Opcode::Ping, b"", 0x8B), 1002),
        ("a fragmented ping", with_head(Opcode::Ping, b"", 0x09), 1002),
        ("a continuation of nothing", with_head(Opcode::Text, b"4a", 0x80), 1002),
        (
            "a message inside a message",
            [with_head(Opcode::Text, b"4a", 0x01), client_frame(Opcode::Text, b"4b")].concat(),
            1002,
        ),
        ("an oversized ping", client_frame(Opcode::Ping, &[0; 126]), 1002),
        ("half a close code", client_frame(Opcode::Close, &[3]), 1002),
        ("a forbidden close code", client_frame(Opcode::Close, &1005_u16.to_be_bytes()), 1002),
        ("a text that is not UTF-8", client_frame(Opcode::Text, b"4\xff\xfe"), 1007),
        (
            "a character cut by the end",
            [
                with_head(Opcode::Text, b"4\xe2\x82", 0x01),
                with_head(Opcode::Continuation, b"", 0x80),
            ]
            .concat(),
            1007,
        ),
        ("a frame larger than all memory", masked_huge.to_vec(), 1009),
        (
            "fragments beyond the limit",
            [with_head(Opcode::Binary, &half, 0x02), with_head(Opcode::Continuation, &half, 0x00)]
                .concat(),
            1009,
        ),
    ];
    for (what, bytes, code) in cases {
        let mut stream = open(&server).await;
        let _ = stream.write_all(&bytes).await;
        assert_eq!(rest(&mut stream).await, close_frame(code), "{what}");
    }
    until("all ends", || server.metrics.connections() == 0).await;
    server.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_still_sends_at_the_end_is_told_and_not_reset() {
    let server = Server::engine().await;
    let mut stream = open(&server).await;
    let bytes = [&[0x81, 2, b'4', b'a'][..], &vec![b'x'; 300_000]].concat();
    stream.write_all(&bytes).await.expect("written");
    let mut read = Vec::new();
    soon("the end", stream.read_to_end(&mut read)).await.expect("no reset");
    assert_eq!(read, close_frame(1002));

    let session = server.poll().await;
    let mut stream = server.http().connect().await;
    let head =
        format!("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n", session.target);
    let bytes = [head.as_bytes(), &vec![b'x'; 3_000_000]].concat();
    stream.write_all(&bytes).await.expect("written");
    let mut read = Vec::new();
    soon("the end", stream.read_to_end(&mut read)).await.expect("no reset");
    assert!(read.starts_with(b"HTTP/1.1 413 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proper_close_is_answered_with_its_code() {
    let server = Server::engine().await;
    for code in [1000_u16, 1001, 3000, 4999] {
        let mut stream = open(&server).await;
        let frame = client_frame(Opcode::Close, &code.to_be_bytes());
        stream.write_all(&frame).await.expect("written");
        assert_eq!(rest(&mut stream).await, close_frame(code));
    }
    let mut stream = open(&server).await;
    stream.write_all(&client_frame(Opcode::Close, b"")).await.expect("written");
    assert_eq!(rest(&mut stream).await, [0x88, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_come_byte_by_byte_and_in_fragments() {
    let server = Server::engine().await;
    let mut stream = open(&server).await;
    stream.set_nodelay(true).expect("set");
    let bytes = [
        with_head(Opcode::Text, "4é".as_bytes(), 0x01),
        client_frame(Opcode::Ping, b"?"),
        with_head(Opcode::Continuation, "€".as_bytes(), 0x80),
    ]
    .concat();
    for byte in bytes {
        stream.write_all(&[byte]).await.expect("written");
        tokio::task::yield_now().await;
    }
    let expected = [&[0x8A, 1, b'?'][..], &[0x81, 6], "4é€".as_bytes()].concat();
    let mut read = vec![0; expected.len()];
    soon("an echo", stream.read_exact(&mut read)).await.expect("read");
    assert_eq!(read, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_in_place_of_http_is_refused() {
    let server = Server::engine_with(config()).await;
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let cases: [&[u8]; 7] = [
        tls,
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"hello there\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /engine.io/ HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        b"POST /engine.io/ HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /engine.io/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    for bytes in cases {
        let mut stream = server.http().connect().await;
        stream.write_all(bytes).await.expect("written");
        stream.shutdown().await.expect("shut down");
        let said = rest(&mut stream).await;
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    until("all ends", || server.metrics.connections() == 0).await;
    server.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_everything_leaves_nothing_behind() {
    let server = Server::engine_with(config()).await;
    let session = server.poll().await;
    let upgrade = format!(
        "GET /engine.io/{} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        session.upgrade()
    );
    let open = upgrade.replace(&session.upgrade(), "?EIO=4&transport=websocket");
    for whole in [&upgrade, &open] {
        for part in [1, whole.len() / 2, whole.len() - 1, whole.len()] {
            let mut stream = server.http().connect().await;
            stream.write_all(&whole.as_bytes()[..part]).await.expect("written");
            drop(stream);
        }
    }
    until("all ends", || server.metrics.connections() == 0).await;
    assert_eq!(server.metrics.sessions(wire::engine::Transport::WebSocket), 0);
    assert_eq!(session.post("4still here").await, Ok("ok".to_owned()));
    server.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_a_row_on_one_connection_are_answered_in_order() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let target = &session.target;
    let mut stream = server.http().connect().await;
    let requests = format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n4one\
         GET {target} HTTP/1.1\r\nHost: a\r\n\r\n\
         POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\n4two"
    );
    stream.write_all(requests.as_bytes()).await.expect("written");
    let said = String::from_utf8(rest(&mut stream).await).expect("UTF-8");
    let bodies: Vec<&str> =
        said.split("HTTP/1.1 200 OK").filter_map(|reply| reply.split("\r\n\r\n").nth(1)).collect();
    assert_eq!(bodies, ["ok", "4one", "ok"]);
    assert_eq!(session.get().await, Ok("4two".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_polls_disturb_nobody() {
    let server = Server::engine().await;
    let mut idle = Vec::new();
    for _ in 0..1000 {
        let session = server.poll().await;
        let poll = session.begin().await;
        idle.push((session, poll));
    }
    until("all polls", || server.metrics.pending_polls() == 1000).await;
    server.is_healthy().await;
    let (session, mut poll) = idle.swap_remove(500);
    assert_eq!(session.post("4hello").await, Ok("ok".to_owned()));
    assert_eq!(read_reply(&mut poll).await.ok(), Ok("4hello".to_owned()));
    idle.clear();
    until("all ends", || server.metrics.sessions(wire::engine::Transport::Polling) <= 2).await;
    server.is_healthy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_may_nest_no_deeper_than_the_limit() {
    let server = Server::socket().await;
    let mut socket = crate::layer::joined(&server).await;
    assert!(socket.message().await.contains("auth"));
    let deep = format!("42[\"message\",{}{}]", "[".repeat(400_000), "]".repeat(400_000));
    socket.try_send(&deep).await;
    socket.closed().await;
    server.is_healthy().await;
}
