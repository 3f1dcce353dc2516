//! The rules about the source tree that no compiler knows. Each rule is a function from one file
//! to what is wrong in it, in the module of its subject; each has a test with a bad sample. The
//! rules only tighten.

mod arrows;
mod layout;
mod names;
mod seams;

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::shell;

/// A text file of the tree.
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether git has it: ignored files are not even looked at, new ones are.
    pub(crate) tracked: bool,
}

/// What is wrong, and in which line (0: in the file as a whole).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) what: String,
}

type Rule = fn(&File) -> Vec<Fault>;

const RULES: &[Rule] = &[
    arrows::own_crates,
    arrows::foreign_crates,
    arrows::common_lints,
    layout::opens_with_its_purpose,
    layout::no_mod_rs,
    layout::size,
    layout::width,
    layout::no_build_output,
    layout::no_ignored_tests,
    names::banned_names,
    names::no_registry_hosts,
    names::foreign_words,
    seams::redis_client,
    seams::http_library,
    seams::environment,
    seams::clock,
];

/// Checks the whole tree and shows all that is wrong.
pub(crate) fn step(root: &Path) -> Result<()> {
    let files = files(root)?;
    let faults = faults(&files);
    if !faults.is_empty() {
        bail!("{} faults:\n{}", faults.len(), faults.join("\n"));
    }
    println!("{} files keep {} rules", files.len(), RULES.len());
    Ok(())
}

fn faults(files: &[File]) -> Vec<String> {
    let mut all = Vec::new();
    for file in files {
        for fault in RULES.iter().flat_map(|rule| rule(file)) {
            all.push(format!("{}:{}: {}", file.path, fault.line, fault.what));
        }
    }
    all
}

/// All files that are or may become part of the repository; what is not text has an empty text.
fn files(root: &Path) -> Result<Vec<File>> {
    let tracked = shell::output(root, "git", &["ls-files"])?;
    let new = shell::output(root, "git", &["ls-files", "--others", "--exclude-standard"])?;
    let listed = tracked.lines().map(|path| (path, true));
    let listed = listed.chain(new.lines().map(|path| (path, false)));
    let mut files = Vec::new();
    for (path, tracked) in listed {
        // A file that was removed and not yet committed is still listed.
        let Ok(bytes) = fs::read(root.join(path)) else { continue };
        let text = String::from_utf8(bytes).unwrap_or_default();
        files.push(File { path: path.to_owned(), text, tracked });
    }
    if files.is_empty() {
        bail!("git lists no files in {}", root.display());
    }
    Ok(files)
}

impl File {
    /// The crate under `crates/` that the file belongs to.
    fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    fn is_rust(&self) -> bool {
        self.has_extension(&["rs"])
    }

    fn has_extension(&self, wanted: &[&str]) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').is_some_and(|(_, end)| wanted.contains(&end))
    }

    /// Whether the file holds tests, test vectors or a fuzz target, and nothing else.
    fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| {
            matches!(part, "tests" | "tests.rs" | "e2e" | "fuzz" | "benches" | "vectors")
                || part.contains(".test.")
        })
    }

    /// The numbered lines of a source file that go into the program, without comments: the unit
    /// tests at its end are left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        self.text[..end].lines().enumerate().map(|(at, line)| (at + 1, without_comment(line)))
    }
}

/// The line up to a `//` that is not part of an address.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// The identifiers and numbers of a line, in order.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tracked file, for the tests of the rules.
    pub(super) fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned(), tracked: true }
    }

    #[test]
    fn the_tree_is_tidy() {
        let root = crate::root();
        let files = files(&root).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy.rs"));
        let faults = faults(&files);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn faults_name_the_file_and_the_line() {
        let bad = file("crates/hub/src/hub.rs", "//! Hub.\nstruct OutboxManager;\n");
        let faults = faults(&[bad]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("crates/hub/src/hub.rs:2: "), "{faults:?}");
    }

    #[test]
    fn comments_and_unit_tests_are_no_code() {
        let text = "let a = 1; // b\nlet u = \"http://x\";\n#[cfg(test)]\nmod tests {\n c\n}";
        let file = file("crates/wire/src/a.rs", text);
        let code: Vec<_> = file.code().collect();
        assert_eq!(code, [(1, "let a = 1; "), (2, "let u = \"http://x\";")]);
    }
}
