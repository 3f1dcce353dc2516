//! Messages from instance to instance, on which requests with answers are built.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Answer, Error};

/// Mail between instances: at most once, never kept, in the order of sending for one sender while
/// nothing is lost.
pub trait Mail {
    /// What is sent to this instance, and to all. The queue is bounded by
    /// [`Limits::mailbox`](super::Limits::mailbox): what comes while it is full is dropped, and
    /// what comes afterwards is heard again. It ends when the broker is closed. An instance has
    /// one mailbox; opening it again through the same broker ends the earlier one. Where mailboxes
    /// take a moment to be heard of by the others, mail sent in that moment is lost.
    fn mailbox(&self, id: &str) -> mpsc::Receiver<Bytes>;

    /// Sends to one instance, or to all (the sender included). That nobody was there is no error,
    /// and neither is a mailbox that is full. More than [`MAIL_BYTES_MAX`](super::MAIL_BYTES_MAX)
    /// are [`Error::Refused`].
    fn post(&self, to: Recipient, bytes: Bytes) -> Answer<Result<(), Error>>;
}

/// Who gets a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// Every instance that has a mailbox.
    All,
    /// The instance with this id.
    One(Box<str>),
}
