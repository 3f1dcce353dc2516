//! Which crate may depend on which: our own among each other, and on the libraries that have one
//! place only. And each keeps the lints that all keep.

use super::{Fault, File};

/// Our crates, and those of ours that each may name.
const OWN: [(&str, &[&str]); 9] = [
    ("wire", &[]),
    ("chat", &[]),
    ("broker", &[]),
    ("hub", &["wire"]),
    ("gateway", &["hub", "wire"]),
    ("loadtest", &["wire"]),
    ("bridge", &["chat", "broker"]),
    ("server", &["wire", "chat", "broker", "hub", "gateway", "loadtest", "bridge"]),
    ("sim", &["wire", "chat", "broker", "hub", "gateway", "loadtest", "bridge", "server"]),
];

/// Libraries that only some crates may name, tests apart.
const HTTP: [&str; 8] =
    ["axum", "http", "http-body", "http-body-util", "hyper", "hyper-util", "tower", "tower-http"];
/// Crates without clock, randomness, tasks or logs, and the libraries that would bring these.
const PURE: [&str; 2] = ["wire", "chat"];
const IMPURE: [&str; 10] = [
    "chrono",
    "getrandom",
    "jiff",
    "log",
    "mio",
    "parking_lot",
    "rand",
    "time",
    "tokio",
    "tracing",
];

/// A dependency as a manifest names it.
struct Dependency<'a> {
    line: usize,
    name: &'a str,
    only_tests: bool,
}

/// Our crates depend on each other in one direction.
pub(super) fn own_crates(file: &File) -> Vec<Fault> {
    let Some(name) = manifest_of(file) else { return Vec::new() };
    let Some((_, allowed)) = OWN.iter().find(|(own, _)| *own == name) else {
        let what = format!("crate {name} has no place in the table of arrows (arrows.rs)");
        return vec![Fault { line: 0, what }];
    };
    let is_own = |name: &str| OWN.iter().any(|(own, _)| *own == name);
    dependencies(&file.text)
        .filter(|dependency| is_own(dependency.name) && !allowed.contains(&dependency.name))
        .map(|dependency| Fault {
            line: dependency.line,
            what: format!("{name} must not depend on {}", dependency.name),
        })
        .collect()
}

/// The Redis client belongs to the broker, the HTTP library to gateway and server, and the pure
/// crates have neither time nor chance.
pub(super) fn foreign_crates(file: &File) -> Vec<Fault> {
    let Some(name) = manifest_of(file) else { return Vec::new() };
    let is_forbidden = |dependency: &Dependency<'_>| match dependency.name {
        "redis" => name != "broker",
        _ if dependency.only_tests => false,
        library if HTTP.contains(&library) => !["gateway", "server"].contains(&name),
        library => PURE.contains(&name) && IMPURE.contains(&library),
    };
    dependencies(&file.text)
        .filter(is_forbidden)
        .map(|dependency| Fault {
            line: dependency.line,
            what: format!("{} is not for {name}", dependency.name),
        })
        .collect()
}

/// No crate leaves the lints of the workspace.
pub(super) fn common_lints(file: &File) -> Vec<Fault> {
    if manifest_of(file).is_none() || file.text.contains("[lints]\nworkspace = true\n") {
        return Vec::new();
    }
    vec![Fault { line: 0, what: "[lints] workspace = true is missing".to_owned() }]
}

/// The crate whose manifest this is.
fn manifest_of(file: &File) -> Option<&str> {
    let name = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    (!name.contains('/')).then_some(name)
}

/// Everything named under a `[…dependencies]` heading, in either of its forms.
fn dependencies(manifest: &str) -> impl Iterator<Item = Dependency<'_>> {
    let mut heading = "";
    manifest.lines().enumerate().filter_map(move |(at, line)| {
        let line = line.trim();
        if let Some(inner) = line.strip_prefix('[') {
            heading = inner.trim_end_matches(']');
            let (section, name) = heading.rsplit_once('.')?;
            return of_section(section, name, at + 1);
        }
        let end = line.find(['.', '=', ' ']).filter(|_| !line.starts_with('#'))?;
        of_section(heading, &line[..end], at + 1)
    })
}

fn of_section<'a>(section: &str, name: &'a str, line: usize) -> Option<Dependency<'a>> {
    let only_tests = section.ends_with("dev-dependencies");
    section.ends_with("dependencies").then_some(Dependency { line, name, only_tests })
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn own(name: &str, manifest: &str) -> usize {
        own_crates(&file(&format!("crates/{name}/Cargo.toml"), manifest)).len()
    }

    fn foreign(name: &str, manifest: &str) -> usize {
        foreign_crates(&file(&format!("crates/{name}/Cargo.toml"), manifest)).len()
    }

    #[test]
    fn an_arrow_against_the_direction_is_a_fault() {
        assert_eq!(own("hub", "[dependencies]\nwire.workspace = true\n"), 0);
        assert_eq!(own("wire", "[dependencies]\nhub.workspace = true\n"), 1);
        assert_eq!(own("gateway", "[dependencies]\nbroker = { path = \"../broker\" }\n"), 1);
        assert_eq!(own("gateway", "[dependencies.chat]\npath = \"../chat\"\n"), 1);
        assert_eq!(own("chat", "[dev-dependencies]\nserver.workspace = true\n"), 1);
        assert_eq!(own("server", "[target.'cfg(unix)'.dependencies]\nsim = \"1\"\n"), 1);
        assert_eq!(own("novel", "[package]\n"), 1, "an unknown crate needs a place");
    }

    #[test]
    fn a_name_outside_of_the_dependencies_is_no_arrow() {
        assert_eq!(own("wire", "[package]\nname = \"hub\"\n[features]\nhub = []\n"), 0);
        assert_eq!(own("wire", "[dependencies]\n# hub = \"1\"\n"), 0);
    }

    #[test]
    fn a_crate_with_lints_of_its_own_is_a_fault() {
        let lints = |text| common_lints(&file("crates/hub/Cargo.toml", text)).len();
        assert_eq!(lints("[package]\n\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(lints("[package]\n"), 1);
        assert_eq!(lints("[lints.clippy]\nall = \"allow\"\n"), 1);
    }

    #[test]
    fn libraries_with_one_place_are_named_only_there() {
        assert_eq!(foreign("broker", "[dependencies]\nredis.workspace = true\n"), 0);
        assert_eq!(foreign("server", "[dependencies]\nredis.workspace = true\n"), 1);
        assert_eq!(foreign("server", "[dev-dependencies]\nredis.workspace = true\n"), 1);
        assert_eq!(foreign("gateway", "[dependencies]\nhyper = \"1\"\n"), 0);
        assert_eq!(foreign("hub", "[dependencies]\nhyper = \"1\"\n"), 1);
        assert_eq!(foreign("loadtest", "[dev-dependencies]\nhyper = \"1\"\n"), 0);
        assert_eq!(foreign("chat", "[dependencies]\ntokio.workspace = true\n"), 1);
        assert_eq!(foreign("wire", "[dependencies]\ngetrandom = \"0.4\"\n"), 1);
        assert_eq!(foreign("hub", "[dependencies]\ntokio.workspace = true\n"), 0);
    }
}
