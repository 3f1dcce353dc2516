//! `cargo xtask test`: runs the steps, shows how long each took, and ends with one plain line.
//! What a step does is in `steps.rs`; what it needs from the machine in `tools.rs`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::steps::{STEPS, Step};

/// How a step ended.
enum Outcome {
    Passed(Duration),
    Failed(Duration, String),
    /// A step that this one needs did not pass.
    NotRun(&'static str),
}

/// Runs all steps, or those named by `--only` and what they need. A failed step does not stop the
/// ones that can do without it; any step that did not pass makes the command fail.
pub(crate) fn test(root: &Path, args: &[String]) -> Result<()> {
    let selected = selected(args)?;
    let mut outcomes: Vec<(&'static str, Outcome)> = Vec::new();
    for step in STEPS.iter().filter(|step| selected.contains(&step.name)) {
        let outcome = match missing(step, &outcomes) {
            Some(needed) => Outcome::NotRun(needed),
            None => take(root, step),
        };
        outcomes.push((step.name, outcome));
    }
    summary(&outcomes)
}

/// The names of the steps to run, with all that they need.
fn selected(args: &[String]) -> Result<Vec<&'static str>> {
    let mut wanted = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let name = match arg.as_str() {
            "--only" => args.next().map_or("", String::as_str),
            other => bail!("unknown option {other}; there is only `--only STEP`"),
        };
        match STEPS.iter().find(|step| step.name == name) {
            Some(step) => wanted.push(step),
            None => bail!("no step is called {name:?}; there are {}", names().join(", ")),
        }
    }
    if wanted.is_empty() {
        return Ok(names());
    }
    let mut selected = Vec::new();
    while let Some(step) = wanted.pop() {
        if !selected.contains(&step.name) {
            selected.push(step.name);
            wanted.extend(STEPS.iter().filter(|other| step.needs.contains(&other.name)));
        }
    }
    Ok(selected)
}

fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

/// The first step that this one needs and that did not pass.
fn missing(step: &Step, outcomes: &[(&'static str, Outcome)]) -> Option<&'static str> {
    let passed = |name: &str| {
        outcomes
            .iter()
            .any(|(other, outcome)| *other == name && matches!(outcome, Outcome::Passed(_)))
    };
    step.needs.iter().copied().find(|name| !passed(name))
}

#[expect(clippy::disallowed_methods, reason = "a person wants to know how long a step took")]
fn take(root: &Path, step: &Step) -> Outcome {
    println!("\n=== {}: {}", step.name, step.what);
    let started = Instant::now();
    let result = (step.run)(root);
    let took = started.elapsed();
    match result {
        Ok(()) => {
            println!("=== {} passed in {}", step.name, seconds(took));
            Outcome::Passed(took)
        }
        Err(error) => {
            println!("=== {} FAILED in {}: {error:#}", step.name, seconds(took));
            Outcome::Failed(took, format!("{error:#}"))
        }
    }
}

fn summary(outcomes: &[(&'static str, Outcome)]) -> Result<()> {
    println!("\n=== summary");
    let (mut passed, mut failed) = (0, 0);
    for (name, outcome) in outcomes {
        match outcome {
            Outcome::Passed(took) => {
                passed += 1;
                println!("{name:<12} passed  {:>8}", seconds(*took));
            }
            Outcome::Failed(took, why) => {
                failed += 1;
                let why = why.lines().next().unwrap_or_default();
                println!("{name:<12} FAILED  {:>8}  {why}", seconds(*took));
            }
            Outcome::NotRun(needed) => {
                failed += 1;
                println!("{name:<12} FAILED            not run: it needs {needed}");
            }
        }
    }
    println!("\nsteps: {passed} passed, {failed} failed");
    if failed > 0 {
        bail!("{failed} of {} steps failed", outcomes.len());
    }
    Ok(())
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(names: &[&str]) -> Result<Vec<&'static str>> {
        let args: Vec<String> =
            names.iter().flat_map(|name| ["--only".to_owned(), (*name).to_owned()]).collect();
        selected(&args)
    }

    #[test]
    fn without_options_every_step_is_selected() {
        assert_eq!(only(&[]).unwrap(), names());
    }

    #[test]
    fn a_step_brings_the_steps_it_needs() {
        let selected = only(&["e2e"]).unwrap();
        for name in ["e2e", "build", "page"] {
            assert!(selected.contains(&name), "{name} is missing in {selected:?}");
        }
        assert_eq!(only(&["format"]).unwrap(), ["format"]);
    }

    #[test]
    fn an_unknown_step_or_option_is_an_error() {
        assert!(only(&["e3e"]).unwrap_err().to_string().contains("e3e"));
        assert!(selected(&["--fast".to_owned()]).is_err());
        assert!(selected(&["--only".to_owned()]).is_err());
    }

    #[test]
    fn what_a_step_needs_comes_before_it() {
        for (at, step) in STEPS.iter().enumerate() {
            for needed in step.needs {
                assert!(names()[..at].contains(needed), "{} needs {needed} earlier", step.name);
            }
        }
    }

    #[test]
    fn a_step_is_held_back_only_by_one_that_did_not_pass() {
        let step = Step { name: "x", what: "", needs: &["a", "b"], run: |_| Ok(()) };
        let passed = |name| (name, Outcome::Passed(Duration::ZERO));
        let failed = ("b", Outcome::Failed(Duration::ZERO, String::new()));
        assert_eq!(missing(&step, &[passed("a"), passed("b")]), None);
        assert_eq!(missing(&step, &[passed("a"), failed]), Some("b"));
        assert_eq!(missing(&step, &[]), Some("a"));
    }

    #[test]
    fn one_failure_makes_the_whole_command_fail() {
        assert!(summary(&[("a", Outcome::Passed(Duration::ZERO))]).is_ok());
        assert!(summary(&[("a", Outcome::Failed(Duration::ZERO, String::new()))]).is_err());
        assert!(summary(&[("a", Outcome::NotRun("b"))]).is_err());
    }
}
