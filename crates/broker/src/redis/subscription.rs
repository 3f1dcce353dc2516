//! One partition's subscription: a connection of its own, supervised here. It is live only after
//! Redis confirmed it; whatever breaks it is an `Interrupted` at once. The socket is read eagerly,
//! since Redis cuts off subscribers that read slowly; the queues behind it are the followers' own.

use std::{collections::VecDeque, future::pending, pin::pin, sync::Arc};

use tokio::sync::Notify;
use tracing::{debug, warn};

use super::{
    followers::Followers,
    health::LinkNumber,
    listening::{Heard, Listening},
    publication::{Decoded, Decoder},
    shared::{Known, Shared},
    tail::Tail,
};
use crate::{Deliveries, Delivery, Error};

/// What a PING carries that asks, for new followers, whether the subscription stands.
const QUESTION: &[u8] = b"live";

/// The subscription to one partition's channel.
pub(super) struct Subscription {
    shared: Arc<Shared>,
    /// The place of the partition in `shared`.
    partition: usize,
    health: LinkNumber,
    followers: Followers,
    /// Tells the task of a new follower.
    added: Notify,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, partition: usize) -> Self {
        let followers = Followers::new(shared.limits.delivery_queue);
        let health = shared.health.add();
        Self { shared, partition, health, followers, added: Notify::new() }
    }

    pub(super) fn follow(&self) -> Deliveries {
        let deliveries = self.followers.follow();
        self.added.notify_one();
        deliveries
    }

    /// Subscribes, delivers, and subscribes again, until the broker is closed.
    pub(super) async fn run(self: Arc<Self>) {
        let supervised = async {
            let mut failures = 0;
            loop {
                self.shared.back_off(failures).await;
                let (why, was_live) = match self.subscribe().await {
                    Ok(listening) => {
                        self.shared.health.up(self.health);
                        self.shared.reached.notify_waiters();
                        let why = self.deliver_all(listening).await;
                        self.followers.interrupted();
                        self.shared.counters.subscriptions_interrupted.add(1);
                        (why, true)
                    }
                    Err(why) => (why, false),
                };
                failures = if was_live { 1 } else { failures.saturating_add(1) };
                self.shared.counters.connections_failed.add(1);
                self.shared.health.down(self.health, why);
            }
        };
        tokio::select! {
            () = supervised => {}
            () = self.shared.stop.cancelled() => {}
        }
        self.followers.close();
    }

    fn known(&self) -> &Known {
        &self.shared.partitions[self.partition]
    }

    fn channel(&self) -> &str {
        &self.known().keys.channel
    }

    /// Connects, subscribes, and waits until Redis has confirmed it.
    async fn subscribe(&self) -> Result<Listening, Error> {
        let name = format!("palabre-sub-p{}", self.known().number.0);
        Listening::open(&self.shared.address, &name, &[self.channel()]).await
    }

    /// Delivers what comes until the connection is lost. Says why it was.
    async fn deliver_all(&self, mut listening: Listening) -> Error {
        let mut asked = false;
        let (mut decoder, mut batch) = (Decoder::default(), VecDeque::new());
        let mut added = pin!(self.added.notified());
        loop {
            let answered = self.hear_all(&mut listening, &mut decoder, &mut batch);
            // What came before the connection broke is delivered all the same.
            self.deliver(&mut batch);
            match answered {
                Ok(answered) => asked &= !answered,
                Err(why) => return why,
            }
            if !asked && self.followers.ask() {
                listening.ask(QUESTION);
                asked = true;
            }
            let lagging = self.followers.lagging();
            let has_lagging = lagging.is_some();
            let made_room = async {
                match lagging {
                    Some(made_room) => made_room.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                read = listening.read_more() => {
                    if let Err(why) = read {
                        return why;
                    }
                }
                () = &mut added => added.set(self.added.notified()),
                () = made_room, if has_lagging => self.followers.go_on(),
            }
        }
    }

    /// Takes all that was read, so that it is handed on together. Says whether the question was
    /// answered.
    fn hear_all(
        &self,
        listening: &mut Listening,
        decoder: &mut Decoder,
        batch: &mut VecDeque<Delivery>,
    ) -> Result<bool, Error> {
        let mut answered = false;
        loop {
            self.known().hear(|tail| {
                listening.read_messages(|payload| {
                    if let Some(delivery) = self.read(decoder, payload, tail) {
                        batch.push_back(delivery);
                    }
                });
            });
            match listening.next_read()? {
                Some(Heard::Message(payload)) => {
                    batch.extend(self.known().hear(|tail| self.read(decoder, &payload, tail)));
                }
                Some(Heard::Pong(said)) if said == QUESTION => {
                    // What was published before is not for those who have asked.
                    self.deliver(batch);
                    self.followers.live();
                    answered = true;
                }
                Some(Heard::Pong(_)) => {}
                None => return Ok(answered),
            }
        }
    }

    fn read(&self, decoder: &mut Decoder, payload: &[u8], tail: &mut Tail) -> Option<Delivery> {
        match decoder.decode(payload) {
            Ok(Decoded { delivery, tombstone }) => {
                if let Delivery::Entry(epoch, record) = &delivery {
                    tail.keep(*epoch, record.clone(), tombstone);
                }
                Some(delivery)
            }
            Err(error) => {
                // Anybody may publish on the channel, so this must not fill the log.
                self.shared.counters.publications_undecodable.add(1);
                let length = payload.len();
                debug!(%error, length, channel = self.channel(), "ignored a publication");
                None
            }
        }
    }

    fn deliver(&self, batch: &mut VecDeque<Delivery>) {
        let overflowed = self.followers.deliver(batch);
        if overflowed > 0 {
            self.shared.counters.followers_overflowed.add(overflowed);
            warn!(overflowed, "a follower's queue is full: it is interrupted");
        }
    }
}
