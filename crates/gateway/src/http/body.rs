//! Reading a request's body within its limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

/// Why a body wasn't read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    TimedOut,
    /// The client broke off, or broke the framing.
    Broken,
}

/// Reads a whole body of at most so many bytes in at most so much time.
pub(super) async fn read(
    body: Incoming,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Unread::TooLarge);
    }
    match tokio::time::timeout(timeout, collect(body, bytes_max)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Unread::TimedOut),
    }
}

async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Unread> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if first.len() + whole.len() + data.len() > bytes_max {
            return Err(Unread::TooLarge);
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}
