//! The publications that a shard has gathered and not yet written, and who of them gets what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::OnceLock;

use foldhash::fast::RandomState;
use wire::Frame;

use super::roster::Socket;
use crate::connection::Item;
use crate::{Limits, Publication, Topic};

/// Publications in order. Each has a number, counted up through the shard's life, so that a
/// socket can remember up to where it has been served.
#[derive(Debug, Default)]
pub(super) struct Batch {
    publications: Vec<Publication>,
    bytes: usize,
    /// The number of the first publication.
    start: u64,
}

/// All publications of one topic in a batch.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) topic: Topic,
    pub(super) items: Vec<Item<'a>>,
    joined: OnceLock<Frame>,
}

/// The runs of a batch, in the order in which their topics come first.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    pub(super) all: Vec<Run<'a>>,
    /// Which of them is a topic's.
    by_topic: HashMap<Topic, usize, RandomState>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.publications.is_empty()
    }

    /// The number of the publication that comes next.
    pub(super) fn end(&self) -> u64 {
        self.start + self.publications.len() as u64
    }

    pub(super) fn has_room(&self, publication: &Publication, limits: &Limits) -> bool {
        self.is_empty()
            || (self.publications.len() < limits.batch_publications
                && self.bytes + publication.frame.len() <= limits.batch_bytes)
    }

    pub(super) fn push(&mut self, publication: Publication) {
        self.bytes += publication.frame.len();
        self.publications.push(publication);
    }

    pub(super) fn clear(&mut self) {
        self.start = self.end();
        self.bytes = 0;
        self.publications.clear();
    }

    pub(super) fn runs(&self) -> Runs<'_> {
        let mut runs = Runs { all: Vec::new(), by_topic: HashMap::default() };
        for Publication { topic, frame, class } in &self.publications {
            let item = Item { frame, class: *class };
            match runs.by_topic.entry(*topic) {
                Entry::Occupied(entry) => runs.all[*entry.get()].items.push(item),
                Entry::Vacant(entry) => {
                    entry.insert(runs.all.len());
                    let (items, joined) = (vec![item], OnceLock::new());
                    runs.all.push(Run { topic: *topic, items, joined });
                }
            }
        }
        runs
    }

    /// Hands to one socket all that it has coming and has not got yet. `scratch` is empty before
    /// and after; it only saves allocating.
    pub(super) fn give<'a>(
        &'a self,
        socket: &mut Socket,
        scratch: &mut Vec<Item<'a>>,
        held_bytes: usize,
    ) {
        let got = usize::try_from(socket.given.saturating_sub(self.start))
            .expect("no more than the length of the batch");
        socket.given = self.end();
        for Publication { topic, frame, class } in &self.publications[got..] {
            if socket.is_in(*topic) {
                scratch.push(Item { frame, class: *class });
            }
        }
        if !scratch.is_empty() {
            socket.hand(scratch, None, held_bytes);
            scratch.clear();
        }
    }

    /// Whether a member of the run's topic gets exactly this run: it is in no other topic of the
    /// batch, and was not served ahead.
    pub(super) fn is_exact_for(&self, socket: &Socket, run: &Run<'_>, runs: &Runs<'_>) -> bool {
        let in_another = |topic: Topic| topic != run.topic && runs.by_topic.contains_key(&topic);
        socket.given <= self.start && (runs.all.len() == 1 || !socket.topics().any(in_another))
    }
}

impl Run<'_> {
    /// The run in one buffer, made once for all its receivers. None where that gains nothing: a
    /// single frame needs no joining, and a single receiver can be given the parts.
    pub(super) fn whole(&self, receivers: usize) -> Option<&Frame> {
        if self.items.len() == 1 || receivers == 1 {
            return None;
        }
        Some(self.joined.get_or_init(|| Frame::join(self.items.iter().map(|item| item.frame))))
    }
}
