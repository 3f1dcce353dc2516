//! Runs a [`Follower`] against a [`Broker`]: carries out its steps, brings it deliveries, answers
//! and the time. What to make of them is left to the follower.

use std::{collections::VecDeque, future::pending, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use crate::follower::Followed;
use crate::{
    Broker, Deliveries, Delivery, Error, Head, Partition, PartitionPage,
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
    let receiver_gone = sender.clone();
    let mut following = Following::new(broker, partition, limits);
    let hand_on = async move {
        let mut all = VecDeque::new();
        loop {
            following.next(&mut all).await;
            for followed in all.drain(..) {
                if sender.send(followed).await.is_err() {
                    return;
                }
            }
        }
    };
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = receiver_gone.closed() => {}
            () = hand_on => {}
        }
    });
    receiver
}

/// Follows a partition in the task of whoever takes the stream.
pub struct Following {
    broker: Arc<dyn Broker>,
    partition: Partition,
    follower: Follower,
    origin: Instant,
    /// None before the first, and after they have ended.
    deliveries: Option<Deliveries>,
    /// Not before this moment are deliveries asked for.
    follow_at: Option<Instant>,
    /// What was taken of them.
    taken: VecDeque<Delivery>,
    /// The follower asks one question at a time; a new one replaces one that it has given up.
    asking: Option<Asking>,
}

type Asking = Pin<Box<dyn Future<Output = Answered> + Send>>;

enum Answered {
    Head(u64, Result<Head, Error>),
    Page(u64, Result<PartitionPage, Error>),
}

impl Following {
    /// Begins where the log stands when it is first asked for what is next.
    pub fn new(broker: Arc<dyn Broker>, partition: Partition, limits: Limits) -> Self {
        let follower = Follower::new(limits);
        let (origin, taken) = (Instant::now(), VecDeque::new());
        let (deliveries, follow_at, asking) = (None, Some(origin), None);
        Self { broker, partition, follower, origin, deliveries, follow_at, taken, asking }
    }

    /// Waits until there is something, and puts all of it behind what is in `all`. While the broker
    /// is away it waits. If the future is dropped, nothing more may be asked for.
    pub async fn next(&mut self, all: &mut VecDeque<Followed>) {
        let before = all.len();
        while all.len() == before {
            if self.deliveries.is_none() {
                reached(self.follow_at).await;
                self.deliveries = Some(self.broker.follow(self.partition));
            }
            if !self.happen().await {
                tracing::debug!(partition = self.partition.0, "deliveries ended; following again");
                self.follower.handle(Delivery::Interrupted, self.origin.elapsed());
                (self.deliveries, self.follow_at) = (None, Some(Instant::now() + FOLLOW_AGAIN));
            }
            self.carry_out(all);
        }
    }

    /// Waits for something to happen. Says whether deliveries go on.
    async fn happen(&mut self) -> bool {
        let timeout = self.follower.poll_timeout().map(|after| self.origin + after);
        let Some(deliveries) = &mut self.deliveries else { return false };
        tokio::select! {
            taken = deliveries.recv_many(&mut self.taken) => {
                self.follower.handle_all(&mut self.taken, self.origin.elapsed());
                return taken > 0;
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

    fn carry_out(&mut self, all: &mut VecDeque<Followed>) {
        self.follower.poll_handed_on(all);
        while let Some(step) = self.follower.poll_step() {
            match step {
                Step::HandOn(followed) => all.push_back(followed),
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
