//! Every refusal, byte for byte, and in which order the checks are made.

use crate::support::{Reply, Server, WebSocket};

const UNKNOWN_TRANSPORT: &str = r#"{"code":0,"message":"Transport unknown"}"#;
const UNKNOWN_SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD_METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const UNSUPPORTED: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;

fn check(reply: &Reply, body: &str, what: &str) {
    assert_eq!((reply.status, reply.text()), (400, body), "{what}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{what}");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_is_checked_in_order() {
    let server = Server::engine().await;
    let cases = [
        ("GET", "/engine.io/?EIO=4", UNKNOWN_TRANSPORT),
        ("GET", "/engine.io/anything", UNKNOWN_TRANSPORT),
        ("GET", "/engine.io/?EIO=4&transport=webtransport", UNKNOWN_TRANSPORT),
        ("POST", "/engine.io/?EIO=3&transport=abc", UNKNOWN_TRANSPORT),
        ("GET", "/engine.io/?EIO=4&transport=polling&sid=abc", UNKNOWN_SESSION),
        ("GET", "/engine.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA", UNKNOWN_SESSION),
        ("POST", "/engine.io/?EIO=4&transport=polling", BAD_METHOD),
        ("PUT", "/engine.io/?EIO=3&transport=polling", BAD_METHOD),
        ("DELETE", "/engine.io/?EIO=4&transport=websocket", BAD_METHOD),
        ("GET", "/engine.io/?EIO=4&transport=websocket", BAD_REQUEST),
        ("GET", "/engine.io/?EIO=3&transport=polling", UNSUPPORTED),
        ("GET", "/engine.io/?transport=polling", UNSUPPORTED),
        ("GET", "/engine.io/?EIO=4&EIO=5&transport=polling", UNSUPPORTED),
        ("GET", "/engine.io/?EIO=4&transport=polling&transport=x", UNKNOWN_TRANSPORT),
    ];
    for (method, target, body) in cases {
        let reply = server.http().request(method, target, &[], b"").await;
        check(&reply, body, &format!("{method} {target}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_a_session_is_checked_in_order() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let sid = &session.sid;
    let cases = [
        (format!("/engine.io/?EIO=4&sid={sid}"), UNKNOWN_TRANSPORT),
        (format!("/engine.io/?EIO=4&transport=websocket&sid={sid}"), BAD_REQUEST),
        (format!("/engine.io/?EIO=3&transport=polling&sid={sid}"), BAD_REQUEST),
        (format!("/engine.io/?transport=polling&sid={sid}"), BAD_REQUEST),
    ];
    for (target, body) in cases {
        check(&server.http().get(&target).await, body, &target);
    }
    assert_eq!(session.post("4still here").await, Ok("ok".to_owned()));
    assert_eq!(session.get().await, Ok("4still here".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_sid_is_none() {
    let server = Server::engine().await;
    let reply = server.http().get("/engine.io/?EIO=4&transport=polling&sid=").await;
    assert!(reply.ok().expect("a handshake").starts_with("0{"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jsonp_is_ignored() {
    let server = Server::engine().await;
    let reply = server.http().get("/engine.io/?EIO=4&transport=polling&j=0").await;
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert!(reply.ok().expect("a handshake").starts_with("0{"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_path_is_the_engines_with_and_without_its_slash() {
    let server = Server::socket().await;
    for path in ["/socket.io/", "/socket.io"] {
        let reply = server.http().get(&format!("{path}?EIO=4&transport=polling")).await;
        assert!(reply.ok().expect("a handshake").starts_with("0{"), "{path}");
    }
    assert_eq!(server.http().get("/socket.iox?EIO=4&transport=polling").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_headers_of_a_handshake_are_the_known_ones() {
    let server = Server::engine().await;
    let reply = server.http().get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(reply.header("content-length").is_some());
    assert_eq!(reply.header("set-cookie"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_methods_fail_and_leave_the_session_alone() {
    let server = Server::engine().await;
    let session = server.poll().await;
    for method in ["PUT", "DELETE", "PATCH", "HEAD"] {
        let reply = server.http().request(method, &session.target, &[], b"").await;
        assert_eq!((reply.status, reply.text()), (500, ""), "{method}");
    }
    assert_eq!(session.post("4still here").await, Ok("ok".to_owned()));
    assert_eq!(session.get().await, Ok("4still here".to_owned()));
}

const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
const UPGRADE: [(&str, &str); 2] =
    [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")];
const VERSION: (&str, &str) = ("Sec-WebSocket-Version", "13");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upgrade_is_a_plain_text_and_closes() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let cases = [
        ("?EIO=4&transport=abc".to_owned(), "Transport unknown"),
        ("?EIO=4&transport=polling".to_owned(), "Bad request"),
        ("?EIO=3&transport=websocket".to_owned(), "Unsupported protocol version"),
        ("?EIO=4&transport=websocket&sid=abc".to_owned(), "Session ID unknown"),
        (format!("?EIO=4&transport=polling&sid={}", session.sid), "Bad request"),
        (format!("?EIO=3&transport=websocket&sid={}", session.sid), "Bad request"),
    ];
    let headers = [UPGRADE[0], UPGRADE[1], KEY, VERSION];
    for (query, message) in cases {
        let target = format!("/engine.io/{query}");
        let reply = server.http().request("GET", &target, &headers, b"").await;
        assert_eq!((reply.status, reply.text()), (400, message), "{query}");
        assert_eq!(reply.header("content-type"), Some("text/html"), "{query}");
        assert_eq!(reply.header("connection"), Some("close"), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_handshake_must_be_in_order() {
    let server = Server::engine().await;
    let target = "/engine.io/?EIO=4&transport=websocket";
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        ("no key", vec![VERSION]),
        ("a short key", vec![VERSION, ("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ==")]),
        ("no base64", vec![VERSION, ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub2!jZQ==")]),
        ("no version", vec![KEY]),
        ("another version", vec![KEY, ("Sec-WebSocket-Version", "8")]),
        ("another method", vec![KEY, VERSION]),
    ];
    for (what, headers) in cases {
        let headers: Vec<_> = UPGRADE.into_iter().chain(headers).collect();
        let method = if what == "another method" { "POST" } else { "GET" };
        let reply = server.http().request(method, target, &headers, b"").await;
        assert_eq!(reply.status, 400, "{what}");
    }
    let headers: Vec<_> = UPGRADE.into_iter().chain([KEY, VERSION]).collect();
    let reply = server.http().request("GET", target, &headers, b"").await;
    assert_eq!(reply.status, 101);
    // The example of RFC 6455, section 1.3.
    assert_eq!(reply.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(reply.header("sec-websocket-protocol"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_says_so() {
    let mut config = crate::support::calm(crate::applications::engine_config());
    config.sessions_max = 1;
    let server = Server::engine_with(config).await;
    let session = server.poll().await;
    let reply = server.http().get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.text(), r#"{"message":"Too many sessions, try again later"}"#);
    assert_eq!(reply.header("retry-after"), Some("5"));
    let refused = WebSocket::connect(&server, "?EIO=4&transport=websocket").await;
    assert_eq!(refused.err(), Some(503));
    // Its place is free again when the session is gone.
    assert_eq!(session.post("1").await, Ok("ok".to_owned()));
    session.until_gone().await;
    let mut socket = server.websocket().await;
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}
