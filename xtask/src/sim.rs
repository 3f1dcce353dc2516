//! `cargo xtask sim`: builds the simulation and runs seeds of it.

use std::path::Path;

use anyhow::Result;

use crate::{shell, tools};

/// Builds `sim`, then runs it with these arguments; logs of seeds that break a promise go to the
/// folder of build outputs.
pub(crate) fn sim(root: &Path, args: &[String]) -> Result<()> {
    shell::run(root, "cargo", &["build", "--locked", "--package", "sim", "--bin", "sim"])?;
    let target = tools::target_folder(root)?;
    let (binary, logs) = (target.join("debug/sim"), target.join("sim"));
    let mut command = shell::command(root, &binary.to_string_lossy(), &[]);
    command.arg("--out").arg(logs).args(args);
    shell::finish(command)
}
