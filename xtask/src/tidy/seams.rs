//! Who may name what in the code itself: the Redis client, the HTTP library, the environment, the
//! clock. `arrows.rs` checks the same in the manifests, where that is fine enough.

use super::{Fault, File, words};

const HTTP: [&str; 7] =
    ["axum", "http_body", "http_body_util", "hyper", "hyper_util", "tower", "tower_http"];
const CLOCKS: [&str; 6] = ["Instant", "SystemTime", "UNIX_EPOCH", "chrono", "jiff", "tokio"];
const READS_ENVIRONMENT: [&str; 6] =
    ["env::var(", "env::var_os(", "env::vars(", "env::vars_os(", "env::set_var(", "env = \""];

/// Only `broker/src/redis` names the Redis client. Paths like `broker::redis` are our own module.
pub(super) fn redis_client(file: &File) -> Vec<Fault> {
    let in_its_place = file.path == "crates/broker/src/redis.rs"
        || file.path.starts_with("crates/broker/src/redis/")
        || file.path.starts_with("crates/broker/tests/");
    if in_its_place {
        return Vec::new();
    }
    faults(file, "the Redis client is only for broker/src/redis", |line| {
        line.match_indices("redis::").any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c == ':' || c == '_' || c.is_alphanumeric())
        }) || line.trim_start().starts_with("use redis;")
    })
}

/// Only gateway and server name the HTTP library.
pub(super) fn http_library(file: &File) -> Vec<Fault> {
    if matches!(file.crate_name(), Some("gateway" | "server")) {
        return Vec::new();
    }
    faults(file, "the HTTP library is only for gateway and server", |line| names_crate(line, &HTTP))
}

/// Only the configuration reads the environment.
pub(super) fn environment(file: &File) -> Vec<Fault> {
    let in_its_place = file.path == "crates/server/src/config.rs"
        || file.path.starts_with("crates/server/src/config/");
    if in_its_place {
        return Vec::new();
    }
    faults(file, "only server/src/config reads the environment", |line| {
        READS_ENVIRONMENT.iter().any(|read| line.contains(read))
    })
}

/// `wire` and `chat` are told what time it is.
pub(super) fn clock(file: &File) -> Vec<Fault> {
    if !matches!(file.crate_name(), Some("wire" | "chat")) {
        return Vec::new();
    }
    faults(file, "wire and chat know no clock", |line| words(line).any(|w| CLOCKS.contains(&w)))
}

/// The lines of our crates' code, tests apart, that a rule does not like.
fn faults(file: &File, what: &str, is_bad: impl Fn(&str) -> bool) -> Vec<Fault> {
    if file.crate_name().is_none() || !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    file.code()
        .filter(|(_, line)| is_bad(line))
        .map(|(line, _)| Fault { line, what: what.to_owned() })
        .collect()
}

/// Whether the line names one of these crates, as in `hyper::body` or `use hyper;`.
fn names_crate(line: &str, crates: &[&str]) -> bool {
    crates.iter().any(|name| {
        line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = &line[at + name.len()..];
            let starts = !before.is_some_and(|c| c == ':' || c == '_' || c.is_alphanumeric());
            starts
                && (after.starts_with("::") || line.trim_start().starts_with("use "))
                && !after.starts_with(|c: char| c == '_' || c.is_alphanumeric())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    #[test]
    fn the_redis_client_outside_of_its_place_is_a_fault() {
        let text = "use redis::Client;\n";
        assert_eq!(redis_client(&file("crates/server/src/a.rs", text)).len(), 1);
        assert_eq!(redis_client(&file("crates/broker/src/follow.rs", "redis::cmd(x)")).len(), 1);
        assert!(redis_client(&file("crates/broker/src/redis.rs", text)).is_empty());
        assert!(redis_client(&file("crates/broker/src/redis/lane.rs", text)).is_empty());
        let ours = "use broker::redis::Redis;\n";
        assert!(redis_client(&file("crates/server/src/a.rs", ours)).is_empty());
    }

    #[test]
    fn the_http_library_outside_of_its_place_is_a_fault() {
        for bad in ["use hyper::body;", "let a: axum::Router;", "use tower;"] {
            assert_eq!(http_library(&file("crates/hub/src/a.rs", bad)).len(), 1, "{bad}");
            assert!(http_library(&file("crates/gateway/src/a.rs", bad)).is_empty(), "{bad}");
            assert!(http_library(&file("crates/hub/tests/a.rs", bad)).is_empty(), "{bad}");
        }
        assert!(http_library(&file("crates/hub/src/a.rs", "use crate::hyperlink;")).is_empty());
    }

    #[test]
    fn reading_the_environment_outside_of_its_place_is_a_fault() {
        let text = "let home = std::env::var(\"HOME\");";
        assert_eq!(environment(&file("crates/server/src/main.rs", text)).len(), 1);
        assert_eq!(environment(&file("crates/hub/src/a.rs", "#[arg(env = \"X\")]")).len(), 1);
        assert!(environment(&file("crates/server/src/config/layers.rs", text)).is_empty());
        let built = "env!(\"CARGO_PKG_VERSION\")";
        assert!(environment(&file("crates/server/src/main.rs", built)).is_empty());
    }

    #[test]
    fn a_clock_in_a_pure_crate_is_a_fault() {
        let text = "use std::time::{Duration, Instant};";
        assert_eq!(clock(&file("crates/wire/src/engine.rs", text)).len(), 1);
        assert_eq!(clock(&file("crates/chat/src/a.rs", "SystemTime::now()")).len(), 1);
        assert!(clock(&file("crates/hub/src/a.rs", text)).is_empty());
        assert!(clock(&file("crates/wire/src/a.rs", "use std::time::Duration;")).is_empty());
    }
}
