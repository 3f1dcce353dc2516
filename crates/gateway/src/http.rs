//! HTTP requests: which are the engine's, in which order they are checked, and what is said
//! when a check fails.
//!
//! The order and the bodies are those of the reference implementation, with these differences,
//! which no client needs: every refused WebSocket upgrade is answered 400 before the protocol
//! is switched (the reference answers some of them behind a 101); `j` (JSONP) is ignored; the
//! path is taken with and without the slash at its end; an `Origin` with invalid bytes is
//! refused by the HTTP library with an empty 400.

mod body;
mod compress;
mod cors;
mod exchange;
mod forward;
mod internal;
mod io;
mod polling;
pub(crate) mod quick;
mod reply;
mod upgrade;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, Request, Response};
use wire::engine::{PROTOCOL, Query, Rejection, Transport};

use exchange::Answering;
pub(crate) use exchange::Exchange;
pub(crate) use io::HttpStream;
pub(crate) use quick::First;
pub(crate) use upgrade::Upgrade;

use crate::core::Core;
use crate::handshake::USUAL_QUERY;
use crate::ids::Sid;
use crate::session::Session;
use crate::{BoxFuture, Handshake, SiteBody, Tag};

/// Whose connection it is.
#[derive(Clone, Copy)]
pub(crate) enum From {
    /// A client's, at this address if it isn't a Unix socket.
    Client(Option<IpAddr>),
    /// Another instance's.
    Peer,
}

/// Answers the requests of one connection.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) core: Arc<Core>,
    pub(crate) from: From,
    pub(crate) exchange: Arc<Exchange>,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<SiteBody>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Result<Self::Response, Self::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let core = Arc::clone(&self.core);
        let From::Client(peer) = self.from else {
            let engine =
                Engine { core, peer: None, is_peer: true, answering: self.exchange.answer() };
            return Box::pin(async move { Ok(engine.answer_peer(request).await) });
        };
        let path = request.uri().path();
        if !is_engine_path(&core.config.path, path) || core.site.claims(path) {
            return Box::pin(async move { Ok(core.site.respond(request, peer).await) });
        }
        let engine = Engine { core, peer, is_peer: false, answering: self.exchange.answer() };
        Box::pin(async move { Ok(engine.answer(request).await) })
    }
}

/// Answers one request to the engine.
struct Engine {
    core: Arc<Core>,
    /// The client's address.
    peer: Option<IpAddr>,
    /// Another instance asks for the client.
    is_peer: bool,
    answering: Answering,
}

impl Engine {
    async fn answer(self, request: Request<Incoming>) -> Response<SiteBody> {
        let rules = &self.core.config.cors;
        let cross_origin = cors::headers(rules, request.headers());
        if request.method() == Method::OPTIONS && rules.is_on() {
            return cors::preflight(&request, cross_origin);
        }
        let is_upgrade = upgrade::is_wanted(request.headers());
        let mut response = match self.serve(request, is_upgrade).await {
            Ok(response) => response,
            Err(rejection) => {
                self.core.metrics.count_rejection(code_of(rejection));
                if is_upgrade {
                    reply::upgrade_rejected(rejection)
                } else {
                    reply::rejected(rejection)
                }
            }
        };
        response.headers_mut().extend(cross_origin);
        response
    }

    async fn serve(
        &self,
        request: Request<Incoming>,
        is_upgrade: bool,
    ) -> Result<Response<SiteBody>, Rejection> {
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let Some(sid) = &query.sid else {
            if self.is_peer {
                return Err(Rejection::Forbidden);
            }
            let is_get = request.method() == Method::GET;
            let transport = query.handshake(is_get, is_upgrade)?;
            return self.handshake(&request, transport, query.b64);
        };
        let transport = query.transport()?;
        let Some(session) = self.core.sessions.find(sid) else {
            let tag = Sid::parse(sid).and_then(|sid| sid.tag());
            drop(query);
            return self.elsewhere(tag, request, is_upgrade).await;
        };
        // The timer may be a little late; no request gets past the deadline because of that.
        session.on_timer(self.core.clock.now());
        if session.closed().is_some() && session.linger().is_zero() {
            return Err(Rejection::UnknownSession);
        }
        let fits = if is_upgrade {
            transport == Transport::WebSocket
        } else {
            transport == session.transport()
        };
        if !fits || query.eio.as_deref() != Some(PROTOCOL) {
            return Err(Rejection::BadRequest);
        }
        if is_upgrade {
            return upgrade::probe(self, &request, &session, query.b64);
        }
        match *request.method() {
            Method::GET => {
                let t = query.t.as_deref();
                polling::get(&session, t, request.headers(), &self.answering).await
            }
            Method::POST => {
                drop(query);
                polling::post(&session, request, &self.answering).await
            }
            _ => Ok(reply::other_method()),
        }
    }

