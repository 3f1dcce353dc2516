//! Values that are right alone and wrong together.

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
