//! Frames that wait in order within a byte limit: in front of a connection, or for a held socket.
//! What to do when it is full is the business of its owner.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::Waker;

use wire::Frame;

use crate::Class;

/// Slices in one vectored write. More gain nothing, and the array lives on the stack.
pub(crate) const SLICES_MAX: usize = 64;

/// A frame and its class, borrowed from wherever the batch lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) class: Class,
}

#[derive(Debug)]
struct Waiting {
    frame: Frame,
    class: Class,
}

/// What one waiting frame counts at the limit beside its own bytes: the memory of its place, so
/// that a million tiny frames are no way around the limit.
pub(crate) const PLACE_BYTES: usize = size_of::<Waiting>();

/// There is no room, although these many ephemeral frames were dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) dropped: usize,
}

/// The queue. It is made when the first frame has to wait and dropped when the last is gone, so
/// that an idle connection pays for a null pointer only.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<Waiting>,
    /// Bytes not yet written, of all frames.
    bytes: usize,
    /// How much of the first frame is written. Such a frame must be finished: the peer has the
    /// beginning of it.
    written: usize,
    /// Who waits until there is room; here, since nobody has to while nothing waits.
    pub(crate) room: Option<Waker>,
}

impl Outbox {
    /// Queues a frame; answers how many ephemeral ones were dropped (perhaps this one) for it.
    ///
    /// # Errors
    /// `Full` when the limit forbids it; the lasting frames then still wait. One frame alone
    /// always fits.
    pub(crate) fn push(&mut self, item: Item<'_>, limit: usize) -> Result<usize, Full> {
        let mut dropped = 0;
        if item.frame.is_empty() {
            return Ok(0);
        }
        if !self.has_room(item.frame, limit) {
            dropped = self.drop_ephemeral();
            if !self.has_room(item.frame, limit) {
                return match item.class {
                    Class::Ephemeral => Ok(dropped + 1),
                    Class::Lasting => Err(Full { dropped }),
                };
            }
        }
        self.append(item);
        Ok(dropped)
    }

    /// Queues the rest of a frame whose first `written` bytes are on the wire already.
    pub(crate) fn push_begun(&mut self, item: Item<'_>, written: usize) {
        debug_assert!(self.frames.is_empty() && written < item.frame.len());
        self.append(item);
        self.written = written;
        self.bytes -= written;
    }

    fn append(&mut self, item: Item<'_>) {
        self.bytes += item.frame.len();
        self.frames.push_back(Waiting { frame: item.frame.clone(), class: item.class });
    }

    /// The first frame doesn't count: it is on its way, and a large answer to a healthy client
    /// must not forbid what comes behind it.
    fn has_room(&self, frame: &Frame, limit: usize) -> bool {
        let Some(head) = self.frames.front() else { return true };
        let behind = self.bytes + self.written - head.frame.len();
        behind + frame.len() + self.frames.len() * PLACE_BYTES <= limit
    }

    /// Drops what may be dropped and answers how many frames that were.
    fn drop_ephemeral(&mut self) -> usize {
        let before = self.frames.len();
        let mut begun = self.written > 0;
        self.frames.retain(|waiting| {
            std::mem::take(&mut begun) || matches!(waiting.class, Class::Lasting)
        });
        self.bytes = self.frames.iter().map(|waiting| waiting.frame.len()).sum();
        self.bytes -= self.written;
        before - self.frames.len()
    }

    /// Drops everything but a frame that was begun; answers how many frames that were.
    pub(crate) fn keep_begun_only(&mut self) -> usize {
        let kept = usize::from(self.written > 0).min(self.frames.len());
        let dropped = self.frames.len() - kept;
        self.frames.truncate(kept);
        let head = self.frames.front().map_or(0, |waiting| waiting.frame.len());
        self.bytes = head - self.written;
        dropped
    }

    /// Fills slices with what is to be written next and answers how many it used.
    pub(crate) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let mut used = 0;
        for (slice, waiting) in slices.iter_mut().zip(&self.frames) {
            let begun = if used == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&waiting.frame.bytes()[begun..]);
            used += 1;
        }
        used
    }

    /// Takes note that `written` more bytes are on the wire.
    pub(crate) fn advance(&mut self, written: usize) {
        self.bytes -= written;
        self.written += written;
        while let Some(head) = self.frames.front() {
            let length = head.frame.len();
            if self.written < length {
                break;
            }
            self.written -= length;
            self.frames.pop_front();
        }
    }

    /// Takes whole frames: the first in any case, then more while both limits hold.
    pub(crate) fn take(&mut self, max_packets: usize, max_bytes: usize) -> Vec<Frame> {
        debug_assert_eq!(self.written, 0, "a begun frame belongs to its stream");
        let (mut taken, mut packets, mut bytes) = (Vec::new(), 0, 0);
        while let Some(head) = self.frames.front() {
            packets += head.frame.packets();
            bytes += head.frame.len();
            if !taken.is_empty() && (packets > max_packets || bytes > max_bytes) {
                break;
            }
            let Some(head) = self.frames.pop_front() else { break };
            self.bytes -= head.frame.len();
            taken.push(head.frame);
        }
        taken
    }

    /// Replaces frames before any byte of them is written.
    pub(crate) fn replace(&mut self, other: impl Fn(&Frame) -> Frame) {
        for waiting in &mut self.frames {
            waiting.frame = other(&waiting.frame);
        }
        self.bytes = self.frames.iter().map(|waiting| waiting.frame.len()).sum();
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.frames.iter().map(|waiting| Item { frame: &waiting.frame, class: waiting.class })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
