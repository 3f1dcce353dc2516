//! Building and installing what is missing: Palabre, the floor, the peers and a Redis. A peer that
//! can't be had is reported and left out, and the page says so.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::Place;
use super::servers::{Made, Server, cargo_target};
use crate::{shell, tools, web};

/// Programs that runs are made with.
const PROGRAMS: [(&str, &[&str], &str); 3] = [
    ("taskset", &["--version"], "util-linux"),
    ("setpriv", &["--version"], "util-linux"),
    ("redis-server", &["--version"], "redis-server"),
];

/// What all runs need.
pub(super) fn programs() -> Result<()> {
    for (program, asks, package) in PROGRAMS {
        if !shell::answers(program, asks) {
            bail!("{program} is needed (Debian's package {package})");
        }
    }
    Ok(())
}

/// Palabre: the generator is the same program as the server.
pub(super) fn palabre(place: &Place) -> Result<()> {
    web::build(&place.root)?;
    let build = ["build", "--release", "--locked", "--package", "server"];
    shell::run(&place.root, "cargo", &build)
}

/// One server; Palabre is there already.
pub(super) fn server(place: &Place, server: &Server) -> Result<()> {
    let folder = server.folder(&place.root);
    match server.made {
        Made::Palabre => Ok(()),
        Made::Floor | Made::Cargo { .. } => cargo(place, &folder),
        Made::Node { .. } | Made::Bun { .. } => web::install(&folder),
        Made::Python { .. } => tools::python(&folder),
    }
    .with_context(|| format!("{} can't be had", server.title))
}

fn cargo(place: &Place, folder: &Path) -> Result<()> {
    let target = cargo_target(&place.target);
    let mut command = shell::command(folder, "cargo", &["build", "--release", "--locked"]);
    command.arg("--target-dir").arg(target);
    shell::finish(command)
}
