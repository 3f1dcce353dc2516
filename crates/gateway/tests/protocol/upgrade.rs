//! The upgrade from polling to WebSocket: its races, and what goes wrong in it.

use std::time::Duration;

use gateway::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wire::engine::Transport;
use wire::websocket::{Opcode, encode_client};

use crate::applications::engine_config;
use crate::shared::upgrade;
use crate::support::{NO_CODE, Said, Server, Session, WebSocket, calm, read_reply, soon, until};

#[allow(clippy::unnecessary_wraps, reason = "what `post` returns")]
fn ok() -> Result<String, u16> {
    Ok("ok".to_owned())
}

async fn probing(server: &Server, session: &Session) -> WebSocket {
    let mut socket = server.websocket_at(&session.upgrade()).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    socket
}

async fn switched(server: &Server) {
    until("the switch", || server.metrics.sessions(Transport::WebSocket) == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polling_goes_on_while_the_client_probes() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let _socket = probing(&server, &session).await;
    assert_eq!(session.post("4hello").await, ok());
    assert_eq!(session.packets_but_noops().await, ["4hello"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_at_the_switch_comes_over_the_websocket() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut socket = probing(&server, &session).await;
    assert_eq!(session.post("4one\x1ebAQID\x1e4two").await, ok());
    socket.send("5").await;
    assert_eq!(socket.next().await, Said::Text("4one".to_owned()));
    assert_eq!(socket.next().await, Said::Binary(vec![1, 2, 3]));
    assert_eq!(socket.next().await, Said::Text("4two".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_polls_end_with_noops_while_the_upgrade_lasts() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let _socket = probing(&server, &session).await;
    for _ in 0..3 {
        assert_eq!(session.get().await, Ok("6".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_pending_at_the_switch_is_a_bad_request() {
    let config = Config { probe_interval: Duration::from_hours(1), ..calm(engine_config()) };
    let server = Server::engine_with(config).await;
    let session = server.poll().await;
    let poll = session.pending().await;
    let mut socket = probing(&server, &session).await;
    socket.send("5").await;
    assert_eq!(poll.answer().await, Err(400));
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_under_way_at_the_switch_is_refused() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut post = server.http().connect().await;
    let head =
        format!("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n4he", session.target);
    post.write_all(head.as_bytes()).await.expect("written");
    let mut socket = upgrade(&server, &session.sid).await;
    switched(&server).await;
    // Whether it had been read by then or not.
    let _ = post.write_all(b"llo").await;
    assert_eq!(read_reply(&mut post).await.status, 400);
    socket.send("4still here").await;
    assert_eq!(socket.message().await, "4still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_after_the_switch_are_bad_requests() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut socket = upgrade(&server, &session.sid).await;
    switched(&server).await;
    for method in ["GET", "POST", "PUT"] {
        let reply = server.http().request(method, &session.target, &[], b"").await;
        assert_eq!(reply.text(), r#"{"code":3,"message":"Bad request"}"#, "{method}");
    }
    socket.send("4still here").await;
    assert_eq!(socket.message().await, "4still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_without_a_probe_is_accepted() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut socket = server.websocket_at(&session.upgrade()).await;
    socket.send("5").await;
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anything_but_a_probe_closes_the_websocket_and_not_the_session() {
    let server = Server::engine().await;
    for packet in ["4hello", "2", "3probe", "1", "abc", ""] {
        let session = server.poll().await;
        let mut socket = server.websocket_at(&session.upgrade()).await;
        socket.send(packet).await;
        assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)), "{packet:?}");
        assert_eq!(session.post("4still here").await, ok());
        assert_eq!(session.get().await, Ok("4still here".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_websocket_during_the_probe_is_closed() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut first = probing(&server, &session).await;
    let mut second = server.websocket_at(&session.upgrade()).await;
    assert_eq!(second.next().await, Said::Closed(Some(NO_CODE)));
    first.send("5").await;
    first.send("4hello").await;
    assert_eq!(first.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_lost_in_the_probe_leaves_polling_and_another_try() {
    let server = Server::engine().await;
    let session = server.poll().await;
    drop(probing(&server, &session).await);
    until("the end of the probe", || server.metrics.upgrades("failed") == 1).await;
    assert_eq!(session.post("4still here").await, ok());
    assert_eq!(session.packets_but_noops().await, ["4still here"]);
    let mut socket = upgrade(&server, &session.sid).await;
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_takes_too_long_is_given_up() {
    let upgrade_timeout = Duration::from_millis(50);
    let server = Server::engine_with(Config { upgrade_timeout, ..calm(engine_config()) }).await;
    let session = server.poll().await;
    let mut socket = server.websocket_at(&session.upgrade()).await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
    assert_eq!(session.post("4still here").await, ok());
    assert_eq!(session.get().await, Ok("4still here".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_in_the_probe_closes_its_websocket() {
    let config = Config { upgrade_timeout: Duration::from_hours(1), ..calm(engine_config()) };
    let server = Server::engine_with(config).await;
    let session = server.poll().await;
    let mut socket = probing(&server, &session).await;
    assert_eq!(session.post("1").await, ok());
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
    session.until_gone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upgrades_can_be_switched_off() {
    let server = Server::engine_with(Config { upgrades: false, ..calm(engine_config()) }).await;
    let reply = server.http().get("/engine.io/?EIO=4&transport=polling").await;
    assert!(reply.ok().expect("a handshake").contains(r#""upgrades":[]"#));
    let session = server.poll().await;
    let refused = WebSocket::connect(&server, &session.upgrade()).await;
    assert_eq!(refused.err(), Some(400));
}

/// Frames right behind the request, in the same segment, before the 101.
async fn eager(server: &Server, query: &str, packets: &[&str]) -> TcpStream {
    let mut stream = server.http().connect().await;
    let mut bytes = format!(
        "GET /engine.io/{query} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    for packet in packets {
        encode_client(Opcode::Text, packet.as_bytes(), [1, 2, 3, 4], &mut bytes);
    }
    stream.write_all(&bytes).await.expect("written");
    stream
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    soon(end, async {
        while !read.ends_with(end.as_bytes()) {
            assert_ne!(stream.read_buf(&mut read).await.expect("open"), 0, "closed before {end}");
        }
    })
    .await;
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_right_behind_the_handshake_count() {
    let server = Server::engine().await;
    let mut stream = eager(&server, "?EIO=4&transport=websocket", &["4one", "4two"]).await;
    let read = read_until(&mut stream, "\u{4}4two").await;
    assert!(read.contains("4one"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_upgrade_in_one_segment_works() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let packets = ["2probe", "5", "4one", "4two"];
    let mut stream = eager(&server, &session.upgrade(), &packets).await;
    let read = read_until(&mut stream, "\u{4}4two").await;
    let probe = read.find("3probe").expect("the answer to the probe");
    assert!(probe < read.find("4one").expect("the first message"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b64_clients_get_binary_as_text() {
    let server = Server::engine().await;
    let mut socket = server.websocket_at("?EIO=4&transport=websocket&b64=1").await;
    assert!(socket.text().await.starts_with("0{"));
    socket.send("bAQIDBA==").await;
    assert_eq!(socket.message().await, "bAQIDBA==");
    socket.send_binary(&[1, 2, 3]).await;
    assert_eq!(socket.message().await, "bAQID");

    let session = server.poll().await;
    assert_eq!(session.post("bAQIDBA==").await, ok());
    let mut socket = server.websocket_at(&format!("{}&b64=1", session.upgrade())).await;
    socket.send("5").await;
    assert_eq!(socket.message().await, "bAQIDBA==");
    socket.send("bAQID").await;
    assert_eq!(socket.message().await, "bAQID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_text_frames_are_binary_messages() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    socket.send("bAQIDBA==").await;
    assert_eq!(socket.binary().await, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_pings_are_answered() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    socket.ping(b"are you there").await;
    let session = server.poll().await;
    let mut socket = probing(&server, &session).await;
    socket.ping(b"and now").await;
    socket.send("5").await;
    socket.ping(b"and then").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_of_other_occasions_are_passed_over() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    for packet in ["5", "6", "0", "3"] {
        socket.send(packet).await;
    }
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ping_from_the_client_ends_the_session() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    socket.send("2").await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
}
