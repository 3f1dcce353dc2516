//! The built page and the official client files, embedded in the binary as `cargo xtask web` has
//! built them; compressed forms were made then, and are only chosen here.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use rust_embed::{Embed, EmbeddedFile};

/// What the page may do: only what comes from this server, no inline script, no HTML from text.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    font-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; \
    base-uri 'self'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What is shown where the page was not built.
const NO_PAGE: &str = "<!doctype html><meta charset=utf-8><title>Palabre</title>\
    <p>This server runs, but it was built without its page. \
    Run <code>cargo xtask web</code> and build it again, or serve a page of your own with \
    <code>--public DIR</code>.";

const BASE: &str = "<base href=\"/\"";

#[derive(Embed)]
#[folder = "../../web/dist/page/"]
#[allow_missing = true]
struct Page;

#[derive(Embed)]
#[folder = "../../web/dist/client/"]
#[allow_missing = true]
struct Client;

/// The embedded files, ready to be sent.
pub(super) struct Assets {
    page: Bytes,
}

impl Assets {
    /// Files for a site under `base_path`.
    pub(super) fn new(base_path: &str) -> Self {
        let page = match Page::get("index.html") {
            Some(file) => String::from_utf8_lossy(&file.data)
                .replacen(BASE, &format!("<base href=\"{base_path}\""), 1)
                .into(),
            None => Bytes::from_static(NO_PAGE.as_bytes()),
        };
        Self { page }
    }

    /// The page itself, for every address that shows it.
    pub(super) fn page(&self, request: &HeaderMap) -> Response<Body> {
        let etag = etag(&fnv(&self.page).to_be_bytes());
        if asks_for_same(request, &etag) {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::ETAG, &etag),
        ];
        (headers, self.page.clone()).into_response()
    }

    /// A file of the page.
    pub(super) fn page_file(&self, path: &str, request: &HeaderMap) -> Option<Response<Body>> {
        if path == "index.html" {
            return Some(self.page(request));
        }
        // The names of what the build puts there contain a hash of the content.
        let caching = if path.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        file(Page::get, path, caching, request)
    }
}

/// A file of the official client.
pub(super) fn client_file(name: &str, request: &HeaderMap) -> Option<Response<Body>> {
    is_client_file(name).then(|| file(Client::get, name, "public, max-age=0", request))?
}

/// Whether a name under the engine's path is one of the official client's files.
pub(super) fn is_client_file(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("socket.io.") else { return false };
    let script = rest.strip_suffix(".map").unwrap_or(rest);
    matches!(script, "js" | "min.js" | "esm.min.js" | "msgpack.min.js")
}

fn file(
    get: fn(&str) -> Option<EmbeddedFile>,
    path: &str,
    caching: &'static str,
    request: &HeaderMap,
) -> Option<Response<Body>> {
    let plain = get(path)?;
    let packed = ["br", "gzip"].into_iter().find_map(|encoding| {
        let ending = if encoding == "br" { "br" } else { "gz" };
        accepts(request, encoding).then(|| get(&format!("{path}.{ending}")))?.map(|f| (encoding, f))
    });
    let (encoding, chosen) = packed.map_or((None, plain), |(e, file)| (Some(e), file));
    let etag = etag(&chosen.metadata.sha256_hash());
    let mut response = if asks_for_same(request, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match chosen.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        ([(header::CONTENT_TYPE, content_type(path))], body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(&etag).expect("it is quoted base64"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let Some(accepted) = request.get(header::ACCEPT_ENCODING) else { return false };
    accepted.to_str().unwrap_or_default().split(',').any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|w| w.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_none_or(|w| w > 0.0)
    })
}

fn asks_for_same(request: &HeaderMap, etag: &str) -> bool {
    let Some(known) = request.get(header::IF_NONE_MATCH) else { return false };
    let known = known.to_str().unwrap_or_default();
    known
        .split(',')
        .any(|tag| matches!(tag.trim(), t if t == "*" || t.trim_start_matches("W/") == etag))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// FNV-1a, for the page whose text is made at the start.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A strong tag of what is sent.
fn etag(hash: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_official_clients_files_are_claimed() {
        for name in ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js.map"] {
            assert!(is_client_file(name), "{name}");
        }
        for name in ["", "socket.io", "socket.io.", "socket.io.js.br", "other.js", "socket.io.css"]
        {
            assert!(!is_client_file(name), "{name}");
        }
    }

    #[test]
    fn encodings_are_those_that_the_request_accepts() {
        let mut headers = HeaderMap::new();
        assert!(!accepts(&headers, "br"));
        let offer = HeaderValue::from_static("gzip;q=0.8, BR, deflate;q=0");
        headers.insert(header::ACCEPT_ENCODING, offer);
        assert!(accepts(&headers, "gzip"));
        assert!(accepts(&headers, "br"));
        assert!(!accepts(&headers, "deflate"));
    }
}
