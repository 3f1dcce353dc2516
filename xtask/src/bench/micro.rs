//! Instruction counts of the hot paths, against the stored ones. Unlike times they are the same on
//! a busy machine, so that a small regression is seen: more than 5 % makes the command fail.

mod baseline;
mod measure;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use self::baseline::{Counts, WORSE_PERCENT};

/// The crates that have such benchmarks, each in `benches/micro.rs`.
const CRATES: [&str; 5] = ["wire", "chat", "hub", "broker", "server"];

const STORED: &str = "xtask/src/bench/micro/baseline.txt";

const USAGE: &str = "cargo xtask bench micro [--save] [CRATE]...";

/// Counts, compares with the stored counts or stores the new ones.
pub(super) fn bench(root: &Path, args: &[String]) -> Result<()> {
    let (save, crates) = asked(args)?;
    let path = root.join(STORED);
    let mut stored = match fs::read_to_string(&path) {
        Ok(text) => Counts::parse(&text)?,
        Err(_) if save => Counts::default(),
        Err(error) => bail!("{STORED} can't be read ({error}); `--save` writes it anew"),
    };
    let counts = measure::measure(root, &crates)?;
    let of_them = |name: &String| crates.iter().any(|each| name.starts_with(&format!("{each}/")));
    let mut compared = stored.clone();
    compared.by_name.retain(|name, _| of_them(name));
    let verdict = counts.against(&compared);
    println!("\n{:<58} {:>10} {:>10}", "", "stored", "now");
    println!("{}", verdict.table);
    if save {
        stored.by_name.retain(|name, _| !of_them(name));
        stored.by_name.extend(counts.by_name);
        stored.tools = counts.tools;
        fs::write(&path, stored.text()).context("the counts can't be stored")?;
        println!("stored in {STORED}");
        return Ok(());
    }
    if !verdict.faults.is_empty() {
        let faults = verdict.faults.join("\n  ");
        bail!(
            "more than {WORSE_PERCENT} % more, or gone:\n  {faults}\n\
             where that is meant, `cargo xtask bench micro --save` stores the new counts"
        );
    }
    Ok(())
}

/// Whether to store, and which crates to measure: all where none is named.
fn asked(args: &[String]) -> Result<(bool, Vec<&'static str>)> {
    let (mut save, mut crates) = (false, Vec::new());
    for arg in args {
        match CRATES.iter().find(|name| *name == arg) {
            Some(name) => crates.push(*name),
            None if arg == "--save" => save = true,
            None => bail!("{arg:?} is no crate with such benchmarks; usage: {USAGE}"),
        }
    }
    if crates.is_empty() {
        crates.extend(CRATES);
    }
    Ok((save, crates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_named_or_all_of_them_are_meant() {
        let asked = |args: &[&str]| asked(&args.iter().map(|&arg| arg.into()).collect::<Vec<_>>());
        assert_eq!(asked(&[]).unwrap(), (false, CRATES.to_vec()));
        assert_eq!(asked(&["hub", "--save"]).unwrap(), (true, vec!["hub"]));
        assert!(asked(&["--fast"]).is_err());
    }
}
