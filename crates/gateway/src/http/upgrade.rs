//! The WebSocket handshake (RFC 6455, section 4.2).

use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode};
use wire::engine::Rejection;
use wire::websocket::accept_key;

use super::{Engine, header_text, remember_request};
use crate::relay::Relay;
use crate::session::{ProbeGuard, Session};
use crate::sessions::Reservation;
use crate::{Handshake, SiteBody, site_body};

/// What a connection becomes with its 101.
pub(crate) enum Upgrade {
    /// A new session. `accept` is the answer to its key, where the 101 is still to be sent.
    Open { place: Reservation, handshake: Handshake, b64: bool, accept: Option<String> },
    /// Perhaps the new transport of a session that polls.
    Probe { guard: ProbeGuard, b64: bool },
    /// One to the instance that has the session.
    Relay(Relay),
    /// The session has a WebSocket already: this one is closed at once.
    Superfluous,
}

/// Whether a request wants to become a WebSocket.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, CONNECTION, "upgrade") && has_token(headers, UPGRADE, "websocket")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| names_token(value, token))
}

/// Whether a header's list has a token.
pub(super) fn names_token(value: &str, token: &str) -> bool {
    value.split(',').any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Whether it is 16 bytes in base64.
pub(super) fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.len() == 22 && digits.bytes().all(is_digit)
}

/// A WebSocket without `sid`: a new session.
pub(super) fn open(
    engine: &Engine,
    request: &Request<Incoming>,
    b64: bool,
) -> Result<Response<SiteBody>, Rejection> {
    let key = checked_key(request)?;
    let Some(place) = engine.core.sessions.reserve() else {
        return Ok(engine.full());
    };
    let handshake = remember_request(request, engine.peer);
    Ok(switch(engine, &key, Upgrade::Open { place, handshake, b64, accept: None }))
}

/// A WebSocket with `sid`: an upgrade.
pub(super) fn probe(
    engine: &Engine,
    request: &Request<Incoming>,
    session: &Arc<Session>,
    b64: bool,
) -> Result<Response<SiteBody>, Rejection> {
    let key = checked_key(request)?;
    if session.closed().is_some() {
        return Err(Rejection::UnknownSession);
    }
    if !engine.core.config.upgrades {
        return Err(Rejection::BadRequest);
    }
    let upgrade = match session.begin_probe() {
        Some(guard) => Upgrade::Probe { guard, b64 },
        None => Upgrade::Superfluous,
    };
    Ok(switch(engine, &key, upgrade))
}

/// The key of a request that is in order: GET, version 13, 16 bytes in base64.
fn checked_key(request: &Request<Incoming>) -> Result<String, Rejection> {
    if request.method() != Method::GET {
        return Err(Rejection::BadMethod);
    }
    let headers = request.headers();
    let key = header_text(headers, SEC_WEBSOCKET_KEY).map(str::trim);
    match (header_text(headers, SEC_WEBSOCKET_VERSION), key.filter(|key| is_key(key))) {
        (Some("13"), Some(key)) => Ok(key.to_owned()),
        _ => Err(Rejection::BadRequest),
    }
}

fn switch(engine: &Engine, key: &str, upgrade: Upgrade) -> Response<SiteBody> {
    engine.answering.upgrade(upgrade);
    let mut response = Response::new(site_body(Empty::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::try_from(accept_key(key)).expect("base64 is a header value");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}
