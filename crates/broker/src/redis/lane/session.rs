//! One connection's life in a lane.

use std::time::Duration;

use redis::Value;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::{
    super::{
        link::{ANSWER_WAIT, Link},
        opening::{Clock, Opened},
        shared::first_time,
    },
    Lane,
    backlog::{Answered, Append},
    request::request,
    verdict::{Verdict, judge},
};
use crate::{AppendError, Error};

/// How many appends may await their replies.
const SENT_MAX: usize = 512;

/// How many bytes are made ready to be written.
const WRITE_AHEAD: usize = 64 << 10;

/// How long nothing is sent before a PING shows whether the connection still stands.
const PING_AFTER: Duration = Duration::from_secs(3);

/// How a connection's life ended.
pub(super) enum Ended {
    /// The broker is closed, and everything has its answer.
    Closed,
    /// It worked, and a new one is wanted all the same.
    Again(Error),
    /// It is broken.
    Lost(Error),
}

pub(super) struct Session<'a> {
    lane: &'a Lane,
    link: Link,
    clock: Clock,
    /// The replication id of the Redis at the other end.
    server: String,
    /// Why no more is sent; what was sent still gets its replies.
    stopping: Option<Error>,
    /// When a reply last came, or the first request since then was sent.
    quiet_since: Instant,
    /// A PING awaits its reply, which comes before those of appends.
    pinged: bool,
    /// An append was answered over this connection.
    worked: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(lane: &'a Lane, opened: Opened) -> Self {
        let Opened { link, clock, server } = opened;
        Self {
            lane,
            link,
            clock,
            server,
            stopping: None,
            quiet_since: Instant::now(),
            pinged: false,
            worked: false,
        }
    }

    /// Sends and takes replies until the connection's end. Says too whether it was of any use.
    pub(super) async fn serve(mut self) -> (Ended, bool) {
        let ended = match self.exchange().await {
            Ok(ended) => ended,
            Err(why) => Ended::Lost(why),
        };
        (ended, self.worked)
    }

    async fn exchange(&mut self) -> Result<Ended, Error> {
        let lane = self.lane;
        let mut closing = false;
        loop {
            self.fill();
            if let Some(ended) = self.is_over() {
                return Ok(ended);
            }
            let timeout = self.next_timeout();
            tokio::select! {
                biased;
                reply = self.link.replies.next() => {
                    self.take(reply?)?;
                    while let Some(reply) = self.link.replies.next_read()? {
                        self.take(reply)?;
                    }
                }
                written = self.link.requests.write(), if !self.link.requests.is_empty() => written?,
                () = lane.added.notified() => {}
                () = lane.known().doubted.notified() => self.stop_for("the log must be checked"),
                () = sleep_until(timeout) => self.look_at_the_clock()?,
                () = lane.shared.stop.cancelled(), if !closing => {
                    closing = true;
                    lane.backlog.lock().close();
                }
            }
        }
    }

    fn is_over(&mut self) -> Option<Ended> {
        let backlog = self.lane.backlog.lock();
        if backlog.is_closed() && backlog.is_settled() {
            return Some(Ended::Closed);
        }
        if backlog.awaited() > 0 {
            return None;
        }
        self.stopping.take().map(Ended::Again)
    }

    /// Makes requests of what waits.
    fn fill(&mut self) {
        let known = self.lane.known();
        let Some(epoch) = known.epoch() else { return };
        let shared = &self.lane.shared;
        let mut backlog = self.lane.backlog.lock();
        let was_idle = backlog.awaited() == 0 && !self.pinged;
        let mut fenced = 0;
        while self.stopping.is_none()
            && backlog.awaited() < SENT_MAX
            && self.link.requests.len() < WRITE_AHEAD
        {
            let Some((append, deadline)) = backlog.send_next(epoch, &mut fenced) else { break };
            let not_after = self.clock.at(deadline);
            let Append { draft, .. } = append;
            let call = request(&known.keys, &shared.limits, draft, epoch, not_after, &self.server);
            self.link.requests.push(&call);
        }
        if was_idle && backlog.awaited() > 0 {
            self.quiet_since = Instant::now();
        }
        shared.counters.appends_fenced.add(fenced);
    }

    fn awaits_reply(&self) -> bool {
        self.pinged || self.lane.backlog.lock().awaited() > 0
    }

    fn next_timeout(&self) -> Instant {
        let patience = if self.awaits_reply() { ANSWER_WAIT } else { PING_AFTER };
        let quiet_for_too_long = self.quiet_since + patience;
        let deadline = self.lane.backlog.lock().next_deadline();
        deadline.map_or(quiet_for_too_long, |deadline| deadline.min(quiet_for_too_long))
    }

    fn look_at_the_clock(&mut self) -> Result<(), Error> {
        self.lane.expire();
        let quiet_for = self.quiet_since.elapsed();
        if self.awaits_reply() {
            if quiet_for >= ANSWER_WAIT {
                return Err(Error::Unavailable("no answer in time".into()));
            }
        } else if quiet_for >= PING_AFTER {
            self.link.requests.push(&redis::cmd("PING"));
            self.pinged = true;
            self.quiet_since = Instant::now();
        }
        Ok(())
    }

    fn take(&mut self, reply: Value) -> Result<(), Error> {
        self.quiet_since = Instant::now();
        if std::mem::take(&mut self.pinged) {
            return Ok(());
        }
        let lane = self.lane;
        let counters = &lane.shared.counters;
        let mut backlog = lane.backlog.lock();
        let Some(epoch) = backlog.awaited_epoch() else {
            return Err(Error::Unavailable("a reply came that nothing had asked for".into()));
        };
        match judge(reply, epoch) {
            Verdict::Answered { answered, now } => {
                self.worked = true;
                if let Some(now) = now {
                    self.clock = Clock::new(now);
                }
                let refused = matches!(answered, Err(AppendError::Refused(_)));
                counters.appends_refused.add(usize::from(refused));
                drop(backlog);
                self.settle(answered);
            }
            Verdict::Unpublished { answered, now, why } => {
                self.worked = true;
                self.clock = Clock::new(now);
                counters.entries_unpublished.add(1);
                if first_time(&lane.shared.said.unpublished) {
                    warn!(%why, "Redis stores entries and does not publish them");
                }
                drop(backlog);
                self.settle(answered);
            }
            Verdict::Fenced(other) => {
                // First, so that whoever tries again is not sent for the same epoch.
                match other {
                    Some(other) => lane.known().learn(other),
                    None => lane.known().forget(),
                }
                counters.appends_fenced.add(1);
                backlog.settle(Err(AppendError::Fenced), false);
                self.stop_for("the partition's epoch is another one");
            }
            Verdict::NotNow(why) => {
                backlog.bounce();
                self.stop_for(&why);
            }
            Verdict::Late { now } => {
                self.clock = Clock::new(now);
                backlog.bounce();
                self.stop_for("Redis' clock is not where it was");
            }
            Verdict::Strange(why) => return Err(why),
        }
        Ok(())
    }

    fn settle(&self, answered: Answered) {
        let appended = answered.as_ref().ok().copied();
        let stored = appended.is_some_and(|appended| !appended.duplicate);
        let draft = self.lane.backlog.lock().settle(answered, stored);
        if let (Some(draft), Some(appended)) = (draft, appended) {
            self.lane.known().appended(draft, &appended);
        }
    }

    fn stop_for(&mut self, why: &str) {
        self.stopping.get_or_insert_with(|| Error::Unavailable(why.to_owned()));
    }
}
