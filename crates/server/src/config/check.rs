//! Values that are right alone and wrong together.

use std::time::Duration;

use super::{error::ConfigError, layers::Loaded};

/// The bytes of a character at most: four in UTF-8, six where JSON escapes a control character.
const CHARACTER_BYTES_MAX: usize = 6;

/// What an entry carries beside its text, generously.
const ENTRY_OVERHEAD_BYTES: usize = 8 << 10;

/// Checks what no single option can.
///
/// # Errors
/// Names both options.
pub(super) fn together(loaded: &Loaded) -> Result<(), ConfigError> {
    room_for_a_message(loaded)?;
    all_only_on_disk(loaded)
}

fn room_for_a_message(loaded: &Loaded) -> Result<(), ConfigError> {
    let config = &loaded.config;
    let entry_bytes = config.text_max * CHARACTER_BYTES_MAX + ENTRY_OVERHEAD_BYTES;
    let places = [
        ("max-payload", config.max_payload),
        ("outbox-bytes", config.outbox_bytes),
        ("held-bytes", config.held_bytes),
        ("append-queue-bytes", config.append_queue_bytes),
    ];
    for (key, bytes) in places {
        if bytes < entry_bytes {
            return Err(ConfigError::Clash(format!(
                "{key} ({}) is too small for one message of text-max ({}) characters: at least \
                 {entry_bytes} bytes are needed",
                loaded.origin(key),
                loaded.origin("text-max"),
            )));
        }
    }
    Ok(())
}

/// A Redis and the memory end somewhere.
fn all_only_on_disk(loaded: &Loaded) -> Result<(), ConfigError> {
    let config = &loaded.config;
    let limited = [
        ("room-entries", config.room_entries < u64::MAX),
        ("room-age", config.room_age < Duration::MAX),
        ("partition-entries", config.partition_entries < u64::MAX),
        ("partition-age", config.partition_age < Duration::MAX),
    ];
    let on_disk = config.redis.is_none() && !config.ephemeral;
    match limited.into_iter().find(|(_, is_limited)| !is_limited) {
        Some((key, _)) if !on_disk => Err(ConfigError::Clash(format!(
            "{key} ({}) can be 'all' only for the log on disk, not for Redis or memory",
            loaded.origin(key),
        ))),
        _ => Ok(()),
    }
}
