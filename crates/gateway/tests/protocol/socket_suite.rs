//! The 32 cases of the public Socket.IO v5 suite, in its order.

use serde_json::Value;

use crate::applications::{EchoSocket, socket_config};
use crate::shared::{self, NO_TRANSPORT, NO_VERSION, upgrade};
use crate::support::{Said, Server, WebSocket, patient, until};

/// A WebSocket that has joined the main namespace and read its `auth`.
async fn joined(server: &Server) -> WebSocket {
    let mut socket = server.websocket().await;
    join(&mut socket, "40", "40", r#"42["auth",{}]"#).await;
    socket
}

/// Joins a namespace; the CONNECT answer must have a `sid` and nothing else.
async fn join(socket: &mut WebSocket, connect: &str, prefix: &str, auth: &str) {
    socket.send(connect).await;
    let answer = socket.message().await;
    let json = answer.strip_prefix(prefix).expect("a CONNECT answer");
    let answer: Value = serde_json::from_str(json).expect("JSON");
    let answer = answer.as_object().expect("an object");
    assert_eq!(answer.keys().collect::<Vec<_>>(), ["sid"]);
    assert_eq!(answer["sid"].as_str().map(str::len), Some(20));
    assert_eq!(socket.message().await, auth);
}

/// What is sent breaks a rule.
async fn ends_with(server: &Server, packet: &str) {
    let mut socket = joined(server).await;
    socket.send(packet).await;
    assert!(matches!(socket.next().await, Said::Closed(_)), "{packet}");
}

/// Pings as the suite wants them, and waits longer for pongs: a busy machine is no failure.
async fn patient_server() -> Server {
    Server::socket_with(patient(socket_config()), EchoSocket).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_01_polling_opens_with_exactly_five_keys() {
    shared::polling_handshake(&Server::socket_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_polling_with_another_version_is_refused() {
    shared::polling_with_queries(&Server::socket().await, &NO_VERSION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_03_polling_with_an_unknown_transport_is_refused() {
    shared::polling_with_queries(&Server::socket().await, &NO_TRANSPORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_04_other_methods_open_no_session() {
    shared::polling_with_other_methods(&Server::socket().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_05_websocket_opens_without_upgrades() {
    shared::websocket_handshake(&Server::socket_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_06_websocket_with_another_version_is_refused() {
    shared::websocket_with_queries(&Server::socket().await, &NO_VERSION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_07_websocket_with_an_unknown_transport_is_refused() {
    shared::websocket_with_queries(&Server::socket().await, &NO_TRANSPORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_08_polling_answers_pings() {
    shared::polling_heartbeat(&patient_server().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_09_polling_without_pongs_ends() {
    shared::polling_without_pongs(&Server::socket_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_10_websocket_answers_pings() {
    shared::websocket_heartbeat(&patient_server().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_11_websocket_without_pongs_ends() {
    shared::websocket_without_pongs(&Server::socket_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_12_a_closing_post_ends_the_pending_poll_with_a_noop() {
    shared::polling_close(&Server::socket().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_13_a_close_packet_ends_the_websocket() {
    shared::websocket_close(&Server::socket().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_14_a_session_moves_from_polling_to_websocket() {
    let server = Server::socket().await;
    let session = server.poll().await;
    let mut socket = upgrade(&server, &session.sid).await;
    join(&mut socket, "40", "40", r#"42["auth",{}]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_15_polls_after_the_upgrade_are_refused_and_harm_nothing() {
    let server = Server::socket().await;
    let session = server.poll().await;
    let mut socket = upgrade(&server, &session.sid).await;
    let upgraded = || server.metrics.sessions(wire::engine::Transport::WebSocket) == 1;
    until("the switch", upgraded).await;
    assert_eq!(session.get().await, Err(400));
    join(&mut socket, "40", "40", r#"42["auth",{}]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_16_a_second_websocket_is_closed_and_harms_nothing() {
    let server = Server::socket().await;
    let session = server.poll().await;
    let mut socket = upgrade(&server, &session.sid).await;
    let mut second = server.websocket_at(&session.upgrade()).await;
    assert!(matches!(second.next().await, Said::Closed(_)));
    join(&mut socket, "40", "40", r#"42["auth",{}]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_17_the_main_namespace_is_joined() {
    let server = Server::socket().await;
    let mut socket = server.websocket().await;
    join(&mut socket, "40", "40", r#"42["auth",{}]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_18_the_main_namespace_is_joined_with_a_payload() {
    let server = Server::socket().await;
    let mut socket = server.websocket().await;
    join(&mut socket, r#"40{"token":"123"}"#, "40", r#"42["auth",{"token":"123"}]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_19_another_namespace_is_joined() {
    let server = Server::socket().await;
    let mut socket = server.websocket().await;
    join(&mut socket, "40/custom,", "40/custom,", r#"42/custom,["auth",{}]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_20_another_namespace_is_joined_with_a_payload() {
    let server = Server::socket().await;
    let mut socket = server.websocket().await;
    let connect = r#"40/custom,{"token":"abc"}"#;
    join(&mut socket, connect, "40/custom,", r#"42/custom,["auth",{"token":"abc"}]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_21_an_unknown_namespace_is_refused() {
    let server = Server::socket().await;
    let mut socket = server.websocket().await;
    socket.send("40/random").await;
    assert_eq!(socket.message().await, r#"44/random,{"message":"Invalid namespace"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_22_a_bad_packet_in_place_of_connect_ends_the_session() {
    let server = Server::socket().await;
    let mut socket = server.websocket().await;
    socket.send("4abc").await;
    assert!(matches!(socket.next().await, Said::Closed(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_23_a_session_that_joins_nothing_ends() {
    let server = Server::socket_suite().await;
    let mut socket = server.websocket().await;
    socket.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_24_leaving_the_main_namespace_keeps_the_session() {
    let server = patient_server().await;
    let mut socket = joined(&server).await;
    socket.send("41").await;
    assert_eq!(socket.text().await, "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_25_leaving_another_namespace_keeps_the_main_one() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    join(&mut socket, "40/custom", "40/custom,", r#"42/custom,["auth",{}]"#).await;
    socket.send("41/custom").await;
    socket.send(r#"42["message","message to main namespace"]"#).await;
    let back = r#"42["message-back","message to main namespace"]"#;
    assert_eq!(socket.message().await, back);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_26_an_event_comes_back_byte_for_byte() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    socket.send(r#"42["message",1,"2",{"3":[true]}]"#).await;
    assert_eq!(socket.message().await, r#"42["message-back",1,"2",{"3":[true]}]"#);
}

const TWO: &str = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_27_an_event_with_binary_comes_back_byte_for_byte() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    socket.send(&format!(r#"452-["message",{TWO}]"#)).await;
    socket.send_binary(&[1, 2, 3]).await;
    socket.send_binary(&[4, 5, 6]).await;
    assert_eq!(socket.message().await, format!(r#"452-["message-back",{TWO}]"#));
    // Nothing stands between a packet and its attachments, not even a ping.
    assert_eq!(socket.next().await, Said::Binary(vec![1, 2, 3]));
    assert_eq!(socket.next().await, Said::Binary(vec![4, 5, 6]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_28_an_event_is_acknowledged() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    socket.send(r#"42456["message-with-ack",1,"2",{"3":[false]}]"#).await;
    assert_eq!(socket.message().await, r#"43456[1,"2",{"3":[false]}]"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_29_an_event_is_acknowledged_with_binary() {
    let server = Server::socket().await;
    let mut socket = joined(&server).await;
    socket.send(&format!(r#"452-789["message-with-ack",{TWO}]"#)).await;
    socket.send_binary(&[1, 2, 3]).await;
    socket.send_binary(&[4, 5, 6]).await;
    assert_eq!(socket.message().await, format!("462-789[{TWO}]"));
    assert_eq!(socket.next().await, Said::Binary(vec![1, 2, 3]));
    assert_eq!(socket.next().await, Said::Binary(vec![4, 5, 6]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_30_an_unknown_packet_type_ends_the_session() {
    ends_with(&Server::socket().await, "4abc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_31_an_event_that_is_no_array_ends_the_session() {
    ends_with(&Server::socket().await, "42{}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_32_an_event_with_garbage_before_it_ends_the_session() {
    ends_with(&Server::socket().await, r#"42abc["message-with-ack",1,"2"]"#).await;
}
