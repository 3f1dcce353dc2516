//! Records of the sessions that may come back: who was where, and who may write it.

use std::time::Duration;

use bytes::Bytes;

use super::{Answer, Error, SESSION_BYTES_MAX, SESSION_NAME_BYTES_MAX};
use crate::limits::fits;

/// Session records, kept beside the log. A record has one owner, named by a random token; who
/// isn't the owner any more can't change it, so a connection that was thought dead does no harm.
///
/// A record lives for the `life` that was given last, by `keep_sessions`, `claim` or
/// `renew_sessions`, counted from that call in full milliseconds, at least one. An implementation
/// may lose records (then a client isn't recovered, and told so), also such as were acknowledged a
/// moment ago when the machine loses power; but it never gives one that was replaced, and a restart
/// of an orderly or killed process loses none.
///
/// Keys, tokens and records longer than [`SESSION_NAME_BYTES_MAX`] and [`SESSION_BYTES_MAX`] are
/// [`Error::Refused`], and nothing is done, also about the others of the same call.
pub trait Sessions {
    /// Makes records, or replaces them where `owner` is their owner: as many as one likes, one
    /// after the other, in parts, so that nobody is held up by it. Says of each one, in the order
    /// of `records`, whether it was written; it was not where somebody else is its owner. A record
    /// whose life is over has no owner. On an error some may have been written; who says them once
    /// more does no harm.
    fn keep_sessions(
        &self,
        records: Vec<SessionRecord>,
        life: Duration,
    ) -> Answer<Result<Vec<bool>, Error>>;

    /// The same of one record.
    fn keep(&self, record: SessionRecord, life: Duration) -> Answer<Result<bool, Error>> {
        let keeping = self.keep_sessions(vec![record], life);
        Box::pin(async move { Ok(keeping.await?.first().is_some_and(|kept| *kept)) })
    }

    /// Makes `owner` the owner of a record, and gives it as it was, with the token of the owner
    /// before. `None` where there is none, or its life is over. Of two who claim it at once each
    /// one gets it, one after the other, and the later one owns it. Who claims once more, since it
    /// heard no answer, is answered the same.
    fn claim(
        &self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Answer<Result<Option<SessionRecord>, Error>>;

    /// Lets records live on: as many as one likes, in parts, so that nobody is held up by it.
    /// Gives the keys of those that are gone, or owned by somebody else, in the order of `owned`.
    fn renew_sessions(
        &self,
        owned: Vec<OwnedSession>,
        life: Duration,
    ) -> Answer<Result<Vec<Box<str>>, Error>>;

    /// Forgets records, where `owner` is their owner: as many as one likes, in parts.
    fn forget_sessions(&self, owned: Vec<OwnedSession>) -> Answer<Result<(), Error>>;

    /// The same of one record.
    fn forget(&self, key: &str, owner: &str) -> Answer<Result<(), Error>> {
        self.forget_sessions(vec![OwnedSession { key: key.into(), owner: owner.into() }])
    }
}

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Under which it comes back: unguessable, at most [`SESSION_NAME_BYTES_MAX`].
    pub key: Box<str>,
    /// Who may write it: unguessable, at most [`SESSION_NAME_BYTES_MAX`].
    pub owner: Box<str>,
    /// The session, opaque; at most [`SESSION_BYTES_MAX`].
    pub bytes: Bytes,
}

/// Bytes of the records of one part, if it is not a single one.
const PART_BYTES_MAX: usize = 1 << 20;

impl SessionRecord {
    /// Cuts records into parts, so that each one is a small piece of work.
    pub(crate) fn parts(
        records: Vec<Self>,
        count_max: usize,
    ) -> impl Iterator<Item = Vec<Self>> + Send {
        let mut records = records.into_iter().peekable();
        std::iter::from_fn(move || {
            let mut part = vec![records.next()?];
            let mut bytes = part[0].weight();
            while part.len() < count_max {
                let fitting = |next: &Self| bytes + next.weight() <= PART_BYTES_MAX;
                let Some(next) = records.next_if(fitting) else { break };
                bytes += next.weight();
                part.push(next);
            }
            Some(part)
        })
    }

    /// Bytes that it holds while it waits.
    pub(crate) fn weight(&self) -> usize {
        self.key.len() + self.owner.len() + self.bytes.len()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_names(&self.key, &self.owner)?;
        fits("the session record", self.bytes.len(), SESSION_BYTES_MAX)
    }
}

/// A record and the token that its owner holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedSession {
    /// The record's key.
    pub key: Box<str>,
    /// The owner's token.
    pub owner: Box<str>,
}

impl OwnedSession {
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_names(&self.key, &self.owner)
    }
}

pub(crate) fn check_names(key: &str, owner: &str) -> Result<(), Error> {
    fits("the session's key", key.len(), SESSION_NAME_BYTES_MAX)?;
    fits("the session's owner", owner.len(), SESSION_NAME_BYTES_MAX)
}
