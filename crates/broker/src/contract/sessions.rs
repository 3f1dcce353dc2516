//! Records of the sessions that may come back: who was where, and who may write it.

use std::time::Duration;

use bytes::Bytes;

use super::{Answer, Error};

/// Session records, kept beside the log. A record has one owner, named by a random token; who
/// isn't the owner any more can't change it, so a connection that was thought dead does no harm.
///
/// A record lives as long as it is renewed, and `life` longer. An implementation may lose records
/// (then a client isn't recovered, and told so), but never gives one that was replaced.
pub trait Sessions {
    /// Makes a record, or replaces it where `owner` is its owner. `false` where somebody else is:
    /// nothing was written then.
    fn keep(&self, record: SessionRecord, life: Duration) -> Answer<Result<bool, Error>> {
        Box::pin(async { Err(Error::Unavailable("not built yet".into())) })
    }

    /// Makes `owner` the owner of a record, and gives it as it was, with the token of the owner
    /// before. `None` where there is none, or its life is over. Of two who claim it at once each
    /// one gets it, one after the other, and the later one owns it.
    fn claim(
        &self,
        key: &str,
        owner: &str,
        life: Duration,
    ) -> Answer<Result<Option<SessionRecord>, Error>> {
        Box::pin(async { Err(Error::Unavailable("not built yet".into())) })
    }

    /// Lets records live on. Gives the keys of those that are gone, or owned by somebody else.
    fn renew_sessions(
        &self,
        owned: Vec<OwnedSession>,
        life: Duration,
    ) -> Answer<Result<Vec<Box<str>>, Error>> {
        Box::pin(async { Err(Error::Unavailable("not built yet".into())) })
    }

    /// Forgets a record, where `owner` is its owner.
    fn forget(&self, key: &str, owner: &str) -> Answer<Result<(), Error>> {
        Box::pin(async { Err(Error::Unavailable("not built yet".into())) })
    }
}

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Under which it comes back: unguessable, at most 64 bytes.
    pub key: Box<str>,
    /// Who may write it: unguessable, at most 64 bytes.
    pub owner: Box<str>,
    /// The session, opaque; at most 64 KiB.
    pub bytes: Bytes,
}

/// A record and the token that its owner holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedSession {
    /// The record's key.
    pub key: Box<str>,
    /// The owner's token.
    pub owner: Box<str>,
}
