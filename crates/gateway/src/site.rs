//! The seam to everything that isn't the engine: pages, assets, the HTTP API.

use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::{Request, Response, StatusCode};

use crate::BoxFuture;

/// The body of a site's response.
pub type SiteBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Boxes any body for [`Site::respond`].
pub fn site_body<B>(body: B) -> SiteBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Answers the requests that aren't the engine's.
pub trait Site: Send + Sync + 'static {
    /// Whether this path belongs to the site although it is under the engine's (the client
    /// files).
    fn claims(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Answers one request.
    fn respond(
        &self,
        request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> BoxFuture<Response<SiteBody>>;
}

/// A site without pages: everything is 404.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoSite;

impl Site for NoSite {
    fn respond(
        &self,
        _request: Request<Incoming>,
        _peer: Option<IpAddr>,
    ) -> BoxFuture<Response<SiteBody>> {
        Box::pin(async {
            let mut response = Response::new(site_body(Empty::new()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        })
    }
}
