//! Names and words: those that say nothing, and those that have no business in the tree.

use super::{Fault, File, words};

/// Say nothing about what a type or module is for.
const EMPTY: [&str; 8] =
    ["manager", "helper", "helpers", "util", "utils", "info", "data", "process"];
const DEFINING: [&str; 6] = ["struct", "enum", "trait", "type", "union", "mod"];

/// Parts of the names of machines that packages come from: which one is used is a setting of the
/// machine, not of the project. Written in two halves, so that this file keeps its own rule.
const HOSTS: [&str; 8] = [
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("yarnpkg", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
];

/// Places outside the repository, which no reader of it has.
const OUTSIDE: [&str; 8] = [
    concat!("/wo", "rk/"),
    concat!("shared/", "design"),
    concat!("shared/", "style"),
    concat!("shared/", "chat-protocol"),
    concat!("shared/", "protocols"),
    concat!("shared/", "ecosystem"),
    concat!("issue", " #"),
    concat!("DEVELOP", "ERS"),
];

/// Types and modules are named after what they are.
pub(super) fn banned_names(file: &File) -> Vec<Fault> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (line, text) in file.code() {
        let mut words = words(without_visibility(text.trim_start()));
        let named = words.next().filter(|word| DEFINING.contains(word)).and_then(|_| words.next());
        if let Some(name) = named.filter(|name| is_empty(name)) {
            faults.push(Fault { line, what: format!("the name {name} says nothing") });
        }
    }
    let module = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if is_empty(module) {
        faults.push(Fault { line: 0, what: format!("the name {module} says nothing") });
    }
    faults
}

/// The line behind its `pub`, or `pub(…)`.
fn without_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else { return line };
    let inner = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    inner.map_or(rest, |(_, behind)| behind)
}

/// Whether a name is or ends in an empty word, as in `Data`, `RoomManager` or `text_util`.
fn is_empty(name: &str) -> bool {
    let capital = name.rfind(char::is_uppercase).unwrap_or(0);
    let last = name[capital..].rsplit('_').next().unwrap_or_default().to_lowercase();
    EMPTY.contains(&last.as_str())
}

/// No file names a registry: builds work with whichever the machine is set up for. Cargo writes
/// one into its lock file by itself.
pub(super) fn no_registry_hosts(file: &File) -> Vec<Fault> {
    if file.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    found(file, &HOSTS, "names the host of a registry")
}

/// The tree speaks of the product only.
pub(super) fn foreign_words(file: &File) -> Vec<Fault> {
    found(file, &OUTSIDE, "points out of the repository")
}

fn found(file: &File, unwanted: &[&str], what: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for word in unwanted.iter().filter(|word| line.contains(**word)) {
            faults.push(Fault { line: at + 1, what: format!("{what}: {word}") });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn banned(text: &str) -> usize {
        banned_names(&file("crates/a/src/b.rs", text)).len()
    }

    #[test]
    fn empty_names_are_faults() {
        for bad in [
            "struct Data;",
            "pub struct RoomManager {",
            "pub(crate) enum SocketInfo {",
            "    type Helper = u8;",
            "pub mod utils;",
            "mod string_util {",
            "pub(in crate::a) trait Process {",
        ] {
            assert_eq!(banned(bad), 1, "{bad}");
        }
        for file_name in ["crates/a/src/util.rs", "crates/a/src/room_manager.rs"] {
            assert_eq!(banned_names(&file(file_name, "")).len(), 1, "{file_name}");
        }
    }

    #[test]
    fn other_names_are_fine() {
        for good in [
            "struct Database;",
            "let data = process(info);",
            "// struct Data",
            "pub enum Information {",
            "use a::util;",
            "mod metadata_row;",
        ] {
            assert_eq!(banned(good), 0, "{good}");
        }
    }

    #[test]
    fn the_host_of_a_registry_is_a_fault() {
        let text = format!("\"resolved\": \"https://registry.{}/x.tgz\"", HOSTS[1]);
        assert_eq!(no_registry_hosts(&file("web/package-lock.json", &text)).len(), 1);
        assert!(no_registry_hosts(&file("Cargo.lock", HOSTS[0])).is_empty());
        assert!(no_registry_hosts(&file("README.md", "the npm registry")).is_empty());
    }

    #[test]
    fn a_pointer_out_of_the_repository_is_a_fault() {
        let text = format!("see {}notes and {}.md", OUTSIDE[0], OUTSIDE[1]);
        assert_eq!(foreign_words(&file("README.md", &text)).len(), 2);
        assert!(foreign_words(&file("README.md", "see docs/design.md, shared state")).is_empty());
    }
}
