//! The steps of `cargo xtask test`, cheapest first. All compiling is done in one profile, and the
//! end-to-end tests use the binary that the other tests were built with.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{bench, licences, shell, tidy, tools, web};

/// One thing that is checked.
pub(crate) struct Step {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// The heading.
    pub(crate) what: &'static str,
    /// Steps that must have passed before this one makes sense.
    pub(crate) needs: &'static [&'static str],
    /// Does it.
    pub(crate) run: fn(&Path) -> Result<()>,
}

/// All steps, in the order in which they run.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "format", what: "the form of the Rust sources", needs: &[], run: format },
    Step { name: "tidy", what: "the rules about the source tree", needs: &[], run: tidy::step },
    Step {
        name: "licences",
        what: "the licences of everything linked in",
        needs: &[],
        run: licences::step,
    },
    Step { name: "tools", what: "what the tests need is installed", needs: &[], run: tools::step },
    Step { name: "page", what: "the page is built", needs: &[], run: web::build },
    Step {
        name: "page-tests",
        what: "types, lints, tests of the page",
        needs: &["page"],
        run: page,
    },
    Step { name: "lint", what: "lints of the Rust sources", needs: &["page"], run: lint },
    Step { name: "docs", what: "the Rust documentation", needs: &["page"], run: docs },
    Step { name: "build", what: "everything is built", needs: &["page"], run: build },
    Step {
        name: "rust",
        what: "unit, property, conformance and integration tests",
        needs: &["tools", "build"],
        run: rust,
    },
    Step { name: "doctests", what: "the examples in the docs", needs: &["build"], run: doctests },
    Step {
        name: "e2e",
        what: "official clients and a browser against the binary",
        needs: &["tools", "page", "build"],
        run: e2e,
    },
];

fn format(root: &Path) -> Result<()> {
    shell::run(root, "cargo", &["fmt", "--all", "--check"])?;
    bench::check_peers(root)
}

fn page(root: &Path) -> Result<()> {
    let folder = root.join("web");
    shell::run(&folder, "npm", &["run", "check"])?;
    shell::run(&folder, "npm", &["test"])
}

fn lint(root: &Path) -> Result<()> {
    let what = ["clippy", "--workspace", "--all-targets", "--locked", "--keep-going"];
    shell::run(root, "cargo", &[&what[..], &["--", "-D", "warnings"]].concat())
}

fn docs(root: &Path) -> Result<()> {
    let what = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    let args = [&what[..], &["--locked", "--keep-going"]].concat();
    let mut command = shell::command(root, "cargo", &args);
    // The docs are for those who work on it: links to private items lead somewhere.
    let links = "-A rustdoc::private_intra_doc_links -A rustdoc::redundant_explicit_links";
    command.env("RUSTDOCFLAGS", format!("-D warnings {links}"));
    shell::finish(command)
}

fn build(root: &Path) -> Result<()> {
    shell::run(root, "cargo", &["build", "--workspace", "--all-targets", "--locked"])
}

fn rust(root: &Path) -> Result<()> {
    if shell::answers("cargo", &["nextest", "--version"]) {
        let args = ["nextest", "run", "--workspace", "--locked", "--no-fail-fast"];
        return shell::run(root, "cargo", &args);
    }
    // Not all targets: the counting benchmarks are built and linted with the others, and run only
    // under valgrind.
    let what = ["--lib", "--bins", "--tests", "--examples"];
    let args = [&["test", "--workspace", "--locked", "--no-fail-fast"][..], &what].concat();
    shell::run(root, "cargo", &args)
}

fn doctests(root: &Path) -> Result<()> {
    shell::run(root, "cargo", &["test", "--workspace", "--doc", "--locked"])
}

fn e2e(root: &Path) -> Result<()> {
    let folder = root.join("e2e");
    let binary = tools::target_folder(root)?.join("debug/palabre");
    let mut command: Command = shell::command(&folder, "npm", &["test"]);
    command.env("PALABRE_BIN", binary);
    shell::finish(command)
}
