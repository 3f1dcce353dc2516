//! A WebSocket whose session is on another instance: bytes go to and fro, and nobody looks at
//! them. Limits, pings and the end are the owner's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hub::Stream;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, copy_buf, split};

use crate::core::Core;
use crate::places::Place;

/// Bytes that are on their way in each direction, beside the kernel's.
const BUFFER_BYTES: usize = 2048;

/// The owner's side of a connection that was passed on.
pub(crate) struct Relay {
    owner: Upgraded,
    place: Place,
}

impl Relay {
    pub(crate) fn new(owner: Upgraded, place: Place) -> Self {
        Self { owner, place }
    }
}

/// Passes bytes on until one side ends, or this instance does. `early` is what the client had
/// already said.
pub(crate) async fn run(
    core: Arc<Core>,
    stream: Stream,
    _place: Place,
    early: Bytes,
    relay: Relay,
) {
    let Relay { owner, place: _relay_place } = relay;
    let owner = TokioIo::new(owner);
    let timeout = core.config.close_timeout;
    let passing = async {
        match stream {
            Stream::Tcp(client) => pass(client, owner, &early, timeout).await,
            Stream::Unix(client) => pass(client, owner, &early, timeout).await,
        }
    };
    tokio::select! {
        () = passing => {}
        // Spread like the ends of this instance's own sessions.
        () = core.somewhen_while_draining() => {}
        () = core.winding_up.cancelled() => {}
    }
}

/// When one side has ended, the other one gets a little time for its last words.
async fn pass<C, O>(client: C, owner: O, early: &Bytes, timeout: Duration)
where
    C: AsyncRead + AsyncWrite,
    O: AsyncRead + AsyncWrite,
{
    let (from_client, mut to_client) = split(client);
    let (from_owner, mut to_owner) = split(owner);
    let up = async {
        to_owner.write_all(early).await?;
        let mut from_client = BufReader::with_capacity(BUFFER_BYTES, from_client);
        copy_buf(&mut from_client, &mut to_owner).await?;
        to_owner.shutdown().await
    };
    let down = async {
        let mut from_owner = BufReader::with_capacity(BUFFER_BYTES, from_owner);
        copy_buf(&mut from_owner, &mut to_client).await?;
        to_client.shutdown().await
    };
    let (mut up, mut down) = (Box::pin(up), Box::pin(down));
    let _ = tokio::select! {
        _ = &mut up => tokio::time::timeout(timeout, down).await,
        _ = &mut down => tokio::time::timeout(timeout, up).await,
    };
}
