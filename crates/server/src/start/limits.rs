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
        drain_window: config.drain_window,
        // Longer than a poll can last.
        forward_timeout: config.ping_interval + config.ping_timeout,
        tag,
        ..gateway::Config::default()
    }
}
