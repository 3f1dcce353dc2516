//! Cross-origin headers, for requests of pages from elsewhere. (A preflight request is answered
//! without the `Content-Length: 0` of the reference: a 204 has none by definition.)

use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderValue, ORIGIN,
    VARY,
};
use hyper::{Request, Response, StatusCode};

use crate::{Cors, Origins, SiteBody, site_body};

const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");

impl Cors {
    pub(super) fn is_on(&self) -> bool {
        self.origins != Origins::Off
    }
}

/// The headers that go onto every response of the engine.
pub(super) fn headers(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    match &cors.origins {
        Origins::Off => return headers,
        Origins::Any => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        Origins::These(origins) => {
            headers.append(VARY, HeaderValue::from_name(ORIGIN));
            let origin = request.get(ORIGIN);
            let matches = |origin: &&HeaderValue| {
                origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
            };
            if let Some(origin) = origin.filter(matches) {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, copied(origin));
            }
        }
    }
    if cors.credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    headers
}

/// The answer to a preflight request.
pub(super) fn preflight(request: &Request<Incoming>, mut headers: HeaderMap) -> Response<SiteBody> {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    if let Some(wanted) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.append(VARY, HeaderValue::from_name(ACCESS_CONTROL_REQUEST_HEADERS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, copied(wanted));
    }
    let mut response = Response::new(site_body(Empty::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}

/// A value of its own, which doesn't pin the request's buffer.
fn copied(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).expect("it was a header value")
}
