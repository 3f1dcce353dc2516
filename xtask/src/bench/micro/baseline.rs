//! The stored counts: how they are written down, and what a new measurement is against them. How
//! they are measured is `measure.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

/// Beyond this many percent more a path has got worse.
pub(super) const WORSE_PERCENT: f64 = 5.0;

/// From this many percent less it is said that a path has got better.
const BETTER_PERCENT: f64 = 1.0;

const HEAD: &str = "\
# Instructions that the hot paths take, by benchmark; `cargo xtask bench micro` compares with them
# and `cargo xtask bench micro --save` writes them. Other versions of these tools may count others:
";

/// Instructions by benchmark, and with what they were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The compiler, valgrind and the kind of machine, a line.
    pub(super) tools: String,
    pub(super) by_name: BTreeMap<String, u64>,
}

/// What came of a comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The comparison as text, a line for each benchmark.
    pub(super) table: String,
    /// What makes the command fail.
    pub(super) faults: Vec<String>,
}

impl Counts {
    /// Reads what [`Self::text`] wrote.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut counts = Self::default();
        for (at, line) in text.lines().enumerate() {
            let place = || format!("line {} of the stored counts: {line:?}", at + 1);
            if let Some(tools) = line.strip_prefix("tools: ") {
                tools.clone_into(&mut counts.tools);
            } else if !line.is_empty() && !line.starts_with('#') {
                let (count, name) = line.trim_start().split_once(' ').with_context(place)?;
                let count = count.parse().with_context(place)?;
                if counts.by_name.insert(name.to_owned(), count).is_some() {
                    bail!("{} comes twice", place());
                }
            }
        }
        Ok(counts)
    }

    /// The counts as they are stored.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{HEAD}tools: {}\n", self.tools);
        for (name, count) in &self.by_name {
            writeln!(text, "{count:>10} {name}").expect("a String takes all");
        }
        text
    }

    /// What these, measured now, are against the stored ones.
    pub(super) fn against(&self, stored: &Self) -> Verdict {
        let mut verdict = Verdict::default();
        let (mut better, mut same) = (0, 0);
        for (name, now) in &self.by_name {
            let Some(before) = stored.by_name.get(name) else {
                verdict.line(name, "-", *now, "new, not compared");
                continue;
            };
            let percent = percent(*before, *now);
            let word = if percent > WORSE_PERCENT {
                verdict.faults.push(format!("{name} takes {percent:.1} % more"));
                "WORSE"
            } else if percent <= -BETTER_PERCENT {
                better += 1;
                "better"
            } else {
                same += usize::from(before == now);
                ""
            };
            verdict.line(name, &before.to_string(), *now, &format!("{percent:+7.2} % {word}"));
        }
        for name in stored.by_name.keys().filter(|name| !self.by_name.contains_key(*name)) {
            verdict.faults.push(format!("{name} is stored and was not measured"));
        }
        let counted = self.by_name.len();
        let worse = verdict.faults.len();
        writeln!(
            verdict.table,
            "\n{counted} counted: {same} exactly as stored, {better} better, {worse} faults"
        )
        .expect("a String takes all");
        if self.tools != stored.tools && !stored.tools.is_empty() {
            let (then, now) = (&stored.tools, &self.tools);
            let hint = format!("stored with {then}\ncounted with {now}: that alone may differ\n");
            verdict.table.push_str(&hint);
        }
        verdict
    }
}

impl Verdict {
    fn line(&mut self, name: &str, before: &str, now: u64, what: &str) {
        writeln!(self.table, "{name:<58} {before:>10} {now:>10} {}", what.trim_end())
            .expect("a String takes all");
    }
}

/// How much more the second is, in percent of the first.
fn percent(before: u64, now: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let (before, now) = (before.max(1) as f64, now as f64);
    (now - before) * 100.0 / before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Counts {
        let by_name = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Counts { tools: "rustc 1, valgrind 2".to_owned(), by_name }
    }

    #[test]
    fn what_is_stored_is_read_as_it_was() {
        let counts = counts(&[("wire/a.of_100", 123_456_789), ("hub/b.one", 1)]);
        assert_eq!(Counts::parse(&counts.text()).unwrap(), counts);
        assert!(Counts::parse("many wire/a\n").is_err());
        assert!(Counts::parse("12\n").is_err());
        assert!(Counts::parse("12 a\n13 a\n").is_err());
    }

    #[test]
    fn more_than_five_percent_more_is_a_fault() {
        let stored = counts(&[("a", 1_000), ("b", 1_000), ("c", 1_000)]);
        let now = counts(&[("a", 1_051), ("b", 1_050), ("c", 900)]);
        let verdict = now.against(&stored);
        assert_eq!(verdict.faults, ["a takes 5.1 % more"]);
        assert!(verdict.table.contains("better") && verdict.table.contains("WORSE"));
        assert!(stored.against(&stored).table.contains("3 exactly as stored"));
    }

    #[test]
    fn a_benchmark_that_went_away_is_a_fault_and_a_new_one_is_not() {
        let (one, two) = (counts(&[("a", 1)]), counts(&[("a", 1), ("b", 1)]));
        assert_eq!(one.against(&two).faults, ["b is stored and was not measured"]);
        let verdict = two.against(&one);
        assert!(verdict.faults.is_empty() && verdict.table.contains("new"), "{verdict:?}");
    }

    #[test]
    fn other_tools_are_named() {
        let mut other = counts(&[("a", 1)]);
        "rustc 9".clone_into(&mut other.tools);
        assert!(other.against(&counts(&[("a", 1)])).table.contains("rustc 9"));
    }
}
