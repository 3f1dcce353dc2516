//! The seam to the other instances, for sessions that poll without sticky sessions: a request
//! that reaches an instance which doesn't have its session is answered by the one that has.
//!
//! Who the others are, how they are reached and how they prove who they are is left to whoever
//! implements [`Peers`].

use std::net::IpAddr;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};

use crate::BoxFuture;

/// What the ids of an instance's sessions begin with, decoded: it names the instance to the
/// others.
pub type Tag = [u8; 3];

/// What another instance is asked for a client.
#[derive(Clone, Debug)]
pub struct Question {
    /// The client's method, or one of the instances' own.
    pub method: Method,
    /// Path and query.
    pub target: Box<str>,
    /// The headers that the answer depends on.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The client's address, where it is known.
    pub client: Option<IpAddr>,
}

/// Why another instance didn't answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// No instance that lives has such sessions.
    NoOwner,
    /// The owner could not be asked, or broke off.
    Failed,
}

/// A request that no instance of this deployment has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger;

/// The other instances.
pub trait Peers: Send + Sync + 'static {
    /// Whether an instance is known whose session ids begin with `tag`, this one not counted.
    fn find(&self, tag: Tag) -> BoxFuture<bool>;

    /// Asks the instance whose session ids begin with `tag`. Dropping the future breaks the
    /// request off, which the owner notices. Answers, those of an upgrade with it, come as the
    /// owner's gateway gives them on [`Gateway::serve_peers`](crate::Gateway::serve_peers).
    fn ask(&self, tag: Tag, question: Question) -> BoxFuture<Result<Response<Incoming>, NoAnswer>>;

    /// Whether a request comes from an instance of this deployment and is meant for this one.
    /// Gives the address of the client whose request it is.
    ///
    /// # Errors
    /// It doesn't, or isn't.
    fn verify(&self, request: &Request<Incoming>) -> Result<Option<IpAddr>, Stranger>;
}
