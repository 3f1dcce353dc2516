//! The first request of a connection, where there are no cross-origin rules: the usual one is
//! answered without the HTTP library, and nobody is to notice. So the same bytes go to a server
//! that has such rules, where the library answers all of them.

use std::net::IpAddr;
use std::sync::Arc;

use gateway::{
    BoxFuture, Config, Cors, EngineApplication, EngineSession, NoSite, Session, Site, SiteBody,
};
use hub::Class;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wire::Frame;
use wire::websocket::{Opcode, encode_client};

use crate::applications::{EchoEngine, socket_config};
use crate::support::{Server, WebSocket, calm, soon, until};

const USUAL: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\n\
    Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What a browser adds.
const BROWSER: &str = "Host: test\r\nPragma: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; x86_64)\r\n\
    Origin: https://example.org\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: a=b; c=\"d\"\r\n\
    Accept-Language: fr;q=0.9\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// Echoes, and tells first what is known of the request.
struct Told;

impl EngineApplication for Told {
    fn open(&self, session: &Arc<Session>) -> Arc<dyn EngineSession> {
        let text = format!("4{:?}", session.handshake());
        session.connection().send(&Frame::text(&text), Class::Lasting);
        EchoEngine.open(session)
    }
}

/// Claims one path under the engine's.
struct Pages;

impl Site for Pages {
    fn claims(&self, path: &str) -> bool {
        path == "/socket.io/client.js"
    }

    fn respond(
        &self,
        request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> BoxFuture<Response<SiteBody>> {
        NoSite.respond(request, peer)
    }
}

fn without_rules() -> Config {
    Config { cors: Cors::default(), ..calm(socket_config()) }
}

async fn server(config: Config) -> Server {
    Server::start(config, Arc::new(Pages), |_, _| Arc::new(Told)).await
}

fn with(from: &str, to: &str) -> String {
    assert!(USUAL.contains(from), "{from}");
    USUAL.replace(from, to)
}

/// What a client sees of the answer to its request.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: String,
    upgrade: [Option<String>; 3],
    /// Of a refusal.
    body: String,
    /// What came over the WebSocket.
    messages: Vec<String>,
}

/// Sends a request and, in one go with it, a text and a binary message; all before anybody else
/// runs in a runtime of one thread, so that it is there when the connection is accepted.
fn ask(server: &Server, request: &str) -> TcpStream {
    let mut bytes = request.as_bytes().to_vec();
    encode_client(Opcode::Text, b"4ping", [1, 2, 3, 4], &mut bytes);
    encode_client(Opcode::Binary, &[1, 2, 3], [1, 2, 3, 4], &mut bytes);
    let mut stream = std::net::TcpStream::connect(server.address).expect("connected");
    std::io::Write::write_all(&mut stream, &bytes).expect("written");
    stream.set_nonblocking(true).expect("set");
    TcpStream::from_std(stream).expect("a stream")
}

/// Reads an answer: the HTTP response, and four messages if it opens a WebSocket. Says also
/// whether the library has written it, which names the date.
async fn answer(stream: &mut TcpStream) -> (Seen, bool) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            break String::from_utf8(std::mem::replace(&mut bytes, rest)).expect("ASCII");
        }
        more(stream, &mut bytes).await;
    };
    let header = |name: &str| {
        let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.to_owned())
    };
    let status = head.split(' ').nth(1).expect("a status").to_owned();
    let upgrade = ["connection", "upgrade", "sec-websocket-accept"].map(header);
    let (mut body, mut messages) = (String::new(), Vec::new());
    if status == "101" {
        while messages.len() < 4 {
            match message(&bytes) {
                Some((message, length)) => {
                    messages.push(message);
                    bytes.drain(..length);
                }
                None => more(stream, &mut bytes).await,
            }
        }
    } else {
        let length = header("content-length").map_or(0, |length| length.parse().expect("a number"));
        while bytes.len() < length {
            more(stream, &mut bytes).await;
        }
        body = String::from_utf8_lossy(&bytes[..length]).into_owned();
    }
    (Seen { status, upgrade, body, messages }, header("date").is_some())
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) {
    let read = soon("more of an answer", stream.read_buf(bytes)).await.expect("open");
    assert_ne!(read, 0, "it ended behind {:?}", String::from_utf8_lossy(bytes));
}

/// The first of a server's messages, without what differs each time, and its length in all.
fn message(bytes: &[u8]) -> Option<(String, usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        short => (2, usize::from(short)),
    };
    let payload = String::from_utf8_lossy(bytes.get(start..start + length)?);
    let told = match payload.split_once(r#""sid":""#) {
        Some((before, behind)) => format!("{before}{}", behind.get(20..).expect("a sid")),
        None => payload.into_owned(),
    };
    Some((format!("{:x} {told}", bytes[0]), start + length))
}

