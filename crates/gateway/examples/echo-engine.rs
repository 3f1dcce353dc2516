//! A server for the public Engine.IO test suite: it sends every message back, on `/engine.io/`.
//!
//! `cargo run -p gateway --example echo-engine -- --port 3000`

#[allow(dead_code, reason = "shared with the other example and the tests")]
#[path = "echo/applications.rs"]
mod applications;
#[path = "echo/run.rs"]
mod run;

use std::sync::Arc;

// One thread, so that requests are handled in the order in which they come: the suite sends
// some over two connections and expects that.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    run::run(applications::engine_config(), |_, _, _, _| Arc::new(applications::EchoEngine)).await
}
