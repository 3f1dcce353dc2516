//! The publications that a shard has gathered and not yet written, and who of them gets what.

use wire::Frame;

use super::roster::{Roster, Socket};
use super::slots::Place;
use crate::connection::Item;
use crate::metrics::Tally;
use crate::{Class, Limits, Publication};

/// Publications in order. Each has a number, counted up through the shard's life, so that a
/// socket can remember up to where it has been served.
#[derive(Debug, Default)]
pub(super) struct Batch {
    publications: Vec<Gathered>,
    /// In the order in which their topics come first.
    runs: Vec<Run>,
    bytes: usize,
    /// The number of the first publication.
    start: u64,
}

#[derive(Debug)]
struct Gathered {
    /// Where the roster has the topic.
    topic: Place,
    /// Where the topic's next publication is.
    next: Option<Index>,
    frame: Frame,
    class: Class,
}

/// A place in the batch; there are fewer than a limit allows.
type Index = u32;

/// All publications of one topic in the batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) topic: Place,
    first: Index,
    last: Index,
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

    /// Adds a publication; `run` says which of the runs is the topic's, and learns it.
    pub(super) fn push(&mut self, topic: Place, run: &mut Option<Index>, added: &Publication) {
        let index = Index::try_from(self.publications.len()).expect("a batch is bounded");
        if let Some(run) = run {
            let run = &mut self.runs[*run as usize];
            self.publications[run.last as usize].next = Some(index);
            run.last = index;
        } else {
            *run = Some(Index::try_from(self.runs.len()).expect("a batch is bounded"));
            self.runs.push(Run { topic, first: index, last: index });
        }
        let Publication { frame, class, .. } = added;
        self.bytes += frame.len();
        let gathered = Gathered { topic, next: None, frame: frame.clone(), class: *class };
        self.publications.push(gathered);
    }

    /// Ends the batch; all that is in it has been given to whoever gets it.
    pub(super) fn clear(&mut self, roster: &mut Roster) {
        for run in self.runs.drain(..) {
            roster.end_run(run.topic);
        }
        self.start = self.end();
        self.bytes = 0;
        self.publications.clear();
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The publications of a run, in order, into `items`.
    pub(super) fn collect<'a>(&'a self, run: &Run, items: &mut Vec<Item<'a>>) {
        items.clear();
        let mut next = Some(run.first);
        while let Some(index) = next {
            let gathered = &self.publications[index as usize];
            items.push(Item { frame: &gathered.frame, class: gathered.class });
            next = gathered.next;
        }
    }

    /// Hands to one socket all that it has coming and has not got yet. `scratch` is empty before
    /// and after; it only saves allocating.
    pub(super) fn give<'a>(
        &'a self,
        socket: &mut Socket,
        scratch: &mut Vec<Item<'a>>,
        held_bytes: usize,
        tally: &mut Tally,
    ) {
        let got = usize::try_from(socket.given.saturating_sub(self.start))
            .expect("no more than the length of the batch");
        socket.given = self.end();
        for Gathered { topic, frame, class, .. } in &self.publications[got..] {
            if socket.is_in(*topic) {
                scratch.push(Item { frame, class: *class });
            }
        }
        if !scratch.is_empty() {
            socket.hand(scratch, None, held_bytes, tally);
            scratch.clear();
        }
    }

    /// Whether the socket got nothing of the batch yet.
    pub(super) fn is_new_to(&self, socket: &Socket) -> bool {
        socket.given <= self.start
    }
}

/// The items in one buffer for all their receivers. None where that gains nothing: a single frame
/// needs no joining, and a single receiver can be given the parts.
pub(super) fn joined(items: &[Item<'_>], receivers: usize) -> Option<Frame> {
    let gains = items.len() > 1 && receivers > 1;
    gains.then(|| Frame::join(items.iter().map(|item| item.frame)))
}
