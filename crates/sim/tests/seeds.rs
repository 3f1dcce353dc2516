//! Seeds are run as a person would run them: no promise is broken, a run replays, and a run that
//! should fail does.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::process::{Command, Output};

/// How many seeds are run each time; `cargo xtask sim` runs more.
const SEEDS: &str = "200";

fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[test]
fn no_promise_is_broken() {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/seeds");
    let output = sim(&["--seeds", SEEDS, "--out", folder]);
    assert!(output.status.success(), "{}", text(&output));
    let shown = text(&output);
    assert!(shown.contains(&format!("{SEEDS} seeds from 0")), "{shown}");
}

#[test]
fn same_seed_gives_the_same_log() {
    for seed in ["3", "8", "21"] {
        let [one, other] = [(); 2].map(|()| sim(&["--seed", seed, "--log"]));
        let one = text(&one);
        assert!(one.lines().count() > 100, "{one}");
        assert_eq!(one, text(&other));
        assert_ne!(one, text(&sim(&["--seed", "4", "--log"])), "another seed is another run");
    }
}
