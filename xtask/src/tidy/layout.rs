//! The shape of files: how they open, how long and wide they get, where they lie, and that nothing
//! built is committed.

use super::{Fault, File};

const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;
const SOURCES: [&str; 7] = ["rs", "ts", "tsx", "js", "mjs", "css", "py"];
/// Folders that are made by a tool, wherever they lie.
const MADE: [&str; 7] =
    ["target", "node_modules", "dist", "__pycache__", ".venv", "palabre-data", "fuzz-target"];
/// Endings of files that are made by a tool.
const MADE_FILES: [&str; 9] =
    ["rlib", "rmeta", "so", "o", "pyc", "profraw", "sqlite", "rdb", "log"];

/// A Rust file opens with what it owns; `foo/tests.rs` is the tests of `foo.rs`, which says it.
pub(super) fn opens_with_its_purpose(file: &File) -> Vec<Fault> {
    if !file.is_rust() || file.path.ends_with("/tests.rs") || file.text.starts_with("//! ") {
        return Vec::new();
    }
    fault(1, "a file opens with `//!`: what it owns, and what it leaves to whom")
}

/// `engine.rs` beside `engine/`, never `engine/mod.rs`.
pub(super) fn no_mod_rs(file: &File) -> Vec<Fault> {
    if file.path != "mod.rs" && !file.path.ends_with("/mod.rs") {
        return Vec::new();
    }
    fault(0, "no `mod.rs`: name the file after the module, beside its folder")
}

/// Sources stay short enough to be read at once; tests, tables and vectors may be longer.
pub(super) fn size(file: &File) -> Vec<Fault> {
    let lines = file.text.lines().count();
    if lines <= LINES_MAX || !file.has_extension(&SOURCES) || file.is_test() || is_table(file) {
        return Vec::new();
    }
    fault(0, &format!("{lines} lines; more than {LINES_MAX} is two files"))
}

/// Lines of Rust fit side by side; the formatter leaves comments and strings alone. A row of a
/// table in the docs is as wide as it has to be.
pub(super) fn width(file: &File) -> Vec<Fault> {
    if !file.is_rust() || file.is_test() || is_table(file) {
        return Vec::new();
    }
    let is_row = |line: &str| line.starts_with("//! |") || line.trim_start().starts_with("/// |");
    let lines = file.text.lines().enumerate().filter(|(_, line)| !is_row(line));
    lines
        .map(|(at, line)| (at + 1, line.chars().count()))
        .filter(|(_, columns)| *columns > COLUMNS_MAX)
        .map(|(line, columns)| Fault { line, what: format!("{columns} columns") })
        .collect()
}

/// What a tool makes is made again, not committed.
pub(super) fn no_build_output(file: &File) -> Vec<Fault> {
    let in_made = file.path.split('/').any(|part| MADE.contains(&part));
    if file.tracked && (in_made || file.has_extension(&MADE_FILES)) {
        return fault(0, "build output is not committed");
    }
    Vec::new()
}

/// A test that does not run is no test.
pub(super) fn no_ignored_tests(file: &File) -> Vec<Fault> {
    if !file.is_rust() {
        return Vec::new();
    }
    let is_ignored = |line: &str| line.trim().starts_with("#[ignore");
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| is_ignored(line))
        .map(|(at, _)| Fault { line: at + 1, what: "a test that never runs".to_owned() })
        .collect()
}

/// A file that is one long table says so in its name.
fn is_table(file: &File) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    name.split('.').next().is_some_and(|stem| stem == "table" || stem.ends_with("_table"))
}

fn fault(line: usize, what: &str) -> Vec<Fault> {
    vec![Fault { line, what: what.to_owned() }]
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn lines(path: &str, count: usize) -> File {
        file(path, &"x\n".repeat(count))
    }

    #[test]
    fn a_rust_file_without_its_purpose_is_a_fault() {
        assert!(opens_with_its_purpose(&file("a.rs", "//! Owns a.\n")).is_empty());
        assert_eq!(opens_with_its_purpose(&file("a.rs", "use b;\n")).len(), 1);
        assert_eq!(opens_with_its_purpose(&file("a.rs", "// Not docs\n")).len(), 1);
        assert!(opens_with_its_purpose(&file("a.ts", "use b;\n")).is_empty());
        assert!(opens_with_its_purpose(&file("src/a/tests.rs", "use b;\n")).is_empty());
        assert_eq!(opens_with_its_purpose(&file("tests/a.rs", "use b;\n")).len(), 1);
    }

    #[test]
    fn a_mod_rs_is_a_fault() {
        assert_eq!(no_mod_rs(&file("crates/a/src/b/mod.rs", "")).len(), 1);
        assert!(no_mod_rs(&file("crates/a/src/commod.rs", "")).is_empty());
    }

    #[test]
    fn a_long_source_is_a_fault_and_a_long_test_is_not() {
        assert!(size(&lines("crates/a/src/b.rs", 600)).is_empty());
        assert_eq!(size(&lines("crates/a/src/b.rs", 601)).len(), 1);
        assert_eq!(size(&lines("web/src/b.tsx", 601)).len(), 1);
        assert!(size(&lines("crates/a/src/b/tests.rs", 601)).is_empty());
        assert!(size(&lines("crates/a/src/kinds_table.rs", 601)).is_empty());
        assert!(size(&lines("web/package-lock.json", 9000)).is_empty());
    }

    #[test]
    fn a_wide_line_is_a_fault() {
        let wide = format!("//! {}\n", "é".repeat(97));
        assert_eq!(width(&file("crates/a/src/b.rs", &wide)).len(), 1);
        let row = format!("    /// | {} |\n", "é".repeat(97));
        assert!(width(&file("crates/a/src/b.rs", &row)).is_empty());
        let fits = format!("//! {}\n", "é".repeat(96));
        assert!(width(&file("crates/a/src/b.rs", &fits)).is_empty());
    }

    #[test]
    fn committed_build_output_is_a_fault() {
        for made in ["web/dist/index.html", "e2e/node_modules/a/b.js", "c/app.so", "d.pyc"] {
            assert_eq!(no_build_output(&file(made, "")).len(), 1, "{made}");
        }
        for kept in ["docs/targets.md", "crates/wire/src/distance.rs", "docs/log"] {
            assert!(no_build_output(&file(kept, "")).is_empty(), "{kept}");
        }
    }

    #[test]
    fn an_ignored_test_is_a_fault() {
        let text = concat!("#[test]\n    #[ign", "ore]\nfn a() {}\n");
        assert_eq!(no_ignored_tests(&file("crates/a/tests/b.rs", text)).len(), 1);
        assert!(no_ignored_tests(&file("a.rs", "#[test]\nfn a() {}\n")).is_empty());
    }
}
