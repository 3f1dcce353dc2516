//! Whether Redis can be reached, put together from the connections that must stand; and the log
//! lines about it: one when it is lost, one when it is back, and now and then that it is still
//! waited for.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::{Error, State};

/// How often a line says that Redis is still waited for.
const REMIND_EVERY: Duration = Duration::from_secs(10);

/// The connections of one broker, as each of them last reported.
pub(super) struct Health {
    /// The address, as it may be shown.
    name: String,
    /// Each connection's task reports here; a few lines, and nothing in them blocks.
    inner: Mutex<Inner>,
}

struct Inner {
    links: Vec<Link>,
    /// All of them stood at the same time at least once.
    was_connected: bool,
    /// Since when not all of them stand.
    waiting_since: Instant,
    /// When the log last said so; nothing while it has not said so.
    said_at: Option<Instant>,
}

enum Link {
    Connecting,
    Up,
    Down(Error),
}

/// The number of a connection among those of a broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkNumber(usize);

impl Health {
    pub(super) fn new(name: String) -> Self {
        info!(redis = %name, "connecting to Redis");
        let inner = Inner {
            links: Vec::new(),
            was_connected: false,
            waiting_since: Instant::now(),
            said_at: None,
        };
        Self { name, inner: Mutex::new(inner) }
    }

    /// Adds a connection that must stand.
    pub(super) fn add(&self) -> LinkNumber {
        let mut inner = self.inner.lock();
        inner.links.push(Link::Connecting);
        LinkNumber(inner.links.len() - 1)
    }

    /// The connection stands and can be used.
    pub(super) fn up(&self, link: LinkNumber) {
        let mut inner = self.inner.lock();
        inner.links[link.0] = Link::Up;
        if !inner.links.iter().all(|link| matches!(link, Link::Up)) {
            return;
        }
        let waited = inner.waiting_since.elapsed();
        if !inner.was_connected {
            info!(redis = %self.name, after = ?waited, "connected to Redis");
        } else if inner.said_at.is_some() {
            info!(redis = %self.name, after = ?waited, "Redis is back");
        }
        inner.was_connected = true;
        inner.said_at = None;
    }

    /// The connection was lost, or could not be made.
    pub(super) fn down(&self, link: LinkNumber, why: Error) {
        let mut inner = self.inner.lock();
        let now = Instant::now();
        if inner.said_at.is_none() {
            if inner.was_connected {
                inner.waiting_since = now;
                warn!(redis = %self.name, reason = %why, "Redis is lost, connecting again");
            } else {
                warn!(redis = %self.name, reason = %why, "no Redis yet, trying until it is there");
            }
            inner.said_at = Some(now);
        } else if inner.said_at.is_some_and(|at| now - at >= REMIND_EVERY) {
            let waited = now - inner.waiting_since;
            warn!(redis = %self.name, reason = %why, after = ?waited, "still waiting for Redis");
            inner.said_at = Some(now);
        }
        inner.links[link.0] = Link::Down(why);
    }

    pub(super) fn state(&self) -> State {
        let inner = self.inner.lock();
        if inner.links.iter().all(|link| matches!(link, Link::Up)) {
            return State::Connected;
        }
        let reasons = || {
            inner.links.iter().filter_map(|link| match link {
                Link::Down(why) => Some(why),
                Link::Up | Link::Connecting => None,
            })
        };
        // What waiting can't cure says more than what it can.
        let worst = reasons().find(|why| !why.is_retryable());
        match (worst, inner.was_connected) {
            (Some(why), _) => State::Away(why.to_string()),
            (None, false) => State::Connecting,
            (None, true) => {
                State::Away(reasons().next().map_or_else(String::new, ToString::to_string))
            }
        }
    }

    /// What keeps the log from being used, where waiting alone can't cure it.
    pub(super) fn lasting_failure(&self) -> Option<Error> {
        let inner = self.inner.lock();
        inner.links.iter().find_map(|link| match link {
            Link::Down(why) if !why.is_retryable() => Some(why.clone()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(why: &str) -> Error {
        Error::Unavailable(why.into())
    }

    #[test]
    fn all_connections_must_stand() {
        let health = Health::new("redis://x".into());
        let (lane, subscription) = (health.add(), health.add());
        assert_eq!(health.state(), State::Connecting);
        health.up(lane);
        assert_eq!(health.state(), State::Connecting);
        health.down(subscription, lost("refused"));
        assert_eq!(health.state(), State::Connecting, "it was never reached");
        health.up(subscription);
        assert_eq!(health.state(), State::Connected);
        health.down(lane, lost("reset"));
        let away = State::Away("the log can't be reached: reset".into());
        assert_eq!(health.state(), away);
        health.up(lane);
        assert_eq!(health.state(), State::Connected);
    }

    #[test]
    fn what_waiting_can_not_cure_is_said_at_once() {
        let health = Health::new("redis://x".into());
        let (lane, subscription) = (health.add(), health.add());
        health.down(subscription, lost("refused"));
        let newer = Error::NewerSchema { found: 2, known: 1 };
        health.down(lane, newer.clone());
        assert_eq!(health.state(), State::Away(newer.to_string()));
        assert_eq!(health.lasting_failure(), Some(newer));
        health.up(lane);
        assert_eq!(health.lasting_failure(), None);
    }
}
