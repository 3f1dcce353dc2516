//! Runs a [`Follower`] against a [`Broker`]: carries out its steps, brings it deliveries, answers
//! and the time. What to make of them is left to the follower.

use std::{future::pending, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use crate::follower::Followed;
use crate::{
    Broker, Delivery, Error, Head, Partition, PartitionPage,
    follower::{Follower, Limits, Step},
};

/// What may wait for whoever takes the stream; beyond, nothing more is taken from the broker.
pub const FOLLOWED_QUEUE: usize = 4_096;

/// After the broker has ended the deliveries by itself they are asked for again.
const FOLLOW_AGAIN: Duration = Duration::from_secs(1);

/// Follows a partition from now on: without gaps, without doubles, in order. It ends when `stop`
/// is cancelled or the receiver is dropped, and at no other time: while the broker is away it
/// waits.
pub fn follow(
    broker: Arc<dyn Broker>,
    partition: Partition,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> mpsc::Receiver<Followed> {
    follow_with(broker, partition, Limits::default(), tasks, stop)
}

/// The same, with other limits.
pub fn follow_with(
    broker: Arc<dyn Broker>,
    partition: Partition,
    limits: Limits,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> mpsc::Receiver<Followed> {
    let (sender, receiver) = mpsc::channel(FOLLOWED_QUEUE);
    let follower = Follower::new(limits);
    let driver =
        Driver { broker, partition, follower, origin: Instant::now(), asking: None, sender };
    tasks.spawn(async move {
        let receiver_gone = driver.sender.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = receiver_gone.closed() => {}
            () = driver.run() => {}
        }
    });
    receiver
}

struct Driver {
    broker: Arc<dyn Broker>,
    partition: Partition,
    follower: Follower,
    origin: Instant,
    /// The follower asks one question at a time; a new one replaces one that it has given up.
    asking: Option<Asking>,
    sender: mpsc::Sender<Followed>,
}

type Asking = Pin<Box<dyn Future<Output = Answered> + Send>>;

enum Answered {
    Head(u64, Result<Head, Error>),
    Page(u64, Result<PartitionPage, Error>),
}

impl Driver {
    /// Ends only when the receiver is gone.
    async fn run(mut self) {
        loop {
            let mut deliveries = self.broker.follow(self.partition);
            while self.next(&mut deliveries).await {
                if self.carry_out().await.is_err() {
                    return;
                }
            }
            tracing::debug!(partition = self.partition.0, "deliveries ended; following again");
            self.follower.handle(Delivery::Interrupted, self.origin.elapsed());
            if self.carry_out().await.is_err() {
                return;
            }
            sleep(FOLLOW_AGAIN).await;
        }
    }

    /// Waits for one thing to happen. Says whether deliveries go on.
    async fn next(&mut self, deliveries: &mut mpsc::Receiver<Delivery>) -> bool {
        let timeout = self.follower.poll_timeout().map(|after| self.origin + after);
        tokio::select! {
            delivery = deliveries.recv() => {
                let Some(delivery) = delivery else { return false };
                self.follower.handle(delivery, self.origin.elapsed());
            }
            answered = answer(&mut self.asking) => {
                self.asking = None;
                let now = self.origin.elapsed();
                match answered {
                    Answered::Head(ticket, answer) => {
                        note(self.partition, answer.as_ref().err());
                        self.follower.head_answer(ticket, answer.ok(), now);
                    }
                    Answered::Page(ticket, answer) => {
                        note(self.partition, answer.as_ref().err());
                        self.follower.page_answer(ticket, answer, now);
                    }
                }
            }
            () = reached(timeout) => self.follower.handle_timeout(self.origin.elapsed()),
        }
        true
    }

    async fn carry_out(&mut self) -> Result<(), mpsc::error::SendError<Followed>> {
        while let Some(step) = self.follower.poll_step() {
            match step {
                Step::HandOn(followed) => self.sender.send(followed).await?,
                Step::Read { ticket, after, to, limit } => {
                    let page = self.broker.read_partition(self.partition, after, to, limit);
                    self.asking = Some(Box::pin(async move { Answered::Page(ticket, page.await) }));
                }
                Step::ReadHead { ticket } => {
                    let head = self.broker.head(self.partition);
                    self.asking = Some(Box::pin(async move { Answered::Head(ticket, head.await) }));
                }
            }
        }
        Ok(())
    }
}

async fn answer(asking: &mut Option<Asking>) -> Answered {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}

async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

fn note(partition: Partition, error: Option<&Error>) {
    if let Some(error) = error {
        tracing::warn!(partition = partition.0, %error, "the log can't be read; trying again");
    }
}

#[cfg(test)]
mod tests;
