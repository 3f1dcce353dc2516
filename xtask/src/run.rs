//! `cargo xtask run`: builds the page and the server and becomes the server. Needs no root; Node
//! only to build the page.

use std::os::unix::process::CommandExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{shell, tools, web};

/// Builds, then serves until it is interrupted. What follows `--` goes to `palabre`.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    let (ours, theirs) = match args.iter().position(|arg| arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &[][..]),
    };
    let mut build = vec!["build", "--locked", "--package", "server", "--bin", "palabre"];
    let mut profile = "debug";
    for arg in ours {
        match arg.as_str() {
            "--release" => profile = "release",
            other => bail!("unknown option {other} (options of palabre come after `--`)"),
        }
    }
    // A first build needs neither jemalloc nor the `make` that builds it.
    build.push(if profile == "release" { "--release" } else { "--no-default-features" });
    if let Err(missing) = web::node() {
        println!("The page is not built: {missing}. The server is, and says so in its place.");
    } else {
        web::build(root)?;
    }
    shell::run(root, "cargo", &build)?;
    let binary = tools::target_folder(root)?.join(profile).join("palabre");
    let mut palabre = std::process::Command::new(&binary);
    palabre.args(theirs).current_dir(root);
    // `exec` returns only when it failed: Ctrl-C and SIGTERM then reach the server itself.
    Err(palabre.exec()).with_context(|| format!("starting {}", binary.display()))
}
