//! Too many events at once, and events that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gateway::Config;
use hub::CloseReason;
use tokio::sync::Semaphore;

use super::{config, described, joined, joined_polling, scripted, scripted_with};
use crate::support::{NO_CODE, Said, Script, Seen, Server, until};

/// Events that wait for permits, and how many have begun.
#[derive(Clone)]
struct Slow {
    gate: Arc<Semaphore>,
    begun: Arc<AtomicUsize>,
}

impl Slow {
    fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), begun: Arc::default() }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn script(&self, script: Script) -> Script {
        let slow = self.clone();
        script.on_event(move |_, event| {
            let (data, _) = described(&event);
            let number = slow.begun.fetch_add(1, Ordering::SeqCst);
            assert_eq!(data, format!("[\"x\",{number}]"), "the order of arrival");
            let gate = Arc::clone(&slow.gate);
            Some(Box::pin(async move {
                gate.acquire().await.expect("open").forget();
                if let Some(ack) = event.ack {
                    ack.send(&[]);
                }
            }))
        })
    }
}

async fn slow_server(slow: &Slow, config: Config) -> (Server, Seen) {
    scripted_with(Config { commands_max: 2, ..config }, |script| slow.script(script)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_isnt_read_while_too_many_events_run() {
    let slow = Slow::new();
    let (server, _seen) = slow_server(&slow, config()).await;
    let mut client = joined(&server).await;
    for number in 0..10 {
        client.send(&format!("42{number}[\"x\",{number}]")).await;
    }
    until("two events", || slow.begun() == 2).await;
    // Another session isn't concerned, and by its answer the first has had its chance.
    server.is_healthy().await;
    assert_eq!(slow.begun(), 2);
    let mut answers = Vec::new();
    for number in 0..10 {
        slow.gate.add_permits(1);
        answers.push(client.message().await);
        assert!(slow.begun() <= number + 3);
    }
    // Two run at once: which of them ends first is nobody's promise.
    answers.sort();
    assert_eq!(answers, (0..10).map(|number| format!("43{number}[]")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_waits_while_too_many_events_run() {
    let slow = Slow::new();
    let (server, _seen) = slow_server(&slow, config()).await;
    let client = joined_polling(&server).await;
    let body: Vec<String> = (0..5).map(|number| format!("42[\"x\",{number}]")).collect();
    let mut post =
        server.http().send("POST", &client.target, &[], body.join("\x1e").as_bytes()).await;
    until("two events", || slow.begun() == 2).await;
    server.is_healthy().await;
    assert_eq!(slow.begun(), 2);
    slow.gate.add_permits(4);
    let reply = crate::support::read_reply(&mut post).await;
    assert_eq!(reply.ok(), Ok("ok".to_owned()));
    assert_eq!(slow.begun(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_isnt_read_misses_no_pong() {
    let slow = Slow::new();
    let pings = Config { ping_interval: Duration::from_millis(500), ..config() };
    let pings = Config { ping_timeout: Duration::from_millis(500), ..pings };
    let (server, mut seen) = slow_server(&slow, pings).await;
    let mut client = server.websocket().await;
    client.send("40").await;
    while !client.message().await.starts_with("40") {}
    client.send("42[\"x\",0]").await;
    client.send("42[\"x\",1]").await;
    until("two events", || slow.begun() == 2).await;
    // The pong of this ping lies unread for much longer than it may take.
    assert_eq!(client.text().await, "2");
    client.send("3").await;
    for _ in 0..3 {
        // Others, who answer nothing, come to their ends meanwhile.
        server.websocket().await.closed().await;
    }
    seen.nobody_left();
    slow.gate.add_permits(2);
    client.send("42[\"here\"]").await;
    seen.socket().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_may_end_while_it_isnt_read() {
    let slow = Slow::new();
    let (server, mut seen) = slow_server(&slow, config()).await;
    let mut client = joined(&server).await;
    let polling = joined_polling(&server).await;
    for number in 0..4 {
        client.send(&format!("42[\"x\",{number}]")).await;
    }
    until("two events", || slow.begun() == 2).await;
    drop(polling.begin().await);
    assert_eq!(seen.left().await.1, CloseReason::TransportError);
    server.stop();
    assert_eq!(client.closed().await, Some(1001));
    assert_eq!(seen.left().await.1, CloseReason::ShuttingDown);
    slow.gate.add_permits(10);
    server.end().await;
    assert_eq!(slow.begun(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_its_own_session_only() {
    let (server, mut seen) = scripted(|script| {
        script
            .on_connect(|request| {
                assert_ne!(&*request.namespace, "/panics", "on purpose");
                Box::pin(async move {
                    assert_ne!(&*request.namespace, "/panics-later", "on purpose");
                    Ok(crate::support::accepted(Vec::new()))
                })
            })
            .on_event(|_, event| {
                assert_ne!(event.args().name, "panic", "on purpose");
                Some(Box::pin(async { panic!("on purpose") }))
            })
    })
    .await;
    let mut bystander = joined(&server).await;
    for packet in ["42[\"panic\"]", "42[\"panic later\"]", "40/panics,", "40/panics-later,"] {
        let mut client = joined(&server).await;
        client.send(packet).await;
        let end = client.next().await;
        assert!(matches!(end, Said::Closed(Some(1011) | None)), "{packet} gave {end:?}");
        assert_eq!(seen.left().await.1, CloseReason::Internal, "{packet}");

        let client = joined_polling(&server).await;
        // The connection of a POST whose event panics is lost with it.
        drop(server.http().send("POST", &client.target, &[], packet.as_bytes()).await);
        assert_eq!(seen.left().await.1, CloseReason::Internal, "{packet} over polling");
    }
    bystander.send("42[\"here\"]").await;
    seen.socket().await;
    server.is_healthy().await;
    bystander.send("1").await;
    assert_eq!(bystander.next().await, Said::Closed(Some(NO_CODE)));
}
