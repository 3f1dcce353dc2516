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

/// A line about a failure.
#[derive(Debug, PartialEq, Eq)]
enum Remark {
    /// The first one before Redis was ever reached.
    NotYet,
    /// The first one since it was reached.
    Lost,
    /// A reminder, and how long it has been.
    Still(Duration),
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
        match inner.remark(Instant::now()) {
            Some(Remark::NotYet) => {
                warn!(redis = %self.name, reason = %why, "no Redis yet, trying until it is there");
            }
            Some(Remark::Lost) => {
                warn!(redis = %self.name, reason = %why, "Redis is lost, connecting again");
            }
            Some(Remark::Still(after)) => {
                warn!(redis = %self.name, reason = %why, ?after, "still waiting for Redis");
            }
            None => {}
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

impl Inner {
    /// What the log is told of a failure.
    fn remark(&mut self, now: Instant) -> Option<Remark> {
        let remark = match self.said_at {
            None if self.was_connected => {
                self.waiting_since = now;
                Remark::Lost
            }
            None => Remark::NotYet,
            Some(at) if now.duration_since(at) >= REMIND_EVERY => {
                Remark::Still(now.duration_since(self.waiting_since))
            }
            Some(_) => return None,
        };
        self.said_at = Some(now);
        Some(remark)
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

    #[test]
    fn waiting_is_said_once_and_then_now_and_then() {
        let health = Health::new("redis://x".into());
        let link = health.add();
        let start = Instant::now();
        let remark = |seconds| {
            let now = start + Duration::from_secs(seconds);
            health.inner.lock().remark(now)
        };
        assert_eq!([0, 1, 9].map(remark), [Some(Remark::NotYet), None, None]);
        assert!(matches!(remark(10), Some(Remark::Still(_))));
        assert_eq!([11, 19].map(remark), [None, None]);
        health.up(link);
        assert_eq!([20, 21].map(remark), [Some(Remark::Lost), None]);
        let reminders = [30, 31, 40].map(remark);
        let still = |seconds| Some(Remark::Still(Duration::from_secs(seconds)));
        assert_eq!(reminders, [still(10), None, still(20)]);
    }
}
