//! A server in the test's own process, and small clients that see every byte.

mod http;
mod neighbourhood;
mod script;
mod server;
mod session;
mod websocket;

use std::time::Duration;

pub(crate) use http::{Http, Reply, read_reply};
pub(crate) use neighbourhood::Neighbourhood;
pub(crate) use script::{Script, Seen, accepted};
pub(crate) use server::{Server, calm, patient};
pub(crate) use session::Session;
pub(crate) use websocket::{NO_CODE, Said, WebSocket};

/// How long a test waits for something that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for a future, but not for ever.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|elapsed| panic!("{what}: {elapsed}"))
}

/// Looks now and then until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
