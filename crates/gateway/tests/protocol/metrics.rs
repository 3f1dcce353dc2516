//! What an operator sees.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::shared::upgrade;
use crate::support::{Server, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_counted() {
    let server = Server::socket().await;
    let mut registry = Registry::default();
    server.metrics.register(&mut registry);
    let session = server.poll().await;
    session.post("40").await.expect("200");
    session.get().await.expect("200");
    let mut socket = upgrade(&server, &session.sid).await;
    socket.ping(b"").await;
    let polling = server.poll().await;
    polling.post("abc").await.expect("200");
    until("the end", || polling_sessions(&server) == 0).await;
    assert_eq!(polling.get().await, Err(400));
    let mut text = String::new();
    encode(&mut text, &registry).expect("encoded");
    let expected = [
        "gateway_sessions{transport=\"websocket\"} 1",
        "gateway_sessions{transport=\"polling\"} 0",
        "gateway_sockets{namespace=\"/\"} 1",
        "gateway_handshakes_total 2",
        "gateway_rejections_total{code=\"1\"} 1",
        "gateway_upgrades_total{outcome=\"switched\"} 1",
        "gateway_closes_total{reason=\"parse error\"} 1",
        "gateway_packets_received_total 1",
        "gateway_poll_packets_sent_total 2",
    ];
    for line in expected {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

fn polling_sessions(server: &Server) -> i64 {
    server.metrics.sessions(wire::engine::Transport::Polling)
}
