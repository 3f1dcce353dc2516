//! Socket.IO's rules beyond the suite, over both transports.

mod acks;
mod backpressure;
mod disconnect;
mod join;
mod rules;

use bytes::Bytes;
use gateway::{Config, Event};

use crate::applications::socket_config;
use crate::support::{Script, Seen, Server, Session, WebSocket, calm};

pub(crate) fn config() -> Config {
    calm(socket_config())
}

/// A server with a script, and what the script sees.
pub(crate) async fn scripted(change: impl FnOnce(Script) -> Script) -> (Server, Seen) {
    scripted_with(config(), change).await
}

pub(crate) async fn scripted_with(
    config: Config,
    change: impl FnOnce(Script) -> Script,
) -> (Server, Seen) {
    let (script, seen) = Script::new();
    (Server::socket_with(config, change(script)).await, seen)
}

/// A WebSocket in the main namespace.
pub(crate) async fn joined(server: &Server) -> WebSocket {
    let mut socket = server.websocket().await;
    join(&mut socket, "").await;
    socket
}

/// Joins a namespace (`/custom,`; empty for the main one).
pub(crate) async fn join(socket: &mut WebSocket, namespace: &str) {
    socket.send(&format!("40{namespace}")).await;
    let answer = socket.message().await;
    assert!(answer.starts_with(&format!("40{namespace}{{\"sid\":\"")), "{answer}");
}

/// A polling session in the main namespace.
pub(crate) async fn joined_polling(server: &Server) -> Session {
    let session = server.poll().await;
    session.post("40").await.expect("200");
    let answer = session.get().await.expect("200");
    assert!(answer.starts_with("40{\"sid\":\""), "{answer}");
    session
}

/// An event as a test compares it.
pub(crate) fn described(event: &Event) -> (String, Vec<Bytes>) {
    (event.data().to_owned(), event.attachments.clone())
}
