//! A connection that listens: subscribed, kept awake, and given up when it falls silent. What is
//! heard, and when to subscribe again, is left to whoever holds it.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use redis::Value;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::{
    address::Address,
    link::{ANSWER_WAIT, Link},
    reply::text_of,
};
use crate::Error;

/// How often a PING goes out.
const PING_EVERY: Duration = Duration::from_secs(2);

/// How long nothing at all may be heard, so that a connection that is only half there is found.
const SILENCE_MAX: Duration = PING_EVERY.saturating_add(ANSWER_WAIT);

/// A subscribed connection.
pub(super) struct Listening {
    link: Link,
    heard_at: Instant,
    ping_at: Instant,
    /// Never later than what is due next. It is set anew only when it went off, and not at all that
    /// is heard.
    alarm: Pin<Box<Sleep>>,
}

/// What comes over it.
pub(super) enum Heard {
    /// What somebody published.
    Message(Bytes),
    /// The answer to [`Listening::ask`], or to a PING that was sent to stay awake.
    Pong(Vec<u8>),
}

impl Listening {
    /// Connects, subscribes, and waits until Redis has confirmed all of it.
    pub(super) async fn open(
        address: &Address,
        name: &str,
        channels: &[&str],
    ) -> Result<Self, Error> {
        let mut link = Link::open(address, name).await?;
        let mut subscribe = redis::cmd("SUBSCRIBE");
        let mut reply = link.ask(subscribe.arg(channels)).await?;
        let mut unconfirmed = channels.len();
        loop {
            if !matches!(read(reply)?, Reply::Confirmed) {
                return Err(Error::Unavailable("the subscription was not confirmed".into()));
            }
            unconfirmed -= 1;
            if unconfirmed == 0 {
                break;
            }
            let late = |_| Error::Unavailable("no answer in time".into());
            reply = timeout(ANSWER_WAIT, link.replies.next()).await.map_err(late)??;
        }
        let now = Instant::now();
        let ping_at = now + PING_EVERY;
        Ok(Self { link, heard_at: now, ping_at, alarm: Box::pin(sleep_until(ping_at)) })
    }

    /// Sends a PING with a question in it; what was published before comes before its answer.
    pub(super) fn ask(&mut self, question: &[u8]) {
        self.link.requests.push(redis::cmd("PING").arg(question));
    }

    /// Takes the messages that were read already, up to whatever else was heard.
    pub(super) fn read_messages(&mut self, take: impl FnMut(&[u8])) {
        self.link.replies.read_messages(take);
    }

    /// What was read already.
    pub(super) fn next_read(&mut self) -> Result<Option<Heard>, Error> {
        while let Some(reply) = self.link.replies.next_read()? {
            match read(reply)? {
                Reply::Heard(heard) => return Ok(Some(heard)),
                Reply::Confirmed => {}
                Reply::Unsubscribed => return Err(ended()),
            }
        }
        Ok(None)
    }

    /// Waits for what comes next. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(heard) = self.next_read()? {
                return Ok(heard);
            }
            self.read_more().await?;
        }
    }

    /// Waits until something more was read. Nothing is lost if the future is dropped.
    pub(super) async fn read_more(&mut self) -> Result<(), Error> {
        loop {
            let Self { link, heard_at, alarm, .. } = self;
            tokio::select! {
                read = link.replies.read_more() => {
                    read?;
                    *heard_at = Instant::now();
                    return Ok(());
                }
                written = link.requests.write(), if !link.requests.is_empty() => written?,
                () = alarm => self.stay_awake()?,
            }
        }
    }

    /// Does what is due, and sets the alarm for what is due next.
    fn stay_awake(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let silent_at = self.heard_at + SILENCE_MAX;
        if now >= silent_at {
            return Err(Error::Unavailable("nothing was heard in time".into()));
        }
        if now >= self.ping_at {
            if self.link.requests.is_empty() {
                self.link.requests.push(&redis::cmd("PING"));
            }
            self.ping_at = now + PING_EVERY;
        }
        self.alarm.as_mut().reset(self.ping_at.min(silent_at));
        Ok(())
    }
}

fn ended() -> Error {
    Error::Unavailable("Redis ended the subscription".into())
}

enum Reply {
    Confirmed,
    Heard(Heard),
    Unsubscribed,
}

fn read(reply: Value) -> Result<Reply, Error> {
    let strange = || Err(Error::Unavailable("what Redis sent is no publication".into()));
    let values = match reply {
        Value::Array(values) => values,
        Value::ServerError(refusal) => return Err(Error::Unavailable(text_of(&refusal))),
        _ => return strange(),
    };
    let mut values = values.into_iter();
    let Some(Value::BulkString(kind)) = values.next() else { return strange() };
    match (kind.as_slice(), values.next(), values.next()) {
        (b"message", _, Some(Value::BulkString(payload))) => {
            Ok(Reply::Heard(Heard::Message(payload.into())))
        }
        (b"subscribe", _, Some(Value::Int(_))) => Ok(Reply::Confirmed),
        (b"unsubscribe", ..) => Ok(Reply::Unsubscribed),
        (b"pong", Some(Value::BulkString(said)), _) => Ok(Reply::Heard(Heard::Pong(said))),
        _ => strange(),
    }
}
