//! What is served beside the engine, as raw HTTP.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::time::Duration;

use broker::{Limits, embedded::Embedded};
use server::{Server, config::Config};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn start(config: Config) -> (Server, String) {
    let broker = Embedded::open(None, Limits::default()).unwrap();
    let config = Config { port: 0, drain_window: Duration::ZERO, ..config };
    let server = Server::start(&config, broker).await.unwrap();
    let host = server.address().to_string().split('/').nth(2).unwrap().to_owned();
    (server, host)
}

/// The whole response to a GET.
async fn get(host: &str, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn everything_is_under_the_base_path_and_nothing_beside_it() {
    let (server, host) = start(Config { base_path: "/chat/".into(), ..Config::default() }).await;
    for inside in ["/chat/", "/chat/r/lobby", "/chat/healthz", "/chat/metrics"] {
        assert_eq!(status(&get(&host, inside, "").await), "200", "{inside}");
    }
    let session = get(&host, "/chat/socket.io/?EIO=4&transport=polling", "").await;
    assert!(session.contains("\"upgrades\":[\"websocket\"]"), "{session}");
    let moved = get(&host, "/chat", "").await;
    assert!(moved.starts_with("HTTP/1.1 308") && moved.contains("location: /chat/"), "{moved}");
    for outside in ["/", "/healthz", "/chatter", "/socket.io/?EIO=4&transport=polling"] {
        assert_eq!(status(&get(&host, outside, "").await), "404", "{outside}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_page_is_guarded_and_is_sent_again_only_when_it_changed() {
    let (server, host) = start(Config::default()).await;
    let page = get(&host, "/", "").await;
    let header = |name: &str| {
        let found = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name} in {page}"))
    };
    let policy = header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let known = format!("If-None-Match: {}\r\n", header("etag"));
    assert_eq!(status(&get(&host, "/r/lobby", &known).await), "304");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_in_json() {
    let (server, host) = start(Config::default()).await;
    for missing in ["/nothing", "/assets/nothing.js", "/assets/../index.html", "/r/"] {
        let response = get(&host, missing, "").await;
        assert_eq!(status(&response), "404", "{missing}");
        assert!(response.contains("application/problem+json"), "{response}");
    }
    server.stop().await;
}
