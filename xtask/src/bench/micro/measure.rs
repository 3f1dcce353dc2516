//! Counting: what it needs of the machine, the build, the run under valgrind, and where the counts
//! lie afterwards. What they mean is left to `baseline.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::baseline::Counts;
use crate::tools::{self, Needed};
use crate::{shell, tools::target_folder};

const VALGRIND: Needed =
    Needed { program: "valgrind", asks: &["--version"], packages: &["valgrind"] };

/// Counts the instructions of all benchmarks of these crates.
pub(super) fn measure(root: &Path, crates: &[&str]) -> Result<Counts> {
    tools::debian(root, &[VALGRIND])?;
    let runner = runner(root)?;
    let folder = target_folder(root)?.join("micro");
    // What an earlier run left would be taken for a count of this one.
    if folder.exists() {
        fs::remove_dir_all(&folder).context("the counts of the last run can't be removed")?;
    }
    fs::create_dir_all(&folder).context("there is no place for the counts")?;
    let steady = steady(root, &folder)?;
    let mut by_name = BTreeMap::new();
    for name in crates {
        let what = ["bench", "--profile", "counting", "--locked"];
        let args = [&what[..], &["-p", name, "--bench", "micro"]].concat();
        let mut command = shell::command(root, "cargo", &args);
        command.env("GUNGRAUN_RUNNER", &runner).env("GUNGRAUN_HOME", &folder);
        command.env("GUNGRAUN_CALLGRIND_ARGS", "--cache-sim=no");
        command.env("GUNGRAUN_ENVS", format!("'LD_PRELOAD={}'", steady.display()));
        shell::finish_quietly(command)?;
        let before = by_name.len();
        collect(&folder.join(name).join("micro"), name, &mut by_name)?;
        if by_name.len() == before {
            bail!("no counts of {name} in {}", folder.display());
        }
    }
    Ok(Counts { tools: versions(root)?, by_name })
}

/// The program that starts valgrind for each benchmark, of the version that the lock file names.
/// It is installed into a folder of the project, where it is missing.
fn runner(root: &Path) -> Result<PathBuf> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("Cargo.lock can't be read")?;
    let version = locked(&lock, "gungraun").context("Cargo.lock names no gungraun")?;
    let home = format!(".tools/gungraun-runner-{version}");
    let program = root.join(&home).join("bin/gungraun-runner");
    if !program.exists() {
        println!("installing gungraun-runner {version} into {home}");
        let scratch = target_folder(root)?.join("tools");
        let build = scratch.display().to_string();
        let what = ["install", "gungraun-runner", "--version", version, "--locked", "--debug"];
        let place = ["--root", &home, "--target-dir", &build];
        shell::run(root, "cargo", &[&what[..], &place].concat())?;
        // Some hundred megabytes that nobody needs any more.
        fs::remove_dir_all(&scratch).context("what it was built from can't be removed")?;
    }
    Ok(program)
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// Builds what makes two runs take the same steps.
fn steady(root: &Path, folder: &Path) -> Result<PathBuf> {
    let library = folder.join("steady.so");
    let (source, made) = ("xtask/src/bench/micro/steady.c", library.display().to_string());
    let args = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", &made, source];
    shell::finish_quietly(shell::command(root, "cc", &args))?;
    Ok(library)
}

/// Finds the counts below a folder: each lies in a file of its own, in a folder that is named
/// after the benchmark.
fn collect(folder: &Path, name: &str, into: &mut BTreeMap<String, u64>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{} is missing", folder.display()))? {
        let entry = entry.context("a folder of counts can't be read")?;
        let (path, file) = (entry.path(), entry.file_name());
        let file = file.to_string_lossy();
        if path.is_dir() {
            collect(&path, &format!("{name}/{file}"), into)?;
        } else if file.starts_with("callgrind.") && file.ends_with(".out") {
            let text = fs::read_to_string(&path).context("a count can't be read")?;
            let count = count(&text).with_context(|| format!("no count in {}", path.display()))?;
            into.insert(name.to_owned(), count);
        }
    }
    Ok(())
}

/// The instructions that a file of callgrind's sums up.
fn count(text: &str) -> Option<u64> {
    if !text.lines().any(|line| line.trim_end() == "events: Ir") {
        return None;
    }
    let sum = text.lines().find_map(|line| line.strip_prefix("totals: "));
    sum?.trim().parse().ok().filter(|count| *count > 0)
}

fn versions(root: &Path) -> Result<String> {
    let mut tools = Vec::new();
    for (program, args) in [("rustc", "-V"), ("valgrind", "--version"), ("uname", "-m")] {
        tools.push(shell::output(root, program, &[args])?.trim().to_owned());
    }
    Ok(tools.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_is_of_the_locked_version() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\n\
                    name = \"gungraun\"\nversion = \"0.20.0\"\n";
        assert_eq!(locked(lock, "gungraun"), Some("0.20.0"));
        assert_eq!(locked(lock, "gungraun-runner"), None);
    }

    #[test]
    fn a_count_is_the_total_of_instructions_and_nothing_else() {
        assert_eq!(count("events: Ir\nfn=(1)\n1 5\ntotals: 1234\n"), Some(1_234));
        assert_eq!(count("events: Ir\ntotals: 0\n"), None, "nothing was measured");
        assert_eq!(count("events: Ir Dr\ntotals: 1234 5\n"), None);
        assert_eq!(count("events: Ir\n"), None);
    }
}
