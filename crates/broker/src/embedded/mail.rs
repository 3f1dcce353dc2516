//! Mail between the instances in this process: a bounded queue for each of them, in memory.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Embedded, closed};
use crate::{Answer, Error, MAIL_BYTES_MAX, Mail, Recipient, limits::fits};

/// Mailboxes that can be open at a time; who asks for more gets one that has ended.
const MAILBOXES_MAX: usize = 1_024;

/// All open mailboxes.
#[derive(Default)]
pub(super) struct PostOffice {
    /// Guards the order too: whoever posts does it under this lock. Nothing in it blocks.
    boxes: Mutex<Boxes>,
}

#[derive(Default)]
struct Boxes {
    closed: bool,
    by_id: HashMap<Box<str>, mpsc::Sender<Bytes>>,
}

impl PostOffice {
    pub(super) fn close(&self) {
        let mut boxes = self.boxes.lock();
        boxes.closed = true;
        boxes.by_id.clear();
    }

    fn open(&self, id: &str, length: usize) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(length.max(1));
        let mut boxes = self.boxes.lock();
        boxes.by_id.retain(|_, sender| !sender.is_closed());
        // The earlier mailbox of this id ends by being replaced.
        let full = boxes.by_id.len() >= MAILBOXES_MAX && !boxes.by_id.contains_key(id);
        if !boxes.closed && !full {
            boxes.by_id.insert(id.into(), sender);
        }
        receiver
    }

    fn post(&self, to: &Recipient, bytes: &Bytes) -> Result<(), Error> {
        fits("the message", bytes.len(), MAIL_BYTES_MAX)?;
        let boxes = self.boxes.lock();
        if boxes.closed {
            return Err(closed());
        }
        // A mailbox that is full, or whose owner has gone, misses it.
        match to {
            Recipient::All => {
                for sender in boxes.by_id.values() {
                    let _ = sender.try_send(bytes.clone());
                }
            }
            Recipient::One(id) => {
                if let Some(sender) = boxes.by_id.get(id) {
                    let _ = sender.try_send(bytes.clone());
                }
            }
        }
        Ok(())
    }
}

impl Mail for Embedded {
    fn mailbox(&self, id: &str) -> mpsc::Receiver<Bytes> {
        self.shared.post_office.open(id, self.shared.limits.mailbox)
    }

    fn post(&self, to: Recipient, bytes: Bytes) -> Answer<Result<(), Error>> {
        let answer = self.shared.post_office.post(&to, &bytes);
        Box::pin(async { answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_bounded_and_who_left_makes_room() {
        let office = PostOffice::default();
        let mut open: Vec<_> =
            (0..MAILBOXES_MAX).map(|number| office.open(&number.to_string(), 1)).collect();
        assert!(office.open("one more", 1).is_closed());
        let again = office.open("7", 1);
        assert!(!again.is_closed() && open[7].is_closed());
        open.pop();
        assert!(!office.open("one more", 1).is_closed());
    }
}
