//! The 25 cases of the public Engine.IO v4 suite, in its order.

use crate::applications::engine_config;
use crate::shared::{self, NO_TRANSPORT, NO_VERSION, upgrade};
use crate::support::{Said, Server, patient, until};

/// Pings as the suite wants them, and waits longer for pongs: a busy machine is no failure.
async fn patient_server() -> Server {
    Server::engine_with(patient(engine_config())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_01_polling_opens_with_exactly_five_keys() {
    shared::polling_handshake(&Server::engine_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_polling_with_another_version_is_refused() {
    shared::polling_with_queries(&Server::engine().await, &NO_VERSION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_03_polling_with_an_unknown_transport_is_refused() {
    shared::polling_with_queries(&Server::engine().await, &NO_TRANSPORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_04_other_methods_open_no_session() {
    shared::polling_with_other_methods(&Server::engine().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_05_websocket_opens_without_upgrades() {
    shared::websocket_handshake(&Server::engine_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_06_websocket_with_another_version_is_refused() {
    shared::websocket_with_queries(&Server::engine().await, &NO_VERSION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_07_websocket_with_an_unknown_transport_is_refused() {
    shared::websocket_with_queries(&Server::engine().await, &NO_TRANSPORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_08_polling_sends_and_receives_a_text() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("4hello").await, Ok("ok".to_owned()));
    assert_eq!(session.get().await, Ok("4hello".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_09_what_one_post_causes_comes_in_one_poll() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("4test1\x1e4test2\x1e4test3").await, Ok("ok".to_owned()));
    assert_eq!(session.get().await, Ok("4test1\x1e4test2\x1e4test3".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_10_polling_carries_text_and_binary_in_one_payload() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("4hello\x1ebAQIDBA==").await, Ok("ok".to_owned()));
    assert_eq!(session.get().await, Ok("4hello\x1ebAQIDBA==".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_11_a_bad_packet_over_polling_ends_the_session() {
    let server = Server::engine().await;
    let session = server.poll().await;
    assert_eq!(session.post("abc").await, Ok("ok".to_owned()));
    assert_eq!(session.get().await, Err(400));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_12_two_polls_at_once_end_the_session() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let (first, second) = (session.begin().await, session.begin().await);
    let mut replies = Vec::new();
    for mut stream in [first, second] {
        let reply = crate::support::read_reply(&mut stream).await;
        replies.push(reply.ok());
    }
    // Whichever came first: nothing orders two connections.
    replies.sort();
    assert_eq!(replies, [Ok("1".to_owned()), Err(400)]);
    assert_eq!(session.get().await, Err(400));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_13_a_poll_right_after_an_aborted_one_is_refused() {
    let server = Server::engine().await;
    let session = server.poll().await;
    drop(session.pending().await);
    assert_eq!(session.get().await, Err(400));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_14_websocket_sends_and_receives_a_text() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_15_websocket_sends_and_receives_binary() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    socket.send_binary(&[1, 2, 3, 4]).await;
    assert_eq!(socket.binary().await, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_16_a_bad_packet_over_websocket_ends_the_session() {
    let server = Server::engine().await;
    let mut socket = server.websocket().await;
    socket.send("abc").await;
    assert!(matches!(socket.next().await, Said::Closed(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_17_polling_answers_pings() {
    shared::polling_heartbeat(&patient_server().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_18_polling_without_pongs_ends() {
    shared::polling_without_pongs(&Server::engine_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_19_websocket_answers_pings() {
    shared::websocket_heartbeat(&patient_server().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_20_websocket_without_pongs_ends() {
    shared::websocket_without_pongs(&Server::engine_suite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_21_a_closing_post_ends_the_pending_poll_with_a_noop() {
    shared::polling_close(&Server::engine().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_22_a_close_packet_ends_the_websocket() {
    shared::websocket_close(&Server::engine().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_23_a_session_moves_from_polling_to_websocket() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut socket = server.websocket_at(&session.upgrade()).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    assert_eq!(session.get().await, Ok("6".to_owned()));
    socket.send("5").await;
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_24_polls_after_the_upgrade_are_refused_and_harm_nothing() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut socket = upgrade(&server, &session.sid).await;
    let upgraded = || server.metrics.sessions(wire::engine::Transport::WebSocket) == 1;
    until("the switch", upgraded).await;
    assert_eq!(session.get().await, Err(400));
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_25_a_second_websocket_is_closed_and_harms_nothing() {
    let server = Server::engine().await;
    let session = server.poll().await;
    let mut socket = upgrade(&server, &session.sid).await;
    let mut second = server.websocket_at(&session.upgrade()).await;
    assert!(matches!(second.next().await, Said::Closed(_)));
    socket.send("4hello").await;
    assert_eq!(socket.message().await, "4hello");
}
