//! One partition's subscription: a connection of its own, supervised here. It is live only after
//! Redis confirmed it; whatever breaks it is an `Interrupted` at once. The socket is read eagerly,
//! since Redis cuts off subscribers that read slowly; the queues behind it are the followers' own.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use redis::Value;
use tokio::{
    sync::{
        Notify,
        mpsc::{Receiver, Sender},
    },
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, warn};

use super::{
    backoff,
    followers::Followers,
    health::LinkNumber,
    link::{ANSWER_WAIT, Link},
    publication,
    reply::text_of,
    shared::Shared,
};
use crate::{Delivery, Error};

/// How often a PING goes out.
const PING_EVERY: Duration = Duration::from_secs(2);

/// How long nothing at all may be heard, so that a connection that is only half there is found.
const SILENCE_MAX: Duration = PING_EVERY.saturating_add(ANSWER_WAIT);

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

    pub(super) fn follow(&self) -> Receiver<Delivery> {
        let deliveries = self.followers.follow();
        self.added.notify_one();
        deliveries
    }

    /// Subscribes, delivers, and subscribes again, until the broker is closed.
    pub(super) async fn run(self: Arc<Self>) {
        let supervised = async {
            let mut failures = 0;
            loop {
                sleep(backoff::wait_after(failures)).await;
                let (why, was_live) = match self.subscribe().await {
                    Ok(link) => {
                        self.shared.health.up(self.health);
                        let why = self.deliver_all(link).await;
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

    fn channel(&self) -> &str {
        &self.shared.partitions[self.partition].keys.channel
    }

    /// Connects, subscribes, and waits until Redis has confirmed it.
    async fn subscribe(&self) -> Result<Link, Error> {
        let name = format!("palabre-sub-p{}", self.shared.partitions[self.partition].number.0);
        let mut link = Link::open(&self.shared.address, &name).await?;
        let mut subscribe = redis::cmd("SUBSCRIBE");
        match Heard::read(link.ask(subscribe.arg(self.channel())).await?) {
            Heard::Confirmed => Ok(link),
            _ => Err(Error::Unavailable("the subscription was not confirmed".into())),
        }
    }

    /// Delivers what comes until the connection is lost. Says why it was.
    async fn deliver_all(&self, mut link: Link) -> Error {
        let mut heard_at = Instant::now();
        let mut ping_at = heard_at + PING_EVERY;
        let mut asked = false;
        loop {
            if !asked && self.followers.ask() {
                link.requests.push(redis::cmd("PING").arg(QUESTION));
                asked = true;
            }
            let lagging = self.followers.lagging();
            tokio::select! {
                reply = link.replies.next() => {
                    heard_at = Instant::now();
                    match reply.and_then(|reply| self.take(reply)) {
                        Ok(answers) => asked &= !answers,
                        Err(why) => return why,
                    }
                }
                () = self.added.notified() => {}
                written = link.requests.write(), if !link.requests.is_empty() => {
                    if let Err(why) = written {
                        return why;
                    }
                }
                () = self.room_in(lagging.as_ref()), if lagging.is_some() => {
                    self.followers.go_on();
                }
                () = sleep_until(heard_at + SILENCE_MAX) => {
                    return Error::Unavailable("nothing was heard in time".into());
                }
                () = sleep_until(ping_at) => {
                    if link.requests.is_empty() {
                        link.requests.push(&redis::cmd("PING"));
                    }
                    ping_at = Instant::now() + PING_EVERY;
                }
            }
        }
    }

    /// Waits until the follower has made room, or is gone.
    async fn room_in(&self, lagging: Option<&Sender<Delivery>>) {
        if let Some(sender) = lagging {
            // The places are given back at once; they stay free, since only this task sends.
            drop(sender.reserve_many(self.followers.room_to_go_on()).await);
        }
    }

    /// Takes what was heard. Says whether it answers the question of the followers.
    fn take(&self, reply: Value) -> Result<bool, Error> {
        match Heard::read(reply) {
            Heard::Message(payload) => self.publish(payload),
            Heard::Pong(said) if said == QUESTION => {
                self.followers.live();
                return Ok(true);
            }
            Heard::Confirmed | Heard::Pong(_) => {}
            Heard::Unsubscribed => {
                return Err(Error::Unavailable("Redis ended the subscription".into()));
            }
            Heard::Other(what) => return Err(Error::Unavailable(what)),
        }
        Ok(false)
    }

    fn publish(&self, payload: Vec<u8>) {
        let length = payload.len();
        match publication::decode(Bytes::from(payload)) {
            Ok(delivery) => {
                let overflowed = self.followers.deliver(&delivery);
                if overflowed > 0 {
                    self.shared.counters.followers_overflowed.add(overflowed);
                    warn!(overflowed, "a follower's queue is full: it is interrupted");
                }
            }
            Err(error) => {
                // Anybody may publish on the channel, so this must not fill the log.
                self.shared.counters.publications_undecodable.add(1);
                debug!(%error, length, channel = self.channel(), "ignored a publication");
            }
        }
    }
}

/// What comes over a subscribed connection.
enum Heard {
    Confirmed,
    Message(Vec<u8>),
    Pong(Vec<u8>),
    Unsubscribed,
    Other(String),
}

impl Heard {
    fn read(reply: Value) -> Self {
        let strange = || Self::Other("what Redis sent is no publication".into());
        let values = match reply {
            Value::Array(values) => values,
            Value::ServerError(refusal) => return Self::Other(text_of(&refusal)),
            _ => return strange(),
        };
        let mut values = values.into_iter();
        let Some(Value::BulkString(kind)) = values.next() else { return strange() };
        match (kind.as_slice(), values.next(), values.next()) {
            (b"message", _, Some(Value::BulkString(payload))) => Self::Message(payload),
            (b"subscribe", _, Some(Value::Int(_))) => Self::Confirmed,
            (b"unsubscribe", ..) => Self::Unsubscribed,
            (b"pong", Some(Value::BulkString(said)), _) => Self::Pong(said),
            _ => strange(),
        }
    }
}
