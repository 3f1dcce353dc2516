//! What other instances ask of this one for their clients. Nothing else is answered here: no
//! page, no new session, nobody who can't prove to belong to this deployment.

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use wire::engine::{Query, Rejection};

use super::{Engine, code_of, reply, upgrade};
use crate::SiteBody;

/// Asks to end the pending poll of a session with a noop: the instance that passed it on stops.
pub(super) fn release_method() -> Method {
    Method::from_bytes(b"RELEASE").expect("a token")
}

impl Engine {
    /// Answers another instance. A session that isn't here is a 404, which no client ever sees.
    pub(super) async fn answer_peer(mut self, request: Request<Incoming>) -> Response<SiteBody> {
        let verified = self.core.peers.get().map(|peers| peers.verify(&request));
        let Some(Ok(client)) = verified else {
            self.core.metrics.counts().strangers.inc();
            return reply::unread(StatusCode::FORBIDDEN);
        };
        self.peer = client;
        if request.method() == release_method() {
            return self.release(&request);
        }
        let is_upgrade = upgrade::is_wanted(request.headers());
        match self.serve(request, is_upgrade).await {
            Ok(response) => response,
            Err(Rejection::UnknownSession) => reply::empty(StatusCode::NOT_FOUND),
            Err(rejection) => {
                self.core.metrics.count_rejection(code_of(rejection));
                if is_upgrade {
                    reply::upgrade_rejected(rejection)
                } else {
                    reply::rejected(rejection)
                }
            }
        }
    }

    fn release(&self, request: &Request<Incoming>) -> Response<SiteBody> {
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let session = query.sid.as_deref().and_then(|sid| self.core.sessions.find(sid));
        if let Some(session) = session {
            session.answer_poll_with_noop();
        }
        reply::empty(StatusCode::NO_CONTENT)
    }
}
