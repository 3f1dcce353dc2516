//! When an instance counts as gone. Without a clock: the time is an argument.
//!
//! The registry alone doesn't say it. After the store was away for longer than a lease, all
//! leases are over at once, of instances that live and will say so in a moment. So whoever has
//! not itself renewed for a whole lease, without a failure, takes nobody for gone.

use std::{collections::BTreeMap, time::Duration};

use super::Neighbour;

/// Who lives, as one instance knows it.
pub(super) struct Roster {
    lease: Duration,
    /// Since when every renewal has succeeded.
    steady_since: Option<Duration>,
    /// The last renewal that succeeded.
    renewed: Option<Duration>,
    /// In the order of their ids; this instance among them.
    live: Vec<Neighbour>,
}

impl Roster {
    pub(super) fn new(me: Neighbour, lease: Duration) -> Self {
        Self { lease, steady_since: None, renewed: None, live: vec![me] }
    }

    /// The lease was renewed, and these are registered.
    pub(super) fn renewed(&mut self, now: Duration, me: Neighbour, registered: Vec<Neighbour>) {
        // Who didn't even try for so long was asleep, and perhaps the others with it.
        if self.renewed.is_some_and(|last| now.saturating_sub(last) >= self.lease) {
            self.steady_since = None;
        }
        self.renewed = Some(now);
        let since = *self.steady_since.get_or_insert(now);
        let believed = now.saturating_sub(since) >= self.lease;
        let kept = if believed { Vec::new() } else { std::mem::take(&mut self.live) };
        let all = kept.into_iter().chain(registered).chain([me]);
        // What is said last of an instance is what holds.
        let by_id: BTreeMap<_, _> =
            all.map(|neighbour| (neighbour.id.clone(), neighbour)).collect();
        self.live = by_id.into_values().collect();
    }

    /// A renewal failed, or nobody knows whether it did.
    pub(super) fn failed(&mut self) {
        self.steady_since = None;
    }

    pub(super) fn live(&self) -> &[Neighbour] {
        &self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str) -> Neighbour {
        Neighbour { id: id.into(), name: id.into(), version: "1".into(), address: None }
    }

    /// Runs a script: `seconds: a b` is a renewal that shows a and b, `seconds: !` one that
    /// failed. Gives who lived after each step.
    fn run(script: &str) -> Vec<String> {
        let mut roster = Roster::new(named("me"), Duration::from_secs(10));
        let mut told = Vec::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (at, seen) = line.split_once(':').expect("time: ids");
            let at = Duration::from_secs(at.parse().expect("seconds"));
            if seen.trim() == "!" {
                roster.failed();
            } else {
                let seen = seen.split_whitespace().map(named).collect();
                roster.renewed(at, named("me"), seen);
            }
            let live: Vec<_> = roster.live().iter().map(|live| &*live.id).collect();
            told.push(live.join(" "));
        }
        told
    }

    #[test]
    fn it_is_there_itself_whatever_the_registry_says() {
        assert_eq!(run("0: !\n1:"), ["me", "me"]);
    }

    #[test]
    fn who_comes_is_there_at_once() {
        assert_eq!(run("0: me\n1: a me"), ["me", "a me"]);
    }

    #[test]
    fn a_newcomer_takes_nobody_for_gone() {
        assert_eq!(run("0: a me\n9: me\n10: me"), ["a me", "a me", "me"]);
    }

    #[test]
    fn after_a_failure_a_whole_lease_must_pass() {
        let script = "0: a me
            5: a me
            11: !
            12: me
            21: me
            22: me";
        assert_eq!(run(script), ["a me", "a me", "a me", "a me", "a me", "me"]);
    }

    #[test]
    fn who_slept_for_a_lease_has_to_begin_again() {
        assert_eq!(
            run("0: a me\n8: a me\n30: me\n39: me\n40: me"),
            ["a me", "a me", "a me", "a me", "me"]
        );
    }

    #[test]
    fn who_comes_back_in_time_never_left() {
        assert_eq!(run("0: a me\n9: me\n10: a me"), ["a me", "a me", "a me"]);
    }
}
