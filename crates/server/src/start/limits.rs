//! The configuration's values as the limits of each crate.

use crate::config::{Config, Cors, RateLimit};

/// Tasks that write to the connections: as configured, or one for each core.
pub(super) fn shards(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    config.shards.unwrap_or_else(cores)
}

pub(super) fn log(config: &Config) -> broker::Limits {
    broker::Limits {
        append_wait: config.append_wait,
        append_queue_bytes: config.append_queue_bytes,
        delivery_queue: config.delivery_queue,
        room_entries: config.room_entries,
        room_age: config.room_age,
        partition_entries: config.partition_entries,
        partition_age: config.partition_age,
        id_window: config.id_window,
        ..broker::Limits::default()
    }
}

pub(super) fn ring(config: &Config) -> crate::sequencer::ring::Limits {
    crate::sequencer::ring::Limits { time: config.ring_time, bytes: config.ring_bytes }
}

pub(super) fn hub(config: &Config) -> hub::Limits {
    hub::Limits {
        outbox_bytes: config.outbox_bytes,
        held_bytes: config.held_bytes,
        ..hub::Limits::default()
    }
}

pub(super) fn chat(config: &Config) -> chat::Limits {
    chat::Limits {
        text_chars: config.text_max,
        name_chars: config.name_max,
        rooms_per_socket: config.rooms_per_socket,
        rooms_made: match config.rate_limit {
            RateLimit::Default => chat::Limits::default().rooms_made,
            RateLimit::None => u32::MAX,
        },
        ..chat::Limits::default()
    }
}

/// `tag` is what the ids of its sessions begin with, where other instances look at them.
pub(super) fn gateway(config: &Config, tag: Option<gateway::Tag>) -> gateway::Config {
    let origins = match &config.cors {
        Cors::Off => gateway::Origins::Off,
        Cors::Any => gateway::Origins::Any,
        Cors::Only(origins) => gateway::Origins::These(origins.clone()),
    };
    gateway::Config {
        path: format!("{}socket.io/", config.base_path).into(),
        ping_interval: config.ping_interval,
        ping_timeout: config.ping_timeout,
        upgrade_timeout: config.upgrade_timeout,
        connect_timeout: config.connect_timeout,
        max_payload: config.max_payload,
        max_attachments: config.max_attachments,
        cors: gateway::Cors { origins, credentials: false },
        sessions_max: config.sessions_max,
        connections_max: connections_max(open_files_max()),
        drain_window: config.drain_window,
        // Longer than a poll can last.
        forward_timeout: config.ping_interval + config.ping_timeout,
        tag,
        ..gateway::Config::default()
    }
}

/// Files that are open beside the clients' connections: the log, other instances, what is served.
const OTHER_FILES: usize = 256;

/// As many connections as the system lets be open, so that the others aren't starved by them.
fn connections_max(open_files_max: Option<usize>) -> usize {
    let most = gateway::Config::default().connections_max;
    open_files_max.map_or(most, |files| files.saturating_sub(OTHER_FILES).clamp(1, most))
}

/// The limit of this process on open files, where the system tells it.
fn open_files_max() -> Option<usize> {
    open_files_in(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn open_files_in(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_connections_than_files() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
            Max processes             63448                63448                processes\n\
            Max open files            1024                 524288               files\n";
        assert_eq!(open_files_in(limits), Some(1024));
        assert_eq!(open_files_in("Max open files            unlimited  unlimited  files"), None);
        assert_eq!(connections_max(Some(1024)), 768);
        assert_eq!(connections_max(Some(10)), 1);
        assert_eq!(connections_max(Some(10_000_000)), connections_max(None));
        assert!(open_files_max().is_some_and(|files| files > 0));
    }
}
