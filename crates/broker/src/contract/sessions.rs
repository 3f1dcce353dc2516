//! Records of the sessions that may come back: who was where, and who may write it.

use std::time::Duration;

use bytes::Bytes;

use super::{Answer, Error, SESSION_BYTES_MAX, SESSION_NAME_BYTES_MAX};
use crate::limits::fits;

/// Session records, kept beside the log. A record has one owner, named by a random token; who
/// isn't the owner any more can't change it, so a connection that was thought dead does no harm.
///
/// A record lives for the `life` that was given last, by `keep`, `claim` or `renew_sessions`,
/// counted from that call in full milliseconds, at least one. An implementation may lose records
/// (then a client isn't recovered, and told so), also such as were acknowledged a moment ago when
/// the machine loses power; but it never gives one that was replaced, and a restart of an
/// orderly or killed process loses none.
///
/// Keys, tokens and records longer than [`SESSION_NAME_BYTES_MAX`] and [`SESSION_BYTES_MAX`] are
/// [`Error::Refused`], and nothing is done.
pub trait Sessions {
    /// Makes a record, or replaces it where `record.owner` is its owner. `false` where somebody
    /// else is: nothing was written then. A record whose life is over has no owner.
    fn keep(&self, record: SessionRecord, life: Duration) -> Answer<Result<bool, Error>>;

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

    /// Forgets a record, where `owner` is its owner.
    fn forget(&self, key: &str, owner: &str) -> Answer<Result<(), Error>>;
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

impl SessionRecord {
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

pub(crate) fn check_names(key: &str, owner: &str) -> Result<(), Error> {
    fits("the session's key", key.len(), SESSION_NAME_BYTES_MAX)?;
    fits("the session's owner", owner.len(), SESSION_NAME_BYTES_MAX)
}
