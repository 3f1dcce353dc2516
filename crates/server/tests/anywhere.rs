//! Several instances in one process, on one log: each answers for the polling sessions of the
//! others, if it belongs to them, and is not registered any more once it has stopped.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use broker::{Broker, Instance, Limits, embedded::Embedded};
use server::{Server, config::Config, start::Address};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Long enough for the slowest machine; reached only when something never comes.
const DEADLINE: Duration = Duration::from_mins(1);

const GONE: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

fn log() -> Arc<dyn Broker> {
    Embedded::open(None, Limits::default()).unwrap()
}

async fn instance(broker: &Arc<dyn Broker>, secret: &str) -> Server {
    let config = Config {
        port: 0,
        drain_window: Duration::ZERO,
        internal_bind: Some("127.0.0.1:0".parse().unwrap()),
        secret: Some(secret.parse().unwrap()),
        ..Config::default()
    };
    Server::start(&config, broker.clone()).await.unwrap()
}

fn address(server: &Server) -> SocketAddr {
    match server.address() {
        Address::Tcp(address, _) => *address,
        Address::Unix(path) => panic!("{path}"),
    }
}

/// Status and body.
async fn ask(server: &Server, method: &str, target: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address(server)).await.unwrap();
    let length = body.len();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(DEADLINE, read).await.expect("an answer").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Opens a session; the target of its requests.
async fn open(server: &Server) -> String {
    let (status, body) = ask(server, "GET", HANDSHAKE, "").await;
    assert_eq!(status, 200, "{body}");
    let open: serde_json::Value = serde_json::from_str(&body[1..]).unwrap();
    format!("{HANDSHAKE}&sid={}", open["sid"].as_str().unwrap())
}

async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

async fn counts(server: &Server, sample: &str) -> bool {
    let (_, metrics) = ask(server, "GET", "/metrics", "").await;
    metrics.lines().any(|line| line == sample)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_reached_through_any_instance_that_belongs_here() {
    let broker = log();
    let [owner, friend, stranger] = [
        instance(&broker, "the secret of this place").await,
        instance(&broker, "the secret of this place").await,
        instance(&broker, "a secret of another one").await,
    ];
    for server in [&owner, &friend, &stranger] {
        until("they know each other", || counts(server, "palabre_instances 3")).await;
        until("it is ready", async || ask(server, "GET", "/readyz", "").await.0 == 200).await;
    }
    let target = open(&owner).await;
    // The addresses come with the next renewal.
    until("it is reached", async || ask(&friend, "DELETE", &target, "").await.0 == 500).await;
    assert_eq!(ask(&friend, "POST", &target, "40").await, (200, "ok".into()));
    let (status, connected) = ask(&friend, "GET", &target, "").await;
    assert!(status == 200 && connected.starts_with(r#"40{"sid":"#), "{connected}");
    assert_eq!(ask(&friend, "POST", &target, r#"42["chat message","x"]"#).await.0, 200);
    let mut heard = String::new();
    while !heard.contains(r#"["chat message","x""#) {
        heard += &ask(&owner, "GET", &target, "").await.1;
    }

    let refused = "palabre_gateway_forwards_total{outcome=\"failed\"} 1";
    until("it is refused", async || {
        assert_eq!(ask(&stranger, "GET", &target, "").await, (400, GONE.into()));
        counts(&stranger, refused).await
    })
    .await;
    assert!(counts(&owner, "palabre_gateway_strangers_total 1").await);
    assert_eq!(ask(&friend, "POST", &target, "1").await.0, 200, "it did no harm");
    for server in [owner, friend, stranger] {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_stopped_is_not_registered_any_more() {
    let broker = log();
    let servers = [instance(&broker, "the secret of this place").await, {
        instance(&broker, "the secret of this place").await
    }];
    let visitor = Instance { id: "visitor#1".into(), about: "{}".into() };
    let known = async || broker.renew(&visitor).await.unwrap().len();
    until("both are there", async || known().await == 3).await;
    for server in servers {
        server.stop().await;
    }
    assert_eq!(known().await, 1);
}
