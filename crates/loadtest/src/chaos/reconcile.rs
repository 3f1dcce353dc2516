//! What every client saw, held against the log. Pure.

use std::collections::{BTreeSet, HashMap};

use super::board::{Fate, Made};
use super::witness::{What, Witness};

/// What became of the promises, over all clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Messages seen by clients, each sight counted.
    pub(crate) delivered: u64,
    /// Acknowledged messages that the log does not have.
    pub(crate) lost_by_log: u64,
    /// Messages that a client did not see although it was told that nothing is missing.
    pub(crate) lost: u64,
    /// Messages that the log has twice.
    pub(crate) doubled_in_log: u64,
    /// Messages that a client saw twice.
    pub(crate) doubled: u64,
    /// Messages that a client saw after one that stands behind them in the log.
    pub(crate) reordered: u64,
    /// Messages that a client saw and the log does not have.
    pub(crate) unlogged: u64,
}

impl Tally {
    /// Whether every promise was kept.
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self { delivered: self.delivered, ..Self::default() }
    }
}

/// Holds what was seen against the log: the numbers of its messages, in its order.
pub(crate) fn reconcile(log: &[u32], made: &[Made], witnesses: &[Witness]) -> Tally {
    let mut tally = Tally::default();
    let mut places = HashMap::new();
    // Who waits for a message that is there twice sees its first place.
    let mut order = Vec::new();
    for number in log {
        if places.contains_key(number) {
            tally.doubled_in_log += 1;
        } else {
            places.insert(*number, order.len());
            order.push(*number);
        }
    }
    let acknowledged = made.iter().zip(0_u32..);
    let vanished = acknowledged.filter(|(made, number)| {
        matches!(made.fate, Fate::Acknowledged(_)) && !places.contains_key(number)
    });
    tally.lost_by_log = vanished.count() as u64;
    for witness in witnesses {
        Reader::default().read(witness, &places, order.len(), &mut tally);
    }
    tally
}

/// Goes along what one client saw.
#[derive(Debug, Default)]
struct Reader {
    /// The place that must come next; none where a client may begin anywhere.
    next: Option<usize>,
    /// Behind the last place that was seen.
    behind: usize,
    /// Places that were passed over although the client was not told so.
    missing: BTreeSet<usize>,
    /// Places that the client was told it might miss.
    excused: BTreeSet<usize>,
}

impl Reader {
    fn read(
        mut self,
        witness: &Witness,
        places: &HashMap<u32, usize>,
        length: usize,
        tally: &mut Tally,
    ) {
        for seen in &witness.seen {
            match seen.what {
                What::Connected | What::Restarted => self.next = None,
                What::Recovered => {}
                What::Message(number) => {
                    tally.delivered += 1;
                    match places.get(&number) {
                        Some(place) => self.sight(*place, tally),
                        None => tally.unlogged += 1,
                    }
                }
            }
        }
        // Nothing can be said of who has seen nothing since it began afresh.
        let at_the_end = self.next.map_or(0, |next| length - next);
        tally.lost += (self.missing.len() + at_the_end) as u64;
    }

    fn sight(&mut self, place: usize, tally: &mut Tally) {
        if place >= self.behind {
            let passed_over = self.behind..place;
            match self.next {
                Some(_) => self.missing.extend(passed_over),
                None => self.excused.extend(passed_over),
            }
            self.behind = place + 1;
            self.next = Some(self.behind);
        } else if self.missing.remove(&place) || self.excused.remove(&place) {
            tally.reordered += 1;
        } else {
            tally.doubled += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use What::{Connected, Message, Recovered, Restarted};

    fn tally(log: &[u32], seen: &[What]) -> Tally {
        let made = (0..5).map(|at| Made { at, fate: Fate::Acknowledged(at) });
        let made: Vec<Made> = made.chain([Made { at: 5, fate: Fate::Refused }]).collect();
        let mut witness = Witness::new("w".into());
        for (what, at) in seen.iter().zip(0..) {
            witness.note(at, *what);
        }
        reconcile(log, &made, &[witness])
    }

    const LOG: &[u32] = &[1, 0, 2, 3, 4];

    #[test]
    fn the_log_from_anywhere_to_its_end_is_clean() {
        for from in 0..5 {
            let seen: Vec<What> = [Connected]
                .into_iter()
                .chain(LOG[from..].iter().map(|number| Message(*number)))
                .collect();
            let found = tally(LOG, &seen);
            assert!(found.is_clean(), "{found:?}");
            assert_eq!(found.delivered, 5 - from as u64);
        }
    }

    #[test]
    fn a_hole_is_lost_unless_the_client_was_told() {
        let seen = |back| [Connected, Message(1), back, Message(3), Message(4)];
        assert_eq!(tally(LOG, &seen(Recovered)).lost, 2);
        assert!(tally(LOG, &seen(Restarted)).is_clean());
    }

    #[test]
    fn what_is_missing_at_the_end_is_lost() {
        assert_eq!(tally(LOG, &[Connected, Message(1), Message(0)]).lost, 3);
        let told = [Connected, Message(1), Message(0), Restarted];
        assert!(tally(LOG, &told).is_clean(), "it has seen nothing since");
    }

    #[test]
    fn what_comes_again_is_doubled_also_when_the_client_began_afresh() {
        let again = [Connected, Message(2), Message(3), Message(3), Message(4)];
        assert_eq!(tally(LOG, &again).doubled, 1);
        let afresh = [Connected, Message(2), Message(3), Restarted, Message(3), Message(4)];
        assert_eq!(tally(LOG, &afresh).doubled, 1);
    }

    #[test]
    fn another_order_is_found() {
        let seen = [Connected, Message(1), Message(2), Message(0), Message(3), Message(4)];
        let found = tally(LOG, &seen);
        assert_eq!((found.reordered, found.lost, found.doubled), (1, 0, 0));
        let late = [Connected, Message(1), Restarted, Message(3), Message(2), Message(4)];
        assert_eq!(tally(LOG, &late).reordered, 1);
    }

    #[test]
    fn the_log_itself_is_held_against_what_was_acknowledged() {
        let seen = [Connected, Message(1), Message(0), Message(2), Message(3)];
        assert_eq!(tally(&[1, 0, 2, 3], &seen).lost_by_log, 1);
        assert_eq!(tally(&[1, 0, 2, 3, 4, 0], &[]).doubled_in_log, 1);
        let refused = tally(LOG, &[Connected, Message(4), Message(5)]);
        assert_eq!(refused.unlogged, 1, "it was seen and is not in the log");
    }
}
