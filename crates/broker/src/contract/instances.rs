//! Which instances live: each one keeps a lease, which the others see until it ends.

use bytes::Bytes;

use super::{Answer, Error};

/// The registry of the instances that share a log.
///
/// An instance is registered under an id of one life: who starts again under the same name has
/// another id. Nothing here says that an instance can be reached, only that it renewed its lease
/// within [`Limits::lease`](super::Limits::lease).
pub trait Instances {
    /// Registers an instance or renews its lease, and gives all that are registered, itself
    /// included, in the order of their ids. Who was away for longer than a lease is registered
    /// again by the same call.
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>> {
        Box::pin(async { Err(Error::Unavailable("not built yet".into())) })
    }

    /// Ends a lease at once. An id that has none is no error.
    fn resign(&self, id: &str) -> Answer<Result<(), Error>> {
        Box::pin(async { Err(Error::Unavailable("not built yet".into())) })
    }
}

/// An instance as the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The name of one life of an instance, at most 128 bytes, without spaces and controls.
    pub id: Box<str>,
    /// What it says of itself, opaque: its name, its address, its release.
    pub about: Bytes,
}
