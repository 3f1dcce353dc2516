//! Joining a namespace: what the application decides, and when the answer goes out.

use std::sync::Arc;
use std::time::Duration;

use gateway::{Accepted, Config, Refused, SocketId};
use hub::{Class, CloseReason, Publication, Topic};
use tokio::sync::Semaphore;
use wire::socket;

use super::{config, join, joined, scripted, scripted_with};
use crate::support::{NO_CODE, Said, accepted, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_why_and_the_session_goes_on() {
    let (server, _seen) = scripted(|script| {
        script.on_connect(|request| {
            Box::pin(async move {
                if &*request.namespace != "/" {
                    return Ok(accepted(Vec::new()));
                }
                let data = Some(r#"{"code":1}"#.to_owned());
                Err(Refused::Error { message: "not authorized".to_owned(), data })
            })
        })
    })
    .await;
    let mut socket = server.websocket().await;
    socket.send("40").await;
    let refusal = r#"44{"message":"not authorized","data":{"code":1}}"#;
    assert_eq!(socket.message().await, refusal);
    until("the hub to forget it", || server.hub_metric("sockets") == 0).await;
    // Another try is no second CONNECT.
    socket.send("40").await;
    assert_eq!(socket.message().await, refusal);
    join(&mut socket, "/custom,").await;
    // Not joined: an event there breaks a rule.
    socket.send("42[\"x\"]").await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_application_may_close_the_transport_instead() {
    let (server, mut seen) = scripted(|script| {
        script.on_connect(|_| Box::pin(async { Err(Refused::Close(CloseReason::Unavailable)) }))
    })
    .await;
    let mut socket = server.websocket().await;
    socket.send("40").await;
    assert_eq!(socket.next().await, Said::Closed(Some(1013)));
    until("the end", || server.metrics.closes(CloseReason::Unavailable) == 1).await;
    seen.nobody_left();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_application_sees_who_asks_and_chooses_the_answer() {
    let (server, _seen) = scripted(|script| {
        script.on_connect(|request| {
            Box::pin(async move {
                assert_eq!(request.sid.as_str().len(), 20);
                let shade = request.handshake.query("shade").expect("a query").into_owned();
                let auth = request.auth.as_deref().unwrap_or("none").to_owned();
                let hello = socket::event("/", "hello", &[&auth, &format!("{shade:?}")]);
                Ok(Accepted {
                    sid: SocketId::parse("earlier-socket-id-20"),
                    pid: Some("private".into()),
                    first: vec![hello, socket::event("/", "second", &[])],
                    missed: None,
                    state: Box::new(()),
                })
            })
        })
    })
    .await;
    let query = "?EIO=4&transport=websocket&shade=deep%20blue";
    let mut socket = server.websocket_at(query).await;
    assert!(socket.text().await.starts_with('0'));
    socket.send(r#"40{"b":1,"a":2}"#).await;
    let answer = r#"40{"sid":"earlier-socket-id-20","pid":"private"}"#;
    assert_eq!(socket.message().await, answer);
    assert_eq!(socket.message().await, r#"42["hello",{"b":1,"a":2},"deep blue"]"#);
    assert_eq!(socket.message().await, r#"42["second"]"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_is_paced_and_goes_before_what_is_live() {
    const MISSED: usize = 400;
    let (keys, mut entered) = tokio::sync::mpsc::channel(1);
    let (server, mut seen) = scripted(move |script| {
        script.on_connect(move |request| {
            let keys = keys.clone();
            Box::pin(async move {
                keys.send(request.key).await.expect("the test listens");
                // More than an outbox holds, and than the kernel takes by itself.
                let padding = format!("\"{}\"", "x".repeat(40_000));
                let missed = (0..MISSED)
                    .map(move |n| socket::event("/", "missed", &[&n.to_string(), &padding]));
                let first = vec![socket::event("/", "first", &[])];
                Ok(Accepted { missed: Some(Box::new(missed)), ..accepted(first) })
            })
        })
    })
    .await;
    let mut client = server.websocket().await;
    client.send("40").await;
    let key = entered.recv().await.expect("a key");
    server.hub.enter(key, Topic(7)).await;
    let frame = socket::event("/", "live", &[]);
    server.hub.publish(vec![Publication { topic: Topic(7), frame, class: Class::Lasting }]).await;
    assert!(client.message().await.starts_with("40"));
    assert_eq!(client.message().await, "42[\"first\"]");
    for number in 0..MISSED {
        let message = client.message().await;
        assert!(message.starts_with(&format!("42[\"missed\",{number},")), "{}", &message[..40]);
    }
    assert_eq!(client.message().await, "42[\"live\"]");
    seen.nobody_left();
}

/// Connects wait for the permits that the test gives.
fn gate() -> (Arc<Semaphore>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    (Arc::clone(&gate), gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_topic_gets_while_joining_comes_behind_the_answer() {
    let (gate, opened) = gate();
    let (keys, mut entered) = tokio::sync::mpsc::channel(1);
    let (server, _seen) = scripted(move |script| {
        script.on_connect(move |request| {
            let (gate, keys) = (Arc::clone(&gate), keys.clone());
            Box::pin(async move {
                keys.send(request.key).await.expect("the test listens");
                gate.acquire().await.expect("open").forget();
                Ok(accepted(vec![socket::event("/", "first", &[])]))
            })
        })
    })
    .await;
    let mut client = server.websocket().await;
    client.send("40").await;
    let key = entered.recv().await.expect("a key");
    server.hub.enter(key, Topic(7)).await;
    let publish = |name| {
        let frame = socket::event("/", name, &[]);
        vec![Publication { topic: Topic(7), frame, class: Class::Lasting }]
    };
    server.hub.publish(publish("early")).await;
    opened.add_permits(1);
    assert!(client.message().await.starts_with("40{"));
    server.hub.publish(publish("late")).await;
    for name in ["first", "early", "late"] {
        assert_eq!(client.message().await, format!("42[{name:?}]"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_namespaces_go_on_while_one_is_joining() {
    let (gate, opened) = gate();
    let (server, _seen) = scripted(move |script| {
        script
            .on_connect(move |request| {
                let gate = Arc::clone(&gate);
                Box::pin(async move {
                    if &*request.namespace == "/slow" {
                        gate.acquire().await.expect("open").forget();
                    }
                    Ok(accepted(Vec::new()))
                })
            })
            .on_event(|socket, event| {
                let back = socket::event(socket.namespace(), "back", event.args().texts());
                socket.connection().send(&back, Class::Lasting);
                None
            })
    })
    .await;
    let mut socket = server.websocket().await;
    socket.send("40/slow,").await;
    join(&mut socket, "").await;
    socket.send("42[\"x\",1]").await;
    assert_eq!(socket.message().await, "42[\"back\",1]");
    opened.add_permits(1);
    assert!(socket.message().await.starts_with("40/slow,{"));
    socket.send("42/slow,[\"x\",2]").await;
    assert_eq!(socket.message().await, "42/slow,[\"back\",2]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_connect_while_joining_ends_the_session() {
    let (gate, opened) = gate();
    let (server, mut seen) = scripted(move |script| {
        script.on_connect(move |_| {
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.acquire().await.expect("open").forget();
                Ok(accepted(Vec::new()))
            })
        })
    })
    .await;
    let mut socket = server.websocket().await;
    socket.send("40").await;
    socket.send("40").await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
    // The application accepted somebody who had left: it hears that he left.
    opened.add_permits(1);
    let left = seen.left().await;
    assert_eq!(left, ("/".to_owned(), CloseReason::ForcedServerClose));
    assert_eq!(server.metrics.sockets("/"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_before_the_answer_ends_the_session() {
    let (gate, _opened) = gate();
    let (server, _seen) = scripted(move |script| {
        script.on_connect(move |_| {
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.acquire().await.expect("open").forget();
                Ok(accepted(Vec::new()))
            })
        })
    })
    .await;
    let mut socket = server.websocket().await;
    socket.send("40").await;
    socket.send("42[\"x\"]").await;
    assert_eq!(socket.next().await, Said::Closed(Some(NO_CODE)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_successful_join_ends_the_connect_timeout() {
    let connect_timeout = Duration::from_secs(2);
    let (server, mut seen) = scripted_with(Config { connect_timeout, ..config() }, |script| {
        script.on_connect(|request| {
            Box::pin(async move {
                match &*request.namespace {
                    "/" => Ok(accepted(Vec::new())),
                    _ => Err(Refused::invalid_namespace()),
                }
            })
        })
    })
    .await;
    let mut staying = joined(&server).await;
    let mut leaving = joined(&server).await;
    leaving.send("41").await;
    assert_eq!(seen.left().await, ("/".to_owned(), CloseReason::ClientDisconnect));
    let mut refused = server.websocket().await;
    refused.send("40/nowhere,").await;
    assert!(refused.message().await.starts_with("44/nowhere,"));
    assert_eq!(refused.next().await, Said::Closed(Some(NO_CODE)));
    assert_eq!(server.metrics.closes(CloseReason::ConnectTimeout), 1);
    // Both have joined once; that was before the other's time was over.
    staying.ping(b"here").await;
    leaving.ping(b"here").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_of_a_session_are_limited() {
    let (server, _seen) =
        scripted_with(Config { namespaces_max: 2, ..config() }, |script| script).await;
    let mut socket = joined(&server).await;
    join(&mut socket, "/a,").await;
    socket.send("40/b,").await;
    assert_eq!(socket.message().await, r#"44/b,{"message":"Too many namespaces"}"#);
    socket.send("41/a,").await;
    join(&mut socket, "/b,").await;
}