    /// The session isn't here, but perhaps on another instance.
    async fn elsewhere(
        &self,
        tag: Option<Tag>,
        request: Request<Incoming>,
        is_upgrade: bool,
    ) -> Result<Response<SiteBody>, Rejection> {
        match (self.core.peers.get(), tag) {
            // Whoever asks for a client has asked the right one, or nobody can answer.
            (Some(peers), Some(tag)) if !self.is_peer => {
                // Boxed: few requests come here, and all would pay for its size.
                Box::pin(forward::forward(self, peers, tag, request, is_upgrade)).await
            }
            _ => Err(Rejection::UnknownSession),
        }
    }

    fn handshake(
        &self,
        request: &Request<Incoming>,
        transport: Transport,
        b64: bool,
    ) -> Result<Response<SiteBody>, Rejection> {
        match transport {
            Transport::WebSocket => upgrade::open(self, request, b64),
            Transport::Polling => {
                let Some(place) = self.core.sessions.reserve() else {
                    return Ok(self.full());
                };
                let handshake = remember_request(request, self.peer);
                let session = Session::open(&self.core, place, handshake, transport);
                let open = session.open_packet();
                self.core.tasks.spawn(crate::session::poll_task(session));
                Ok(reply::payload(open.into()))
            }
        }
    }

    /// While this instance stops, a client or proxy that tries again had better do so on another
    /// connection, which leads elsewhere.
    fn full(&self) -> Response<SiteBody> {
        self.core.metrics.count_rejection("full");
        if self.core.stop.is_cancelled() { reply::closing(reply::full()) } else { reply::full() }
    }
}

/// Whether a path is the engine's own or lies under it.
fn is_engine_path(engine: &str, path: &str) -> bool {
    path.starts_with(engine) || engine.strip_suffix('/').is_some_and(|engine| engine == path)
}

/// Copies what a session keeps of its request: a slice would pin the HTTP library's buffer.
fn remember(query: &str, origin: Option<&str>, peer: Option<IpAddr>) -> Handshake {
    Handshake {
        query: match query {
            "" => Cow::Borrowed(""),
            USUAL_QUERY => Cow::Borrowed(USUAL_QUERY),
            other => Cow::Owned(other.into()),
        },
        address: peer,
        origin: origin.map(Into::into),
    }
}

fn remember_request(request: &Request<Incoming>, peer: Option<IpAddr>) -> Handshake {
    let query = request.uri().query().unwrap_or_default();
    remember(query, header_text(request.headers(), ORIGIN), peer)
}

/// The first value of a header, if it is text.
fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The code as a metric label.
fn code_of(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::UnknownTransport => "0",
        Rejection::UnknownSession => "1",
        Rejection::BadMethod => "2",
        Rejection::BadRequest => "3",
        Rejection::Forbidden => "4",
        Rejection::UnsupportedVersion => "5",
    }
}

#[cfg(test)]
mod tests {
    use super::is_engine_path;

    #[test]
    fn the_path_is_taken_with_and_without_its_slash() {
        for path in ["/socket.io/", "/socket.io", "/socket.io/anything"] {
            assert!(is_engine_path("/socket.io/", path), "{path}");
        }
        for path in ["/", "/socket.iox", "/socket", "/x/socket.io/"] {
            assert!(!is_engine_path("/socket.io/", path), "{path}");
        }
    }
}
