//! The end of an instance: nobody is told to stay away, nothing is lost, and it does end.

use std::sync::Arc;
use std::time::Duration;

use gateway::{
    BoxFuture, Config, EngineApplication, EngineSession, NoSite, Session, Site, SiteBody, site_body,
};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::sync::Semaphore;

use crate::applications::{EchoEngine, engine_config, socket_config};
use crate::support::{Said, Script, Server, calm, read_reply, soon, until};

fn config() -> Config {
    Config { drain_window: Duration::from_millis(20), ..calm(socket_config()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_server_just_ends() {
    Server::engine().await.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_closed_without_being_told_to_stay_away() {
    let (script, mut seen) = Script::new();
    let close_timeout = Duration::from_secs(1);
    let server = Server::socket_with(Config { close_timeout, ..config() }, script).await;
    let mut websocket = server.websocket().await;
    websocket.send("40").await;
    assert!(websocket.message().await.starts_with("40{"));
    let polling = server.poll().await;
    polling.post("40").await.expect("200");
    assert!(polling.get().await.expect("200").starts_with("40{"));
    let poll = polling.pending().await;
    let _between_polls = server.poll().await;
    let _idle_connection = server.http().connect().await;
    until("all connections", || server.metrics.connections() == 3).await;
    server.stop();
    assert_eq!(websocket.next().await, Said::Closed(Some(1001)));
    assert_eq!(poll.answer().await, Ok("1".to_owned()));
    for _ in 0..2 {
        assert_eq!(seen.left().await.1, hub::CloseReason::ShuttingDown);
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_goes_out_first() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    let large = format!("4{}", "x".repeat(900_000));
    socket.send(&large).await;
    socket.send("4last").await;
    // With the open packet. Some of it is in the kernel's buffers, some in the outbox.
    until("both echoes", || server.hub_metric("deliveries_total") == 3).await;
    server.stop();
    assert_eq!(socket.message().await, large);
    assert_eq!(socket.message().await, "4last");
    assert_eq!(socket.next().await, Said::Closed(Some(1001)));
    drop(socket);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_closed_spread_over_the_window() {
    let drain_window = Duration::from_hours(1);
    let server = Server::engine_with(Config { drain_window, ..calm(engine_config()) }).await;
    let mut sockets = [server.websocket().await, server.websocket().await];
    server.stop();
    until("one end", || server.metrics.closes(hub::CloseReason::ShuttingDown) == 1).await;
    let mut alive = 0;
    for socket in &mut sockets {
        socket.try_send("4still here").await;
        match socket.next().await {
            Said::Text(text) => {
                assert_eq!(text, "4still here");
                alive += 1;
            }
            end => assert_eq!(end, Said::Closed(Some(1001))),
        }
    }
    assert_eq!(alive, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_opens_while_it_ends() {
    let drain_window = Duration::from_hours(1);
    let server = Server::engine_with(Config { drain_window, ..calm(engine_config()) }).await;
    let _sockets = [server.websocket().await, server.websocket().await];
    // Two requests over one connection: the second comes after the listener has gone.
    let mut stream = server.http().send("GET", "/", &[], b"").await;
    assert_eq!(read_reply(&mut stream).await.status, 404);
    server.stop();
    until("one end", || server.metrics.closes(hub::CloseReason::ShuttingDown) == 1).await;
    let request = b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.expect("written");
    let reply = read_reply(&mut stream).await;
    assert_eq!((reply.status, reply.header("connection")), (503, Some("close")));
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_holds_nobody_up() {
    let close_timeout = Duration::from_millis(50);
    let server = Server::engine_with(Config {
        close_timeout,
        drain_window: Duration::ZERO,
        max_payload: 16_000_000,
        ..calm(engine_config())
    })
    .await;
    let mut socket = server.websocket().await;
    socket.send(&format!("4{}", "x".repeat(12_000_000))).await;
    until("the echo to begin", || server.hub_metric("written_bytes_total") > 1000).await;
    server.end().await;
}

/// A site that answers when it is allowed to.
struct SlowSite {
    asked: Arc<Semaphore>,
    allowed: Arc<Semaphore>,
}

impl Site for SlowSite {
    fn respond(
        &self,
        _request: Request<Incoming>,
        _peer: Option<std::net::IpAddr>,
    ) -> BoxFuture<Response<SiteBody>> {
        self.asked.add_permits(1);
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            allowed.acquire().await.expect("open").forget();
            Response::new(site_body(Full::new(Bytes::from_static(b"done"))))
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_answered() {
    let (asked, allowed) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let site = SlowSite { asked: Arc::clone(&asked), allowed: Arc::clone(&allowed) };
    let site = Arc::new(site);
    let server = Server::start(config(), site, |_, _| Arc::new(EchoEngine)).await;
    let mut stream = server.http().send("GET", "/slow", &[], b"").await;
    asked.acquire().await.expect("open").forget();
    server.stop();
    allowed.add_permits(1);
    let reply = read_reply(&mut stream).await;
    assert_eq!((reply.status, reply.text()), (200, "done"));
    server.end().await;
}

/// Takes its time to open a session.
struct Hesitant {
    asked: Arc<Semaphore>,
    allowed: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
}

impl EngineApplication for Hesitant {
    fn open(&self, session: &Arc<Session>) -> Arc<dyn EngineSession> {
        self.asked.add_permits(1);
        self.allowed.lock().expect("whole").recv().expect("allowed");
        EchoEngine.open(session)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_opens_at_the_last_moment_is_closed_too() {
    let asked = Arc::new(Semaphore::new(0));
    let (allow, allowed) = std::sync::mpsc::channel();
    let hesitant = Hesitant { asked: Arc::clone(&asked), allowed: allowed.into() };
    let site = Arc::new(NoSite);
    let server = Server::start(config(), site, |_, _| Arc::new(hesitant)).await;
    let target = "/socket.io/?EIO=4&transport=polling";
    let mut stream = server.http().send("GET", target, &[], b"").await;
    asked.acquire().await.expect("open").forget();
    server.stop();
    let refuses = async { while tokio::net::TcpStream::connect(server.address).await.is_ok() {} };
    soon("the end of listening", refuses).await;
    allow.send(()).expect("waited for");
    assert_eq!(read_reply(&mut stream).await.status, 200);
    until("its end", || server.metrics.closes(hub::CloseReason::ShuttingDown) == 1).await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_is_answered_and_what_is_asked_later_is_not_begun() {
    let (asked, allowed) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (ask, allow) = (Arc::clone(&asked), Arc::clone(&allowed));
    let (script, _seen) = Script::new();
    let script = script.on_event(move |_, event| {
        ask.add_permits(1);
        let allow = Arc::clone(&allow);
        Some(Box::pin(async move {
            allow.acquire().await.expect("open").forget();
            event.ack.expect("one to answer").send(&["\"done\""]);
        }))
    });
    let answer_timeout = Duration::from_hours(1);
    let server = Server::socket_with(Config { answer_timeout, ..config() }, script).await;
    let mut websocket = server.websocket().await;
    websocket.send("40").await;
    assert!(websocket.message().await.starts_with("40{"));
    websocket.send(r#"421["slow"]"#).await;
    asked.acquire().await.expect("open").forget();
    let refuses = async { while tokio::net::TcpStream::connect(server.address).await.is_ok() {} };
    server.stop();
    soon("the end of listening", refuses).await;
    until("its turn", || server.metrics.draining() == 1).await;
    let before = server.metrics.packets_received();
    websocket.send(r#"422["late"]"#).await;
    until("the late one", || server.metrics.packets_received() > before).await;
    allowed.add_permits(2);
    assert_eq!(websocket.message().await, r#"431["done"]"#);
    assert_eq!(websocket.next().await, Said::Closed(Some(1001)));
    assert_eq!(asked.available_permits(), 0);
    drop(websocket);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_takes_too_long_holds_nobody_up() {
    let (script, _seen) = Script::new();
    let script = script.on_event(|_, _| Some(Box::pin(std::future::pending())));
    let answer_timeout = Duration::from_millis(20);
    let server = Server::socket_with(Config { answer_timeout, ..config() }, script).await;
    let mut websocket = server.websocket().await;
    websocket.send("40").await;
    assert!(websocket.message().await.starts_with("40{"));
    websocket.send(r#"421["never"]"#).await;
    until("the event", || server.metrics.packets_received() >= 2).await;
    server.stop();
    assert_eq!(websocket.next().await, Said::Closed(Some(1001)));
    server.served().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_between_two_polls_can_fetch_the_last_words() {
    let server = Server::engine_with(Config {
        drain_window: Duration::ZERO,
        close_timeout: Duration::from_hours(1),
        drain_timeout: Duration::from_hours(1),
        ..calm(engine_config())
    })
    .await;
    let session = server.poll().await;
    session.post("4last").await.expect("200");
    // Its connection was there before.
    let mut stream = server.http().send("GET", "/", &[], b"").await;
    assert_eq!(read_reply(&mut stream).await.status, 404);
    server.stop();
    until("its end", || server.metrics.closes(hub::CloseReason::ShuttingDown) == 1).await;
    let request = format!("GET {} HTTP/1.1\r\nHost: test\r\n\r\n", session.target);
    // Never both at once: clients handle an end before the events in front of it.
    for word in ["4last", "1"] {
        let request = request.as_bytes();
        tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.expect("written");
        let reply = read_reply(&mut stream).await;
        assert_eq!((reply.status, reply.text()), (200, word));
        // Whoever is told of the end has no reason to come back here.
        let connection = (word == "1").then_some("close");
        assert_eq!(reply.header("connection"), connection);
    }
    server.end().await;
}
