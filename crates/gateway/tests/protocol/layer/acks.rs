//! Acknowledgements that the server waits for.

use bytes::Bytes;
use gateway::{Config, Reply, Socket};
use hub::CloseReason;
use std::sync::Arc;

use super::{config, joined, joined_polling, scripted, scripted_with};
use crate::support::{Said, Seen, WebSocket, soon};

async fn here(socket: &mut WebSocket, seen: &mut Seen) -> Arc<Socket> {
    socket.send("42[\"here\"]").await;
    seen.socket().await
}

fn reply(args: &str) -> Reply {
    Reply { args: args.into(), attachments: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_acknowledges_events_of_the_server() {
    let (server, mut seen) = scripted(|script| script).await;
    let mut client = joined(&server).await;
    let socket = here(&mut client, &mut seen).await;
    let first = socket.emit_with_ack("ask", &["1", "\"two\""]).await;
    let second = socket.emit_with_ack("ask", &[]).await;
    assert_eq!(client.message().await, r#"420["ask",1,"two"]"#);
    assert_eq!(client.message().await, r#"421["ask"]"#);
    client.send(r#"431["second",{"b":1,"a":2}]"#).await;
    client.send(r#"430["first"]"#).await;
    // Once is once; and a number that was never given out means nothing.
    client.send(r#"430["again"]"#).await;
    client.send(r#"437["who"]"#).await;
    let answer = soon("an acknowledgement", first).await.expect("acknowledged");
    assert_eq!(answer, reply(r#"["first"]"#));
    let answer = soon("an acknowledgement", second).await.expect("acknowledged");
    assert_eq!(answer, reply(r#"["second",{"b":1,"a":2}]"#));
    client.send("42[\"here\"]").await;
    assert_eq!(seen.socket().await.sid(), socket.sid());
}

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_events_are_acknowledged_with_binary_over_websocket() {
    let (server, mut seen) = scripted(|script| script).await;
    let mut client = joined(&server).await;
    let socket = here(&mut client, &mut seen).await;
    let attachment = vec![Bytes::from_static(&[1, 2, 3])];
    let answer = socket.emit_binary_with_ack("ask", &[PLACEHOLDER], attachment).await;
    assert_eq!(client.message().await, format!(r#"451-0["ask",{PLACEHOLDER}]"#));
    assert_eq!(client.next().await, Said::Binary(vec![1, 2, 3]));
    client.send(&format!("461-0[{PLACEHOLDER}]")).await;
    client.send_binary(&[4, 5]).await;
    let answer = soon("an acknowledgement", answer).await.expect("acknowledged");
    assert_eq!(&*answer.args, format!("[{PLACEHOLDER}]"));
    assert_eq!(answer.attachments, [Bytes::from_static(&[4, 5])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_events_are_acknowledged_with_binary_over_polling() {
    let (server, mut seen) = scripted(|script| script).await;
    let client = joined_polling(&server).await;
    client.post("42[\"here\"]").await.expect("200");
    let socket = seen.socket().await;
    let attachment = vec![Bytes::from_static(&[1, 2, 3])];
    let answer = socket.emit_binary_with_ack("ask", &[PLACEHOLDER], attachment).await;
    let asked = format!("451-0[\"ask\",{PLACEHOLDER}]\x1ebAQID");
    assert_eq!(client.get().await, Ok(asked));
    client.post(&format!("461-0[{PLACEHOLDER}]\x1ebBAU=")).await.expect("200");
    let answer = soon("an acknowledgement", answer).await.expect("acknowledged");
    assert_eq!(answer.attachments, [Bytes::from_static(&[4, 5])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_socket_that_has_left() {
    let (server, mut seen) = scripted(|script| script).await;
    let mut client = joined(&server).await;
    let socket = here(&mut client, &mut seen).await;
    let waiting = socket.emit_with_ack("ask", &[]).await;
    client.send("41").await;
    soon("the end of waiting", waiting).await.expect_err("left");
    assert_eq!(socket.left(), Some(CloseReason::ClientDisconnect));
    let too_late = socket.emit_with_ack("ask", &[]).await;
    soon("the end of waiting", too_late).await.expect_err("left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_limit_the_oldest_is_given_up() {
    let (server, mut seen) =
        scripted_with(Config { acks_max: 2, ..config() }, |script| script).await;
    let mut client = joined(&server).await;
    let socket = here(&mut client, &mut seen).await;
    let oldest = socket.emit_with_ack("ask", &[]).await;
    let second = socket.emit_with_ack("ask", &[]).await;
    let third = socket.emit_with_ack("ask", &[]).await;
    soon("the end of waiting", oldest).await.expect_err("given up");
    client.send("430[0]").await;
    client.send("431[1]").await;
    client.send("432").await;
    assert_eq!(soon("an answer", second).await.expect("acknowledged"), reply("[1]"));
    assert_eq!(soon("an answer", third).await.expect("acknowledged"), reply("[]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_acknowledges_once_and_only_the_living() {
    let (server, mut seen) = scripted(|script| {
        script.on_event(|_, mut event| {
            let ack = event.ack.take().expect("asked for");
            let wait = event.args().texts() == ["\"later\""];
            Some(Box::pin(async move {
                if wait {
                    // The socket leaves in the meantime.
                    tokio::task::yield_now().await;
                }
                ack.send(&["true"]);
            }))
        })
    })
    .await;
    let mut client = joined(&server).await;
    client.send("427[\"x\",\"now\"]").await;
    assert_eq!(client.message().await, "437[true]");
    client.send("42/,8[\"x\",\"now\"]").await;
    assert_eq!(client.message().await, "438[true]");
    let socket = here(&mut client, &mut seen).await;
    client.send("41").await;
    seen.left().await;
    assert!(socket.left().is_some());
}
