//! Memory to read into, one piece for each thread: a connection that waits holds none.

use std::cell::Cell;

/// Bytes read at once.
const BYTES: usize = 32 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the thread's memory, with whatever somebody has left there. Who asks for it while it is
/// lent gets other memory.
pub(crate) fn with<R>(run: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut scratch = SCRATCH.take();
    scratch.resize(BYTES, 0);
    let answer = run(&mut scratch);
    SCRATCH.set(scratch);
    answer
}
