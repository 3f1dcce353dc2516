//! `cargo xtask bench`: measurements that take their time, so they have a command of their own.

mod micro;
mod peers;

use std::path::Path;

use anyhow::bail;

/// Runs what is named first; the rest are its arguments.
pub(crate) fn bench(root: &Path, args: &[String]) -> anyhow::Result<()> {
    let rest = args.get(1..).unwrap_or_default();
    match args.first().map(String::as_str) {
        Some("peers") => peers::bench(root, rest),
        Some("micro") => micro::bench(root, rest),
        _ => bail!("which one? `cargo xtask bench peers` or `cargo xtask bench micro`"),
    }
}

/// Checks the form of what is measured beside the server, without installing any of it.
pub(crate) fn check_peers(root: &Path) -> anyhow::Result<()> {
    peers::check(root)
}
