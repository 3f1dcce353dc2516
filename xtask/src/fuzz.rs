//! `cargo xtask fuzz`: says how to fuzz. The committed corpus is replayed by the ordinary tests;
//! looking for new inputs needs a nightly compiler and is done by hand.

use std::path::Path;

use anyhow::{Context, Result};

/// Prints the targets and the commands.
pub(crate) fn explain(root: &Path) -> Result<()> {
    let targets = root.join("crates/wire/fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in targets.read_dir().with_context(|| format!("reading {}", targets.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    println!(
        "Fuzzing needs cargo-fuzz and a nightly compiler:\n\
         \n    cargo install cargo-fuzz\n    cd crates/wire\n    cargo +nightly fuzz run TARGET\n\
         \nTargets: {}.\n\
         Add what it finds to crates/wire/fuzz/corpus: `cargo test -p wire` replays all of it.",
        names.join(", ")
    );
    Ok(())
}
