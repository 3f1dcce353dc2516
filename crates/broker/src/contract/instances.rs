//! Which instances live: each one keeps a lease, which the others see until it ends.

use bytes::Bytes;

use super::{Answer, Error, INSTANCE_ABOUT_BYTES_MAX, INSTANCE_ID_BYTES_MAX};
use crate::limits::fits;

/// The registry of the instances that share a log.
///
/// An instance is registered under an id of one life: who starts again under the same name has
/// another id. Nothing here says that an instance can be reached, only that it renewed its lease
/// within [`Limits::lease`](super::Limits::lease).
pub trait Instances {
    /// Registers an instance or renews its lease, and gives all that are registered, itself
    /// included, in the order of their ids. Who was away for longer than a lease is registered
    /// again by the same call. An id that is none, or more about it than
    /// [`INSTANCE_ABOUT_BYTES_MAX`], is [`Error::Refused`].
    fn renew(&self, me: &Instance) -> Answer<Result<Vec<Instance>, Error>>;

    /// Ends a lease at once. An id that has none is no error.
    fn resign(&self, id: &str) -> Answer<Result<(), Error>>;
}

/// An instance as the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The name of one life of an instance, 1 to [`INSTANCE_ID_BYTES_MAX`] bytes without spaces
    /// and controls.
    pub id: Box<str>,
    /// What it says of itself, opaque: its name, its address, its release.
    pub about: Bytes,
}

impl Instance {
    pub(crate) fn check(&self) -> Result<(), Error> {
        fits("the instance's id", self.id.len(), INSTANCE_ID_BYTES_MAX)?;
        fits("what the instance says of itself", self.about.len(), INSTANCE_ABOUT_BYTES_MAX)?;
        if self.id.is_empty() || self.id.chars().any(|char| char == ' ' || char.is_control()) {
            return Err(Error::Refused(format!("{:?} is no id of an instance", self.id)));
        }
        Ok(())
    }
}
