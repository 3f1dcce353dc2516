//! The page: installs its packages and builds it into `web/dist`, each only when something that
//! it is made from has changed. Checking and testing the page belongs to the test steps.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{shell, stamp};

const NODE_MAJOR_MIN: u32 = 20;
/// Both stamps lie in `node_modules`: it is never committed, and goes when the packages go.
const INSTALLED: &str = "node_modules/.palabre-installed";
const BUILT: &str = "node_modules/.palabre-built";
/// What a build leaves, among other files.
const PAGE: &str = "dist/page/index.html";
/// Folders of the page's that hold no sources.
const NO_SOURCES: [&str; 4] = ["node_modules", "dist", "coverage", ".vite"];

/// Builds the page where it is missing or stale.
pub(crate) fn build(root: &Path) -> Result<()> {
    let web = root.join("web");
    install(&web)?;
    let sources = stamp::hash(&web, &["."], &NO_SOURCES, "")?;
    if web.join(PAGE).is_file() && stamp::is_current(&web.join(BUILT), &sources) {
        println!("web/dist is up to date");
        return Ok(());
    }
    shell::run(&web, "npm", &["run", "build"])?;
    if !web.join(PAGE).is_file() {
        bail!("`npm run build` left no {PAGE}");
    }
    stamp::keep(&web.join(BUILT), &sources)
}

/// Installs the packages of the lock file in `folder`, unless just these are there already.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let node = node()?;
    let locked = stamp::hash(folder, &["package.json", "package-lock.json"], &[], &node)?;
    let kept = folder.join(INSTALLED);
    if stamp::is_current(&kept, &locked) {
        return Ok(());
    }
    println!("installing the npm packages of {}", folder.join("package-lock.json").display());
    shell::run(folder, "npm", &["ci", "--no-audit", "--no-fund"])?;
    stamp::keep(&kept, &locked)
}

/// The version of Node, or an error that says what is needed.
pub(crate) fn node() -> Result<String> {
    let Ok(version) = shell::output(Path::new("."), "node", &["--version"]) else {
        bail!("Node {NODE_MAJOR_MIN} or newer is needed (with npm), and there is no `node` here");
    };
    let version = version.trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    match major.parse::<u32>() {
        Ok(major) if major >= NODE_MAJOR_MIN => Ok(version),
        _ => bail!("Node {NODE_MAJOR_MIN} or newer is needed, and this one is {version}"),
    }
}
