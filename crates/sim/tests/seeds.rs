//! Seeds are run as a person would run them: no promise is broken, a run replays, and a run that
//! should fail does.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::process::{Command, Output};

/// How many seeds are run each time; `cargo xtask sim` runs more.
const SEEDS: &str = "150";

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

/// Each defect that is put into the store breaks a promise in nearly every seed.
#[test]
fn a_defect_is_found() {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/defects");
    let cases = [
        ("forgets-ids", "P4 once"),
        ("loses-acknowledged", "P3 no loss"),
        ("swaps", "P2 order"),
        ("trims-in-silence", "P3 no loss"),
    ];
    for (defect, promise) in cases {
        let faults = ["--faults", "clients,lines,loss", "--out", folder];
        let output = sim(&[&["--seeds", "8", "--plant", defect], &faults[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{defect}: {}", text(&output));
        assert!(text(&output).contains(promise), "{defect}: {}", text(&output));
    }
}

#[test]
fn what_is_not_understood_is_an_error() {
    for args in [&["--seeds"][..], &["--seeds", "x"], &["--faults", "rain"], &["--wrong"]] {
        let output = sim(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output).contains("error: "), "{args:?}");
    }
}
