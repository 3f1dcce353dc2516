//! Panics of any task of any instance: each one is a defect, though the instance goes on.

use std::sync::Once;

use parking_lot::Mutex;

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
static WATCHING: Once = Once::new();

/// Remembers panics from now on.
pub(super) fn watch() {
    WATCHING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            SEEN.lock().push(panic.to_string().replace('\n', " "));
            before(panic);
        }));
    });
}

/// Those that happened since the last call.
pub(super) fn seen() -> Vec<String> {
    std::mem::take(&mut SEEN.lock())
}
