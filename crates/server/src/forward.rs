//! Asking other instances for the polling sessions that they have, and recognising them when they
//! ask. The session's id names its owner by a tag; where the owner is, the neighbours know; that
//! the question comes from this deployment, a signature shows.
//!
//! What is asked and when is left to the gateway.

mod advertise;
mod key;
mod pool;

use std::{net::IpAddr, sync::Arc};

use gateway::{BoxFuture, NoAnswer, Peers, Question, Stranger, Tag};
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::HOST,
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::neighbours::{Neighbour, Neighbours};
pub use advertise::advertise;
pub use key::Key;
use pool::Pool;

/// The header with the address of the client.
const CLIENT: &str = "palabre-client";

/// The header with the proof.
const PROOF: &str = "palabre-proof";

/// The other instances, as the gateway asks them. Clones share the connections.
#[derive(Clone)]
pub struct Forward(Arc<Shared>);

struct Shared {
    neighbours: Neighbours,
    /// The key, as soon as the deployment's secret is known.
    key: watch::Receiver<Option<Key>>,
    pool: Pool,
}

/// What the ids of an instance's sessions begin with. Two instances may have the same one, which
/// is rare and costs a question more.
pub fn tag_of(instance: &str) -> Tag {
    let digest = Sha256::digest(instance.as_bytes());
    digest.first_chunk().copied().expect("a digest is longer than that")
}

impl Forward {
    /// Asks the live neighbours; its connections end with `stop`.
    pub fn new(
        neighbours: Neighbours,
        key: watch::Receiver<Option<Key>>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let pool = Pool::new(tasks.clone(), stop.clone());
        Self(Arc::new(Shared { neighbours, key, pool }))
    }
}

impl Peers for Forward {
    fn find(&self, tag: Tag) -> BoxFuture<bool> {
        let shared = self.0.clone();
        Box::pin(async move { shared.find(tag).await })
    }

    fn ask(&self, tag: Tag, question: Question) -> BoxFuture<Result<Response<Incoming>, NoAnswer>> {
        let shared = self.0.clone();
        Box::pin(async move { shared.ask(tag, &question).await })
    }

    fn verify(&self, request: &Request<Incoming>) -> Result<Option<IpAddr>, Stranger> {
        let key = self.0.key.borrow().clone().ok_or(Stranger)?;
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let (client, proof) = (header(CLIENT).ok_or(Stranger)?, header(PROOF).ok_or(Stranger)?);
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let asked = [self.0.neighbours.id(), request.method().as_str(), target, client];
        if !key.proves(proof, &asked) {
            return Err(Stranger);
        }
        Ok(client.parse().ok())
    }
}

impl Shared {
    /// An owner that nobody has heard of has perhaps just started. That a session of this
    /// instance is over is a matter of course, for which nobody is looked for.
    async fn find(&self, tag: Tag) -> bool {
        if self.owners(&self.neighbours.live(), tag).next().is_some() {
            return true;
        }
        if tag_of(self.neighbours.id()) == tag {
            return false;
        }
        self.neighbours.look_again().await;
        self.owners(&self.neighbours.live(), tag).next().is_some()
    }

    /// Who has such sessions, and where.
    fn owners<'a>(
        &self,
        live: &'a [Neighbour],
        tag: Tag,
    ) -> impl Iterator<Item = (&'a Neighbour, &'a str)> {
        let is_other = move |owner: &&Neighbour| *owner.id != *self.neighbours.id();
        let others = live.iter().filter(is_other).filter(move |owner| tag_of(&owner.id) == tag);
        others.filter_map(|owner| Some((owner, owner.address.as_deref()?)))
    }

    /// Asks each instance that has such sessions; there is hardly ever more than one.
    async fn ask(&self, tag: Tag, question: &Question) -> Result<Response<Incoming>, NoAnswer> {
        let live = self.neighbours.live();
        let mut outcome = Err(NoAnswer::NoOwner);
        for (owner, address) in self.owners(&live, tag) {
            outcome = self.ask_one(&owner.id, address, question).await;
            match &outcome {
                Ok(answer) if answer.status() == hyper::StatusCode::NOT_FOUND => {}
                Ok(answer) if answer.status() == hyper::StatusCode::FORBIDDEN => {
                    tracing::warn!(
                        instance = %owner.name,
                        "another instance doesn't recognise this one: is its secret another one?"
                    );
                }
                _ => return outcome,
            }
        }
        outcome
    }

    async fn ask_one(
        &self,
        owner: &str,
        address: &str,
        question: &Question,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let request = self.request(owner, address, question).ok_or(NoAnswer::Failed)?;
        self.pool.send(address, request).await.map_err(|error| {
            tracing::debug!(owner, address, %error, "an instance could not be asked");
            NoAnswer::Failed
        })
    }

    /// The question with its proof; `None` as long as there is no key.
    fn request(
        &self,
        owner: &str,
        address: &str,
        question: &Question,
    ) -> Option<Request<Full<Bytes>>> {
        let key = self.key.borrow().clone()?;
        let client = question.client.map(|client| client.to_string()).unwrap_or_default();
        let proof = key.proof(&[owner, question.method.as_str(), &question.target, &client]);
        let mut request = Request::builder()
            .method(question.method.clone())
            .uri(&*question.target)
            .header(HOST, address)
            .header(CLIENT, client)
            .header(PROOF, proof)
            .body(Full::new(question.body.clone()))
            .ok()?;
        request.headers_mut().extend(question.headers.clone());
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::tag_of;

    #[test]
    fn another_life_has_another_tag() {
        assert_eq!(tag_of("a#1"), tag_of("a#1"));
        assert_ne!(tag_of("a#1"), tag_of("a#2"));
    }
}
