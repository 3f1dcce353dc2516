//! The cases that both public suites have, on whichever path.

use serde_json::Value;

use crate::support::{Said, Server, WebSocket};

fn check_open(open: &str, upgrades: &[&str]) {
    let open = open.strip_prefix('0').expect("an open packet");
    let open: Value = serde_json::from_str(open).expect("JSON");
    let object = open.as_object().expect("an object");
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(keys, ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
    assert!(object["sid"].is_string());
    assert_eq!(object["upgrades"], serde_json::json!(upgrades));
    assert_eq!(object["pingInterval"], 300);
    assert_eq!(object["pingTimeout"], 200);
    assert_eq!(object["maxPayload"], 1_000_000);
}

pub(crate) async fn polling_handshake(server: &Server) {
    let reply = server.http().get(&format!("{}?EIO=4&transport=polling", server.path)).await;
    assert_eq!(reply.status, 200);
    check_open(reply.text(), &["websocket"]);
}

pub(crate) async fn polling_with_queries(server: &Server, queries: &[&str]) {
    for query in queries {
        let reply = server.http().get(&format!("{}?{query}", server.path)).await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

pub(crate) const NO_VERSION: [&str; 2] = ["transport=polling", "EIO=abc&transport=polling"];
pub(crate) const NO_TRANSPORT: [&str; 2] = ["EIO=4", "EIO=4&transport=abc"];

pub(crate) async fn polling_with_other_methods(server: &Server) {
    for method in ["POST", "PUT"] {
        let target = format!("{}?EIO=4&transport=polling", server.path);
        let reply = server.http().request(method, &target, &[], b"").await;
        assert_eq!(reply.status, 400, "{method}");
    }
}

pub(crate) async fn websocket_handshake(server: &Server) {
    let mut socket = server.websocket_at("?EIO=4&transport=websocket").await;
    check_open(&socket.text().await, &[]);
}

pub(crate) async fn websocket_with_queries(server: &Server, queries: &[&str]) {
    for query in queries {
        let query = query.replace("polling", "websocket");
        let refused = WebSocket::connect(server, &format!("?{query}")).await;
        assert_eq!(refused.err(), Some(400), "{query}");
    }
}

pub(crate) async fn polling_heartbeat(server: &Server) {
    let session = server.poll().await;
    for _ in 0..3 {
        assert_eq!(session.get().await, Ok("2".to_owned()));
        assert_eq!(session.post("3").await, Ok("ok".to_owned()));
    }
}

/// The ping is never answered: the session ends at its timeout, which this waits for.
pub(crate) async fn polling_without_pongs(server: &Server) {
    let session = server.poll().await;
    let payloads = session.until_gone().await;
    assert_eq!(payloads, ["2", "1"]);
    assert!(session.is_gone().await);
}

pub(crate) async fn websocket_heartbeat(server: &Server) {
    let mut socket = server.websocket().await;
    for _ in 0..3 {
        assert_eq!(socket.text().await, "2");
        socket.send("3").await;
    }
}

pub(crate) async fn websocket_without_pongs(server: &Server) {
    let mut socket = server.websocket().await;
    assert_eq!(socket.text().await, "2");
    assert!(matches!(socket.next().await, Said::Closed(_)));
}

pub(crate) async fn polling_close(server: &Server) {
    let session = server.poll().await;
    let poll = session.pending().await;
    assert_eq!(session.post("1").await, Ok("ok".to_owned()));
    assert_eq!(poll.answer().await, Ok("6".to_owned()));
    assert_eq!(session.get().await, Err(400));
}

pub(crate) async fn websocket_close(server: &Server) {
    let mut socket = server.websocket().await;
    socket.send("1").await;
    socket.closed().await;
}

/// Probes and switches; the WebSocket is then the session's.
pub(crate) async fn upgrade(server: &Server, sid: &str) -> WebSocket {
    let mut socket = server.websocket_at(&format!("?EIO=4&transport=websocket&sid={sid}")).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    socket.send("5").await;
    socket
}
