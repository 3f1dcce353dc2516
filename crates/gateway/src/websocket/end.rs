//! The end of a connection: what was still to be written, the close frame, and then patience,
//! bounded, until the client has read it.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hub::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::Frame;

use crate::core::Core;
use crate::places::Place;
use crate::session::Session;

/// What a client that is still sending may send after the end before it is cut off.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The last thing that a client is told.
pub(super) enum Farewell {
    /// A close frame, perhaps with a code.
    Frame(Option<u16>),
    /// Nothing: it is gone.
    Silent,
}

/// Ends the WebSocket of a session.
pub(super) async fn end(session: Arc<Session>, stream: Option<Arc<Stream>>, farewell: Farewell) {
    let Some(stream) = stream else { return };
    let core = Arc::clone(session.core());
    if let Farewell::Frame(code) = farewell {
        let said = tokio::time::timeout(core.config.close_timeout, async {
            poll_fn(|cx| session.connection().poll_drain(cx)).await?;
            write(&stream, &Frame::close(code)).await
        });
        let _ = said.await;
    }
    session.connection().discard();
    finish(&core, stream).await;
}

/// Ends a WebSocket that has no session.
pub(super) async fn leave(core: Arc<Core>, stream: Option<Arc<Stream>>, farewell: Farewell) {
    let Some(stream) = stream else { return };
    if let Farewell::Frame(code) = farewell {
        let frame = Frame::close(code);
        let said = write(&stream, &frame);
        let _ = tokio::time::timeout(core.config.close_timeout, said).await;
    }
    finish(&core, stream).await;
}

/// Ends a WebSocket as soon as it is open.
pub(super) async fn refuse(core: Arc<Core>, stream: Arc<Stream>, _place: Place) {
    leave(core, Some(stream), Farewell::Frame(None)).await;
}

async fn write(stream: &Stream, frame: &Frame) -> io::Result<()> {
    let mut rest = &frame.bytes()[..];
    while !rest.is_empty() {
        poll_fn(|cx| stream.poll_write_ready(cx)).await?;
        match stream.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn finish(core: &Core, stream: Arc<Stream>) {
    // The outbox has let go of it; should a shard be writing at this moment, it closes it.
    if let Some(stream) = Arc::into_inner(stream) {
        linger(stream, core.config.linger_timeout).await;
    }
}

/// Closes our side, and the connection once the client has closed its own. Closing at once,
/// with unread input, would reset the connection and take the last words away from the client.
pub(crate) async fn linger(stream: Stream, timeout: Duration) {
    let _ = match stream {
        Stream::Tcp(stream) => tokio::time::timeout(timeout, until_end(stream)).await,
        Stream::Unix(stream) => tokio::time::timeout(timeout, until_end(stream)).await,
    };
}

async fn until_end<S>(mut stream: S) -> io::Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    stream.shutdown().await?;
    let mut discarded = 0;
    let mut bytes = [0; 4096];
    while discarded < LINGER_BYTES_MAX {
        match stream.read(&mut bytes).await? {
            0 => return Ok(()),
            length => discarded += length,
        }
    }
    Ok(())
}
