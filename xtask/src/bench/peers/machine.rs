//! What the figures were measured on and with.

use std::fs;
use std::path::Path;

use super::Place;
use super::servers::{Made, Server};
use crate::shell;

/// Rows of the page's table about the machine.
pub(super) fn rows(place: &Place) -> Vec<(String, String)> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kernel = first_line("uname", &["-sr"]);
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let model = field(&cpu, "model name").unwrap_or_else(|| "unknown".to_owned());
    let gibibytes = field(&memory, "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").trim().parse::<f64>().ok())
        .map_or_else(|| "unknown".to_owned(), |kib| format!("{:.0} GiB", kib / 1_048_576.0));
    let descriptors = first_line("sh", &["-c", "ulimit -n"]);
    let bun = place.root.join("bench/peers/bun/node_modules/.bin/bun");
    let row = |name: &str, value: String| (name.to_owned(), value);
    vec![
        row("processor", model),
        row("cores", format!("{cores}: one for the servers (and Redis), one for the generator")),
        row("memory", gibibytes),
        row("kernel", kernel),
        row("descriptors of a process", descriptors),
        row("Redis", redis_version()),
        row("Rust", first_line("rustc", &["--version"])),
        row("Node", first_line("node", &["--version"])),
        row("Bun", first_line(&bun.to_string_lossy(), &["--version"])),
        row("Python", first_line("python3", &["--version"])),
    ]
}

/// The versions that a peer is pinned to: of what its own manifest names.
pub(super) fn versions(root: &Path, server: &Server) -> Vec<String> {
    let folder = server.folder(root);
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    match server.made {
        Made::Palabre | Made::Floor => Vec::new(),
        Made::Cargo { .. } => cargo_versions(&read("Cargo.toml")),
        Made::Node { .. } => npm_versions(&read("package.json")),
        // Both of Bun's servers share a manifest; one of them needs no more than Bun.
        Made::Bun { file, .. } => {
            let all = npm_versions(&read("package.json"));
            let source = read(file);
            let is_used = |line: &String| {
                let name = line.split(' ').next().unwrap_or_default();
                name == "bun" || source.contains(&format!("from \"{name}\""))
            };
            all.into_iter().filter(is_used).collect()
        }
        Made::Python { .. } => python_versions(&read("requirements.txt")),
    }
}

/// Dependencies with an exact version, as in `axum = "=0.8.9"`.
fn cargo_versions(manifest: &str) -> Vec<String> {
    let pinned = manifest.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" = ")?;
        let (_, from) = rest.split_once("\"=")?;
        let (version, _) = from.split_once('"')?;
        Some(format!("{name} {version}"))
    });
    pinned.collect()
}

fn npm_versions(manifest: &str) -> Vec<String> {
    let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap_or_default();
    let dependencies = manifest.get("dependencies").and_then(|value| value.as_object());
    let pinned = dependencies.into_iter().flatten();
    pinned.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect()
}

/// Of all that is pinned, what a reader may know.
fn python_versions(requirements: &str) -> Vec<String> {
    const TELLING: [&str; 9] = [
        "Flask-SocketIO",
        "gevent",
        "gevent-websocket",
        "python-engineio",
        "python-socketio",
        "redis",
        "uvicorn",
        "uvloop",
        "websockets",
    ];
    let pinned = requirements.lines().filter_map(|line| line.split_once("=="));
    let telling = pinned.filter(|(name, _)| TELLING.contains(name));
    telling.map(|(name, version)| format!("{name} {version}")).collect()
}

/// The value behind a colon, in the files of `/proc`.
fn field(text: &str, name: &str) -> Option<String> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

/// `v=7.0.15` of the long line that Redis prints.
fn redis_version() -> String {
    let line = first_line("redis-server", &["--version"]);
    let version = line.split_whitespace().find_map(|word| word.strip_prefix("v="));
    version.unwrap_or("unknown").to_owned()
}

fn first_line(program: &str, args: &[&str]) -> String {
    let printed = shell::output(Path::new("."), program, args).unwrap_or_default();
    printed.lines().next().unwrap_or("not here").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::peers::servers::SERVERS;

    #[test]
    fn pinned_versions_are_read_from_every_kind_of_manifest() {
        let cargo = "[dependencies]\naxum = { version = \"=0.8.9\" }\nx = \"=1.2\"\ny = \"2\"\n";
        assert_eq!(cargo_versions(cargo), ["axum 0.8.9", "x 1.2"]);
        let npm = r#"{ "dependencies": { "socket.io": "4.8.4" } }"#;
        assert_eq!(npm_versions(npm), ["socket.io 4.8.4"]);
        assert_eq!(python_versions("anyio==4\nredis==8.1.0\n"), ["redis 8.1.0"]);
        assert_eq!(field("a : 1\nmodel name\t: Fast\n", "model name").unwrap(), "Fast");
    }

    #[test]
    fn every_peer_pins_what_it_is_made_of() {
        let root = crate::root();
        for server in &SERVERS {
            let is_ours = matches!(server.made, Made::Palabre | Made::Floor);
            assert_eq!(versions(&root, server).is_empty(), is_ours, "{}", server.name);
        }
    }
}
