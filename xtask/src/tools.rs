//! What the tests need beside Rust and Node: Debian's Redis, Chromium, Python and make, and the
//! packages of the end-to-end tests in folders of the project. Installs what is missing and says
//! so; where it can't, says what to install.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{shell, stamp, web};

/// A program, how to ask whether it works, and the Debian packages that bring it.
pub(crate) struct Needed {
    pub(crate) program: &'static str,
    pub(crate) asks: &'static [&'static str],
    pub(crate) packages: &'static [&'static str],
}

const NEEDED: [Needed; 4] = [
    Needed { program: "redis-server", asks: &["--version"], packages: &["redis-server"] },
    Needed {
        program: "chromium",
        asks: &["--version"],
        packages: &["chromium", "fonts-dejavu-core"],
    },
    Needed {
        program: "python3",
        asks: &["-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
    },
    // jemalloc is built with it.
    Needed { program: "make", asks: &["--version"], packages: &["make"] },
];

/// Installs all of it, where it is missing.
pub(crate) fn step(root: &Path) -> Result<()> {
    debian(root, &NEEDED)?;
    let folder = root.join("e2e");
    web::install(&folder)?;
    python(&folder)
}

/// The folder that cargo builds into: the one that this program was built into.
pub(crate) fn target_folder(root: &Path) -> Result<PathBuf> {
    let here = std::env::current_exe().context("where this program lies")?;
    let folder = here.parent().and_then(Path::parent);
    Ok(folder.map_or_else(|| root.join("target"), Path::to_path_buf))
}

/// Installs what is missing of these, where that can be done; else says what to install.
pub(crate) fn debian(root: &Path, needed: &[Needed]) -> Result<()> {
    let works = |needed: &&Needed| shell::answers(needed.program, needed.asks);
    let missing: Vec<&Needed> = needed.iter().filter(|needed| !works(needed)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|needed| needed.packages).copied().collect();
    let list = packages.join(" ");
    let is_root = shell::output(root, "id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if !is_root || !shell::answers("apt-get", &["--version"]) {
        bail!("this needs {list}: install it (on Debian: `apt-get install {list}` as root)");
    }
    println!("installing Debian's packages {list}");
    apt(root, &["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(packages);
    apt(root, &install)?;
    match missing.iter().find(|needed| !works(needed)) {
        Some(needed) => bail!("{} does not work, though it was installed", needed.program),
        None => Ok(()),
    }
}

fn apt(root: &Path, args: &[&str]) -> Result<()> {
    let mut command = shell::command(root, "apt-get", args);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    // The tests start their own redis-server: this run level keeps Debian from starting one.
    command.env("RUNLEVEL", "1");
    shell::finish_quietly(command)
}

/// The packages of `requirements.txt` in a virtual environment of the folder's own.
pub(crate) fn python(folder: &Path) -> Result<()> {
    let stamp = stamp::hash(folder, &["requirements.txt"], &[], &python_version()?)?;
    let kept = folder.join(".venv/palabre-installed");
    if stamp::is_current(&kept, &stamp) {
        return Ok(());
    }
    println!("installing the Python packages of {}", folder.join("requirements.txt").display());
    shell::run(folder, "python3", &["-m", "venv", "--clear", ".venv"])?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    let mut args = install.to_vec();
    args.push("requirements.txt");
    shell::run(folder, ".venv/bin/python", &args)?;
    stamp::keep(&kept, &stamp)
}

fn python_version() -> Result<String> {
    shell::output(Path::new("."), "python3", &["--version"])
}
