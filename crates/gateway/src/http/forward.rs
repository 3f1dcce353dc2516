//! Requests whose session is on another instance: the owner answers, and the client doesn't
//! notice. When that fails, the session is lost to the client, and it is told so; no answer is
//! ever made up here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode};
use wire::engine::Rejection;

use super::body::{self, Unread};
use super::internal::release_method;
use super::{Engine, Upgrade, reply};
use crate::peers::{NoAnswer, Question, Tag};
use crate::relay::Relay;
use crate::{Peers, SiteBody, site_body};

/// What the owner's answer to a request depends on.
const ASKED: [HeaderName; 2] = [CONTENT_TYPE, ACCEPT_ENCODING];

/// The same for an upgrade.
const ASKED_TO_UPGRADE: [HeaderName; 4] =
    [CONNECTION, UPGRADE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION];

/// What is passed on of an answer; the rest is this instance's own to say.
const ANSWERED: [HeaderName; 3] = [CONTENT_TYPE, CONTENT_ENCODING, CACHE_CONTROL];

/// How often the owner is asked to let go of a poll, while this instance stops.
const RELEASE_EVERY: Duration = Duration::from_millis(500);

/// Has the owner of a session answer.
pub(super) async fn forward(
    engine: &Engine,
    peers: &Arc<dyn Peers>,
    tag: Tag,
    request: Request<Incoming>,
    is_upgrade: bool,
) -> Result<Response<SiteBody>, Rejection> {
    let core = &engine.core;
    if *request.method() == release_method() {
        // The instances' own word, which means nothing from a client.
        return Ok(reply::other_method());
    }
    if !peers.find(tag).await {
        return Err(Rejection::UnknownSession);
    }
    let question = match read(engine, request, is_upgrade).await {
        Ok(question) => question,
        Err(status) => return Ok(reply::unread(status)),
    };
    // Not before: whoever is slow to say what it wants holds up nobody.
    let (places, max) = if is_upgrade {
        (&core.relays, core.config.relays_max)
    } else {
        (&core.forwards, core.config.forwards_max)
    };
    let Some(place) = places.take(max) else {
        core.metrics.count_forward("full");
        return Err(Rejection::UnknownSession);
    };
    let is_poll = question.method == Method::GET && !is_upgrade;
    let asked = ask(engine, peers, tag, question, is_poll);
    let answer = tokio::select! {
        biased;
        answer = tokio::time::timeout(core.config.forward_timeout, asked) => {
            answer.unwrap_or(Err(NoAnswer::Failed))
        }
        // Dropping the question tells the owner, and there it means what it means here.
        () = engine.answering.client_left() => return Ok(reply::bad_request()),
    };
    let outcome = match &answer {
        Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => "relayed",
        Ok(answer) if answer.status() == StatusCode::NOT_FOUND => "gone",
        Ok(answer) if answer.status() == StatusCode::FORBIDDEN => "failed",
        Ok(_) => "answered",
        Err(NoAnswer::NoOwner) => return Err(Rejection::UnknownSession),
        Err(NoAnswer::Failed) => "failed",
    };
    core.metrics.count_forward(outcome);
    match (outcome, answer) {
        ("answered", Ok(answer)) => Ok(passed_on(engine, answer)),
        ("relayed", Ok(answer)) if is_upgrade => relayed(engine, answer, place).await,
        _ => Err(Rejection::UnknownSession),
    }
}

/// The question that a request is; the status of one that can't be asked.
async fn read(
    engine: &Engine,
    request: Request<Incoming>,
    is_upgrade: bool,
) -> Result<Question, StatusCode> {
    let (head, body) = request.into_parts();
    let mut headers = HeaderMap::new();
    let upgrade: &[HeaderName] = if is_upgrade { &ASKED_TO_UPGRADE } else { &[] };
    for name in ASKED.iter().chain(upgrade) {
        for value in head.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let config = &engine.core.config;
    let outcome = tokio::select! {
        biased;
        outcome = body::read(body, config.max_payload, config.body_timeout) => outcome,
        () = engine.answering.client_left() => Err(Unread::Broken),
    };
    let body = outcome.map_err(|unread| match unread {
        Unread::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Unread::TimedOut => StatusCode::REQUEST_TIMEOUT,
        Unread::Broken => StatusCode::BAD_REQUEST,
    })?;
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).into();
    Ok(Question { method: head.method, target, headers, body, client: engine.peer })
}

/// Asks the owner. When this instance stops, the owner is asked to end a poll early, so that the
/// client polls again elsewhere and has lost nothing.
async fn ask(
    engine: &Engine,
    peers: &Arc<dyn Peers>,
    tag: Tag,
    question: Question,
    is_poll: bool,
) -> Result<Response<Incoming>, NoAnswer> {
    let release = Question {
        method: release_method(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        ..question.clone()
    };
    let mut answer = peers.ask(tag, question);
    if !is_poll {
        return answer.await;
    }
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        () = engine.core.stop.cancelled() => {}
    }
    let mut ticks = tokio::time::interval(RELEASE_EVERY);
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            _ = ticks.tick() => {
                // What comes of it shows in the answer that is waited for.
                let _ = peers.ask(tag, release.clone()).await;
            }
        }
    }
}

fn passed_on(engine: &Engine, answer: Response<Incoming>) -> Response<SiteBody> {
    let (head, body) = answer.into_parts();
    let mut response = Response::new(site_body(body));
    *response.status_mut() = head.status;
    copy(&ANSWERED, &head.headers, response.headers_mut());
    if engine.core.stop.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The client's connection becomes one to the owner.
async fn relayed(
    engine: &Engine,
    answer: Response<Incoming>,
    place: crate::places::Place,
) -> Result<Response<SiteBody>, Rejection> {
    let mut response = reply::empty(StatusCode::SWITCHING_PROTOCOLS);
    let passed = [CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT];
    copy(&passed, answer.headers(), response.headers_mut());
    let Ok(owner) = hyper::upgrade::on(answer).await else {
        return Err(Rejection::UnknownSession);
    };
    engine.answering.upgrade(Upgrade::Relay(Relay::new(owner, place)));
    Ok(response)
}

fn copy(names: &[HeaderName], from: &HeaderMap, to: &mut HeaderMap) {
    for name in names {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}
