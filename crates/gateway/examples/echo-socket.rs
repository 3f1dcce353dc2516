//! A server for the public Socket.IO test suite: namespaces `/` and `/custom`, which send back
//! the `auth` of their clients, and what they say with `message` and `message-with-ack`.
//!
//! `cargo run -p gateway --example echo-socket -- --port 3000`

#[allow(dead_code, reason = "shared with the other example and the tests")]
#[path = "echo/applications.rs"]
mod applications;
#[path = "echo/run.rs"]
mod run;

use std::sync::Arc;

use gateway::SocketLayer;

// One thread, so that requests are handled in the order in which they come: the suite sends
// some over two connections and expects that.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    run::run(applications::socket_config(), |config, hub, metrics, tasks| {
        let echo = Arc::new(applications::EchoSocket);
        Arc::new(SocketLayer::new(echo, config, hub.clone(), metrics.clone(), tasks.clone()))
    })
    .await
}
