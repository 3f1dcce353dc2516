//! What a scenario came to, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::board::{Fate, Made};
use super::reconcile::Tally;
use super::witness::{What, Witness};

/// What one scenario came to.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Its name.
    pub scenario: String,
    /// Whether every promise was kept and everything healed.
    pub kept: bool,
    /// Clients, of both kinds.
    pub clients: u64,
    /// Messages that clients made.
    pub sent: u64,
    /// Messages whose senders were told that they are in the log.
    pub acknowledged: u64,
    /// Messages whose senders were told that they are not.
    pub refused: u64,
    /// Messages whose senders never learned what became of them.
    pub unanswered: u64,
    /// Messages that clients got, over all clients.
    pub delivered: u64,
    /// Acknowledged messages that the log doesn't have, and messages that clients did not get
    /// although they were told that nothing is missing.
    pub lost: u64,
    /// Messages that the log has twice, or that a client got twice.
    pub doubled: u64,
    /// Messages that a client got in another order than the log's.
    pub reordered: u64,
    /// Messages that a client got and the log does not have.
    pub unlogged: u64,
    /// How often a client came back and was told that nothing is missing.
    pub recovered: u64,
    /// How often a client came back, or was told to begin afresh, and something may be missing.
    pub reset: u64,
    /// What was done, and when it had healed.
    pub faults: Vec<Fault>,
}

/// One thing that was done to the servers. Times are milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Fault {
    /// From the start of the run until it was done.
    pub at_ms: u64,
    /// How long it lasted.
    pub lasted_ms: u64,
    /// From its end until every client had got a message that was made after it; none if that
    /// did not come to pass.
    pub healed_ms: Option<u64>,
}

impl Verdict {
    pub(crate) fn new(
        scenario: String,
        tally: Tally,
        made: &[Made],
        witnesses: &[Witness],
        faults: Vec<Fault>,
    ) -> Self {
        let count = |is: fn(Fate) -> bool| made.iter().filter(|made| is(made.fate)).count() as u64;
        let seen = |what| witnesses.iter().map(|witness| witness.count(|w| w == what)).sum();
        let open = count(|fate| fate == Fate::Unanswered);
        let healed = faults.iter().all(|fault| fault.healed_ms.is_some());
        Self {
            scenario,
            kept: tally.is_clean() && healed && open == 0 && tally.delivered > 0,
            clients: witnesses.len() as u64,
            sent: made.len() as u64,
            acknowledged: count(|fate| matches!(fate, Fate::Acknowledged(_))),
            refused: count(|fate| fate == Fate::Refused),
            unanswered: open + count(|fate| fate == Fate::Abandoned),
            delivered: tally.delivered,
            lost: tally.lost + tally.lost_by_log,
            doubled: tally.doubled + tally.doubled_in_log,
            reordered: tally.reordered,
            unlogged: tally.unlogged,
            recovered: seen(What::Recovered),
            reset: seen(What::Restarted),
            faults,
        }
    }

    /// The middle one of the times from a fault to its healing.
    fn healed_median(&self) -> Option<u64> {
        let mut times: Vec<u64> = self.faults.iter().filter_map(|fault| fault.healed_ms).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, clients, sent, acknowledged, refused, unanswered, .. } = self;
        let Self { delivered, lost, doubled, reordered, unlogged, recovered, reset, .. } = self;
        let kept = if self.kept { "kept" } else { "BROKEN" };
        writeln!(f, "{scenario}: every promise {kept}")?;
        writeln!(f, "  {clients} clients, {sent} sent, {acknowledged} acknowledged,")?;
        writeln!(f, "  {refused} refused, {unanswered} never answered, {delivered} delivered")?;
        writeln!(f, "  {lost} lost, {doubled} doubled, {reordered} out of order")?;
        if *unlogged > 0 {
            writeln!(f, "  {unlogged} seen that the log does not have")?;
        }
        writeln!(f, "  {recovered} times recovered, {reset} times begun afresh")?;
        let count = self.faults.len();
        match self.healed_median() {
            Some(median) => write!(f, "  {count} faults, healed after {median} ms (median)"),
            None => write!(f, "  {count} faults, none of them healed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALED: Fault = Fault { at_ms: 5, lasted_ms: 1, healed_ms: Some(7) };
    const GOOD: Tally = Tally {
        delivered: 9,
        lost_by_log: 0,
        lost: 0,
        doubled_in_log: 0,
        doubled: 0,
        reordered: 0,
        unlogged: 0,
    };

    fn verdict(tally: Tally, fates: &[Fate], faults: &[Fault]) -> Verdict {
        let made: Vec<Made> = fates.iter().map(|fate| Made { at: 1, fate: *fate }).collect();
        Verdict::new("name".into(), tally, &made, &[], faults.to_vec())
    }

    #[test]
    fn kept_is_what_is_clean_answered_and_healed() {
        let fates = [Fate::Acknowledged(3), Fate::Refused, Fate::Abandoned];
        let kept = verdict(GOOD, &fates, &[HEALED]);
        assert!(kept.kept && kept.to_string().contains("every promise kept"), "{kept}");
        assert_eq!((kept.sent, kept.acknowledged, kept.refused, kept.unanswered), (3, 1, 1, 1));
        assert!(verdict(GOOD, &fates, &[]).kept, "where nothing was done");
        assert!(!verdict(GOOD, &[Fate::Unanswered], &[HEALED]).kept);
        let never = Fault { healed_ms: None, ..HEALED };
        assert!(!verdict(GOOD, &fates, &[HEALED, never, HEALED]).kept);
        assert!(!verdict(Tally::default(), &fates, &[HEALED]).kept, "nobody got anything");
    }

    #[test]
    fn every_kind_of_broken_promise_shows() {
        for (tally, shown) in [
            (Tally { lost: 1, ..GOOD }, (1, 0, 0, 0)),
            (Tally { lost_by_log: 1, ..GOOD }, (1, 0, 0, 0)),
            (Tally { doubled: 1, ..GOOD }, (0, 1, 0, 0)),
            (Tally { doubled_in_log: 1, ..GOOD }, (0, 1, 0, 0)),
            (Tally { reordered: 1, ..GOOD }, (0, 0, 1, 0)),
            (Tally { unlogged: 1, ..GOOD }, (0, 0, 0, 1)),
            (Tally { lost: 1, lost_by_log: 2, ..GOOD }, (3, 0, 0, 0)),
        ] {
            let found = verdict(tally, &[Fate::Acknowledged(3)], &[HEALED]);
            assert!(!found.kept && found.to_string().contains("BROKEN"), "{found}");
            let Verdict { lost, doubled, reordered, unlogged, .. } = found;
            assert_eq!((lost, doubled, reordered, unlogged), shown);
        }
    }
}
