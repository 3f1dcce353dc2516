//! Everything that isn't the engine: the page or a folder of the operator's own, the client
//! files, health and metrics.

mod assets;
mod health;
mod trace;

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request, Response, StatusCode, Uri, header},
    response::{IntoResponse, Redirect},
    routing::get,
};
use gateway::{BoxFuture, SiteBody};
use hub::Hub;
use hyper::body::Incoming;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use crate::{
    application::identity::Signer, config::Secret, neighbours::Neighbours, presence::Presence,
    pulse::Pulse, trace::journey::Journeys,
};
use assets::Assets;

/// What the site shows.
pub struct Parts {
    /// Path under which everything is, with a slash at both ends.
    pub base_path: String,
    /// A folder in the place of the page.
    pub public: Option<PathBuf>,
    /// Whether clients should come here.
    pub pulse: Arc<Pulse>,
    /// What is counted.
    pub registry: Arc<Registry>,
    /// Whether the fan-out works.
    pub hub: Hub,
    /// Whether the others know of this instance.
    pub neighbours: Neighbours,
    /// Cancelled when the instance is about to stop.
    pub leaving: CancellationToken,
    /// How entries travelled.
    pub journeys: Journeys,
    /// Who may see that: members of the room …
    pub presence: Presence,
    /// … who prove by their token who they are,
    pub signer: watch::Receiver<Option<Signer>>,
    /// and who has this.
    pub admin_token: Option<Secret>,
}

/// The site as the gateway serves it.
pub struct Site {
    /// All routes, as if they were at the root.
    router: Router,
    base_path: String,
    client_prefix: String,
}

/// What handlers share.
struct Shared {
    assets: Assets,
    pulse: Arc<Pulse>,
    registry: Arc<Registry>,
    hub: Hub,
    neighbours: Neighbours,
    leaving: CancellationToken,
    journeys: Journeys,
    presence: Presence,
    signer: watch::Receiver<Option<Signer>>,
    admin_token: Option<Secret>,
}

impl Site {
    /// The site with all its routes.
    pub fn new(parts: Parts) -> Self {
        let Parts { base_path, public, pulse, registry, hub, neighbours, leaving, .. } = parts;
        let Parts { journeys, presence, signer, admin_token, .. } = parts;
        let client_prefix = format!("{base_path}socket.io/");
        let assets = Assets::new(&base_path);
        let shared = Arc::new(Shared {
            assets,
            pulse,
            registry,
            hub,
            neighbours,
            leaving,
            journeys,
            presence,
            signer,
            admin_token,
        });
        let routes = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(health::ready))
            .route("/metrics", get(health::metrics))
            .route("/api/v1/trace/{room}/{offset}", get(trace::trace))
            .route("/socket.io/{file}", get(client_file))
            .route("/r/{room}", get(page))
            .route("/assets/{*file}", get(page_file));
        let routes = match public {
            Some(folder) => routes.fallback_service(ServeDir::new(folder)),
            None => routes.route("/", get(page)).fallback(get(page_file)),
        };
        let router = routes.with_state(shared);
        Self { router, base_path, client_prefix }
    }
}

impl gateway::Site for Site {
    fn claims(&self, path: &str) -> bool {
        path.strip_prefix(&self.client_prefix).is_some_and(assets::is_client_file)
    }

    fn respond(
        &self,
        request: Request<Incoming>,
        _peer: Option<IpAddr>,
    ) -> BoxFuture<Response<SiteBody>> {
        let mut request = request.map(Body::new);
        let path = request.uri().path();
        let Some(inside) = inside(&self.base_path, request.uri()) else {
            let outside = if self.base_path.strip_suffix('/') == Some(path) {
                Redirect::permanent(&self.base_path).into_response()
            } else {
                nothing_here()
            };
            return Box::pin(async { outside.map(gateway::site_body) });
        };
        *request.uri_mut() = inside;
        let router = self.router.clone();
        Box::pin(async move {
            let Ok(response) = router.oneshot(request).await;
            response.map(gateway::site_body)
        })
    }
}

/// What an address is inside the base path; `None` where it is outside.
fn inside(base_path: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path().strip_prefix(base_path)?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{rest}{query}").parse().ok()
}

async fn page(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response<Body> {
    shared.assets.page(&headers)
}

async fn page_file(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    shared
        .assets
        .page_file(uri.path().trim_start_matches('/'), &headers)
        .unwrap_or_else(nothing_here)
}

fn nothing_here() -> Response<Body> {
    problem(StatusCode::NOT_FOUND, "there is nothing at this address")
}

async fn client_file(Path(file): Path<String>, headers: HeaderMap) -> Response<Body> {
    assets::client_file(&file, &headers).unwrap_or_else(|| {
        problem(
            StatusCode::NOT_FOUND,
            "this server was built without the client files: run `cargo xtask web` and build again",
        )
    })
}

/// An error as `application/problem+json` (RFC 9457).
fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = serde_json::json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let headers = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_inside_or_outside_the_base_path() {
        let inside = |base: &str, uri: &str| {
            super::inside(base, &uri.parse().unwrap()).map(|uri| uri.to_string())
        };
        assert_eq!(inside("/", "/"), Some("/".into()));
        assert_eq!(inside("/", "/r/a?b=c"), Some("/r/a?b=c".into()));
        assert_eq!(inside("/chat/", "/chat/"), Some("/".into()));
        assert_eq!(inside("/chat/", "/chat/r/caf%C3%A9?x"), Some("/r/caf%C3%A9?x".into()));
        for outside in ["/", "/chat", "/chatter", "/other/chat/"] {
            assert_eq!(inside("/chat/", outside), None, "{outside}");
        }
    }
}
