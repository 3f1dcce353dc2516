//! Compression of large poll responses.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

/// A content coding that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// Compresses a body if it is large enough and the client accepts it.
pub(super) fn maybe(
    body: Bytes,
    compress_min: usize,
    request: &HeaderMap,
) -> (Bytes, Option<HeaderValue>) {
    if body.len() < compress_min {
        return (body, None);
    }
    match accepted(request) {
        None => (body, None),
        Some(Coding::Gzip) => (gzip(&body), Some(HeaderValue::from_static("gzip"))),
        Some(Coding::Deflate) => (deflate(&body), Some(HeaderValue::from_static("deflate"))),
    }
}

fn accepted(request: &HeaderMap) -> Option<Coding> {
    let codings = || {
        let values = request.get_all(ACCEPT_ENCODING).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
    };
    let accepts = |name: &str| codings().any(|coding| is_accepted(coding, name));
    if accepts("gzip") {
        Some(Coding::Gzip)
    } else if accepts("deflate") {
        Some(Coding::Deflate)
    } else {
        None
    }
}

/// Whether one item of `Accept-Encoding` names this coding, with a weight that isn't zero.
fn is_accepted(item: &str, name: &str) -> bool {
    let mut parts = item.split(';').map(str::trim);
    let is_it = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(name));
    let refused = parts
        .any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f32)));
    is_it && !refused
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("a Vec takes it all").into()
}

fn deflate(body: &[u8]) -> Bytes {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("a Vec takes it all").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(accept: &'static str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
        accepted(&headers)
    }

    #[test]
    fn the_client_chooses_the_coding() {
        assert_eq!(coding("gzip, deflate, br"), Some(Coding::Gzip));
        assert_eq!(coding("br;q=1.0, deflate;q=0.5"), Some(Coding::Deflate));
        assert_eq!(coding("gzip;q=0, deflate"), Some(Coding::Deflate));
        assert_eq!(coding("br, identity"), None);
        assert_eq!(accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn a_small_body_stays_as_it_is() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let small = Bytes::from(vec![b'x'; 1023]);
        assert_eq!(maybe(small.clone(), 1024, &headers), (small, None));
        let (body, coding) = maybe(Bytes::from(vec![b'x'; 1024]), 1024, &headers);
        assert!(body.len() < 1024 && coding.is_some());
    }
}
