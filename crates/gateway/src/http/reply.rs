//! The engine's responses, byte for byte as clients know them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use wire::engine::Rejection;

use crate::{SiteBody, site_body};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Packets for a polling client.
pub(super) fn payload(body: Bytes) -> Response<SiteBody> {
    let mut response = with_body(StatusCode::OK, TEXT, body);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// The answer to a POST.
pub(super) fn ok() -> Response<SiteBody> {
    let mut response = with_body(StatusCode::OK, HTML, Bytes::from_static(b"ok"));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// A request that is refused, and why.
pub(super) fn rejected(rejection: Rejection) -> Response<SiteBody> {
    let status = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
    with_body(status, JSON, rejection.body().into())
}

/// The same for a request to upgrade.
pub(super) fn upgrade_rejected(rejection: Rejection) -> Response<SiteBody> {
    let message = Bytes::from_static(rejection.message().as_bytes());
    closing(with_body(StatusCode::BAD_REQUEST, HTML, message))
}

/// There are as many sessions as there may be, or the instance stops.
pub(super) fn full() -> Response<SiteBody> {
    let body = Bytes::from_static(br#"{"message":"Too many sessions, try again later"}"#);
    let mut response = with_body(StatusCode::SERVICE_UNAVAILABLE, JSON, body);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// An error without words: two polls at once, a POST that was overtaken.
pub(super) fn bad_request() -> Response<SiteBody> {
    empty(StatusCode::BAD_REQUEST)
}

/// A method that means nothing to a session.
pub(super) fn other_method() -> Response<SiteBody> {
    empty(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A body that isn't read to its end; the connection can't be used again.
pub(super) fn unread(status: StatusCode) -> Response<SiteBody> {
    closing(empty(status))
}

pub(super) fn empty(status: StatusCode) -> Response<SiteBody> {
    let mut response = Response::new(site_body(Full::new(Bytes::new())));
    *response.status_mut() = status;
    response
}

pub(super) fn closing(mut response: Response<SiteBody>) -> Response<SiteBody> {
    response.headers_mut().insert(CONNECTION, CLOSE);
    response
}

fn with_body(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<SiteBody> {
    let mut response = Response::new(site_body(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
