//! Every limit of the hub, in one place. What happens when one is reached stands at its field.
//!
//! How many sockets there are, and how many topics each is in, is bounded by whoever attaches
//! them and lets them enter: the gateway and the application.

use std::time::Duration;

/// The limits of a hub and of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may wait for one connection behind its first waiting frame (1 MiB), each frame
    /// counted with the memory of its place in the queue. Beyond it waiting ephemeral frames are
    /// dropped; if that is not enough the connection is closed as a slow consumer.
    pub outbox_bytes: usize,
    /// Bytes that may wait for one held socket (1 MiB). The policy is that of the outbox.
    pub held_bytes: usize,
    /// Commands that may wait in front of one shard (1,024). Beyond it callers wait. At least 1.
    pub shard_queue: usize,
    /// Publications that a shard gathers before it writes (1,024). The rest stays in its queue.
    pub batch_publications: usize,
    /// Bytes of publications that a shard gathers before it writes (256 KiB); a single larger one
    /// goes alone. It bounds the buffer in which a topic's publications are joined.
    pub batch_bytes: usize,
    /// Sockets that a shard serves, or commands that it carries out, before it lets other tasks
    /// run (64; 0 means never).
    pub yield_after: usize,
    /// The longest that a batch waits for more where the last one carried several frames in each
    /// write (5 ms), and at most half of what that took. Zero: never.
    pub linger_max: Duration,
    /// What writing the last batch must have taken for the next one to wait at all (2 ms).
    pub linger_from: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outbox_bytes: 1024 * 1024,
            held_bytes: 1024 * 1024,
            shard_queue: 1024,
            batch_publications: 1024,
            batch_bytes: 256 * 1024,
            yield_after: 64,
            linger_max: Duration::from_millis(5),
            linger_from: Duration::from_millis(2),
        }
    }
}
