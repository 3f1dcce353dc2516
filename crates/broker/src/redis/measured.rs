//! What measurements see of what is private otherwise.

use super::{link::Messages, publication::Decoder};
use crate::Delivery;

/// Reads what comes over a subscription's socket, as the subscription does.
#[derive(Default)]
pub struct Deliveries {
    messages: Messages,
    decoder: Decoder,
}

impl Deliveries {
    /// Adds the deliveries that were read. Says how many bytes they took.
    pub fn read(&mut self, bytes: &[u8], all: &mut Vec<Delivery>) -> usize {
        let Self { messages, decoder } = self;
        messages.take(bytes, |payload| {
            all.extend(decoder.decode(payload).ok().map(|decoded| decoded.delivery));
        })
    }
}
