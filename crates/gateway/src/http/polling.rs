//! GET and POST of a polling session.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use hub::CloseReason;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Request, Response, StatusCode};
use wire::engine::{Packet, Rejection};

use super::body::{self, Unread};
use super::exchange::Answering;
use super::{compress, header_text, reply};
use crate::session::{BeginPoll, BeginPost, CLOSE, PostGuard, Session};
use crate::{Flow, SiteBody};

/// Waits until there is something to say.
pub(super) async fn get(
    session: &Arc<Session>,
    t: Option<&str>,
    headers: &HeaderMap,
    answering: &Answering,
) -> Result<Response<SiteBody>, Rejection> {
    let body = match session.begin_poll(t) {
        BeginPoll::Wait(answer) => tokio::select! {
            biased;
            body = answer.body() => body.ok_or_else(|| gone(session))?,
            // Nobody is there any more to read what is said; dropping the answer closes.
            () = answering.client_left() => return Ok(reply::bad_request()),
        },
        BeginPoll::Repeat(body) => {
            session.core().metrics.counts().repeated_polls.inc();
            body
        }
        BeginPoll::Overlap => return Ok(reply::bad_request()),
        BeginPoll::Gone => return Err(gone(session)),
    };
    // A client that is told of the end comes back at once: not to an instance that stops.
    let is_last = session.closed().is_some() && session.core().stop.is_cancelled();
    let is_last = is_last && body == CLOSE.as_bytes();
    let (body, coding) = compress::maybe(body, session.core().config.compress_min, headers);
    let mut response = reply::payload(body);
    if let Some(coding) = coding {
        response.headers_mut().insert(CONTENT_ENCODING, coding);
    }
    Ok(if is_last { reply::closing(response) } else { response })
}

/// Takes what the client sends. Whatever is wrong with the packets is no concern of HTTP: the
/// answer is `ok`, and the session ends.
pub(super) async fn post(
    session: &Arc<Session>,
    request: Request<Incoming>,
    answering: &Answering,
) -> Result<Response<SiteBody>, Rejection> {
    let mut guard = match session.begin_post() {
        BeginPost::Go(guard) => guard,
        BeginPost::Overlap => return Ok(reply::unread(StatusCode::BAD_REQUEST)),
        BeginPost::Gone => return Err(gone(session)),
    };
    let is_binary = header_text(request.headers(), CONTENT_TYPE)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/octet-stream"));
    if is_binary {
        // Dropping the guard closes the session.
        return Ok(reply::unread(StatusCode::BAD_REQUEST));
    }
    let config = &session.core().config;
    let read = body::read(request.into_body(), config.max_payload, config.body_timeout);
    let outcome = tokio::select! {
        biased;
        () = guard.cut_short() => {
            guard.done();
            return Ok(reply::unread(StatusCode::BAD_REQUEST));
        }
        // First what has come, then whether there will be more.
        outcome = read => outcome,
        () = answering.client_left() => Err(Unread::Broken),
    };
    match outcome {
        Ok(body) => {
            session.core().metrics.counts().bytes_received.inc_by(body.len() as u64);
            take(session, &mut guard, &body).await;
            guard.done();
            Ok(reply::ok())
        }
        // The session goes on; it is the client that gives up.
        Err(Unread::TooLarge) => {
            guard.done();
            Ok(reply::unread(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Err(Unread::TimedOut) => Ok(reply::unread(StatusCode::REQUEST_TIMEOUT)),
        Err(Unread::Broken) => Ok(reply::unread(StatusCode::BAD_REQUEST)),
    }
}

/// Handles the packets of a body one after the other, no faster than the application takes them.
async fn take(session: &Arc<Session>, guard: &mut PostGuard, body: &Bytes) {
    let Ok(text) = std::str::from_utf8(body) else {
        return session.close(CloseReason::ParseError);
    };
    for packet in Packet::decode_payload(text) {
        let flow = match packet {
            Ok(packet) => session.receive(packet),
            Err(_) => return session.close(CloseReason::ParseError),
        };
        let step = match flow {
            Flow::Continue => ControlFlow::Continue(()),
            Flow::Close(_) => ControlFlow::Break(()),
            Flow::Pause => tokio::select! {
                () = poll_fn(|cx| session.poll_ready(cx)) => ControlFlow::Continue(()),
                () = guard.cut_short() => ControlFlow::Break(()),
            },
        };
        if step.is_break() {
            return;
        }
    }
}

/// What a request to a session that no longer polls is told.
fn gone(session: &Session) -> Rejection {
    if session.closed().is_some() { Rejection::UnknownSession } else { Rejection::BadRequest }
}
