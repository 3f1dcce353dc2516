//! Instruction counts of the hot paths, against the stored ones.

use std::path::Path;

use anyhow::bail;

/// Runs it.
pub(super) fn bench(_root: &Path, _args: &[String]) -> anyhow::Result<()> {
    bail!("being built")
}