#[tokio::test]
async fn usual_requests_are_answered_as_the_library_would() {
    let (quick, library) = (server(without_rules()).await, server(calm(socket_config())).await);
    for request in [
        USUAL.to_owned(),
        with("Connection: keep-alive, Upgrade", "CONNECTION: UPGRADE").replace("Sec-", "sec-"),
        with("Upgrade: websocket", "upgrade:WebSocket "),
        with("Host: test\r\n", BROWSER),
        with("keep-alive, Upgrade", "Upgrade"),
        with("/socket.io/?", "/socket.io?"),
        with("/socket.io/?", "/socket.io/deeper/?"),
        with("?EIO=4", "?name=J%C3%BCrgen&EIO=4"),
        with("?EIO=4", "?sid=&EIO=4"),
    ] {
        let (seen, by_library) = answer(&mut ask(&quick, &request)).await;
        assert!(!by_library, "{request}");
        assert_eq!((&*seen.status, &*seen.messages[2]), ("101", "81 4ping"), "{request}");
        let (expected, by_library) = answer(&mut ask(&library, &request)).await;
        assert!(by_library, "{request}");
        assert_eq!(seen, expected, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusual_requests_are_answered_as_ever() {
    let (quick, library) = (server(without_rules()).await, server(calm(socket_config())).await);
    let long = format!("Host: test\r\nX: {}\r\n", "x".repeat(3000));
    let line = |name: &str| {
        let line = USUAL.split_inclusive("\r\n").find(|line| line.starts_with(name));
        line.expect("a line of it").to_owned()
    };
    for request in [
        with("GET", "POST").replace("Host", "Content-Length: 0\r\nHost"),
        with("HTTP/1.1", "HTTP/1.0"),
        with("EIO=4", "EIO=3"),
        with("EIO=4", "EIO=3&EIO=4"),
        with("EIO=4", "EIO=4&EIO=3"),
        with("EIO=4&", ""),
        with("=websocket", "=polling"),
        with("=websocket", "=webtransport"),
        with("EIO=4", "sid=AAAAAAAAAAAAAAAAAAAA&EIO=4"),
        with("EIO=4", "EIO=4&b64=1"),
        with("/socket.io/?EIO=4&transport=websocket", "/socket.io/"),
        with("/socket.io/?", "/socket.iox?"),
        with("/socket.io/?", "/other/?"),
        with("/socket.io/?", "/socket.io/client.js?"),
        with(&line("Connection"), ""),
        with(&line("Upgrade"), ""),
        with(&line("Sec-WebSocket-Version"), ""),
        with(&line("Sec-WebSocket-Key"), ""),
        with("keep-alive, Upgrade", "close"),
        with("Upgrade: websocket", "Upgrade: h2c"),
        with("Version: 13", "Version: 8"),
        with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
        with(&line("Sec-WebSocket-Key"), &line("Sec-WebSocket-Key").repeat(2)),
        with(&line("Upgrade"), &line("Upgrade").repeat(2)),
        with("Host: test\r\n", "Origin: https://a.org\r\nOrigin: https://b.org\r\n"),
        with("Host: test\r\n", &long),
        with("Host: test\r\n", &"X: y\r\n".repeat(40)),
        with("Host: test\r\n", &"X: y\r\n".repeat(200)),
    ] {
        let (seen, _) = answer(&mut ask(&quick, &request)).await;
        let (expected, _) = answer(&mut ask(&library, &request)).await;
        assert_eq!(seen, expected, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_may_come_in_two_parts() {
    let server = server(without_rules()).await;
    let whole = USUAL.as_bytes();
    for cut in [1, 20, whole.len() / 2, whole.len() - 2] {
        let mut stream = server.http().connect().await;
        stream.set_nodelay(true).expect("set");
        stream.write_all(&whole[..cut]).await.expect("written");
        // Another connection is served meanwhile, so this one has most likely been looked at.
        answer(&mut ask(&server, USUAL)).await;
        let mut rest = whole[cut..].to_vec();
        encode_client(Opcode::Text, b"4one", [1, 2, 3, 4], &mut rest);
        encode_client(Opcode::Text, b"4two", [1, 2, 3, 4], &mut rest);
        stream.write_all(&rest).await.expect("written");
        let (seen, _) = answer(&mut stream).await;
        assert_eq!(seen.messages[2..], ["81 4one", "81 4two"], "cut at {cut}");
    }
}

#[tokio::test]
async fn who_speaks_only_after_being_accepted_is_answered_so_too() {
    let server = server(without_rules()).await;
    let mut stream = server.http().connect().await;
    until("it is accepted", || server.metrics.connections() == 1).await;
    // The connection's task has looked by now, and found nothing.
    answer(&mut ask(&server, USUAL)).await;
    let mut bytes = USUAL.as_bytes().to_vec();
    encode_client(Opcode::Text, b"4ping", [1, 2, 3, 4], &mut bytes);
    encode_client(Opcode::Binary, &[1, 2, 3], [1, 2, 3, 4], &mut bytes);
    stream.write_all(&bytes).await.expect("written");
    let (seen, by_library) = answer(&mut stream).await;
    assert_eq!(seen.messages[2], "81 4ping");
    assert!(!by_library);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_polls_moves_to_a_connection_that_begins_so() {
    let server = server(without_rules()).await;
    let session = server.poll().await;
    let mut socket = server.websocket_at(&session.upgrade()).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_says_so_to_the_usual_request_too() {
    let server = server(Config { sessions_max: 1, ..without_rules() }).await;
    let mut first = server.websocket().await;
    let refused = WebSocket::connect(&server, "?EIO=4&transport=websocket").await;
    assert_eq!(refused.err(), Some(503));
    first.send("1").await;
    first.closed().await;
    soon("a free place", async {
        while WebSocket::connect(&server, "?EIO=4&transport=websocket").await.is_err() {}
    })
    .await;
}
