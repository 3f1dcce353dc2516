//! The same load on this server and on others, side by side.

use std::path::Path;

use anyhow::bail;

/// Runs it.
pub(super) fn bench(_root: &Path, _args: &[String]) -> anyhow::Result<()> {
    bail!("being built")
}
