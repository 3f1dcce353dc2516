//! An upgrade under way: the time it may take, and the noops that set the client's polling free.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, Sleep};

use crate::core::Core;
use crate::session::ProbeGuard;

pub(super) struct Probe {
    guard: ProbeGuard,
    b64: bool,
    deadline: Pin<Box<Sleep>>,
    ticks: Interval,
    /// The client has sent its probe.
    begun: bool,
}

impl Probe {
    pub(super) fn new(core: &Arc<Core>, guard: ProbeGuard, b64: bool) -> Self {
        let timeout = core.config.upgrade_timeout;
        let period = core.config.probe_interval.max(Duration::from_millis(1));
        let start = tokio::time::Instant::now() + period;
        let mut ticks = tokio::time::interval_at(start, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = Box::pin(tokio::time::sleep(timeout));
        Self { guard, b64, deadline, ticks, begun: false }
    }

    pub(super) fn b64(&self) -> bool {
        self.b64
    }

    pub(super) fn begin(mut self: Pin<&mut Self>) {
        self.begun = true;
    }

    /// Ends pending polls as long as the upgrade lasts; ready when it has taken too long or the
    /// session has ended.
    pub(super) fn poll_given_up(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while self.ticks.poll_tick(cx).is_ready() {
            if self.guard.session().closed().is_some() {
                return Poll::Ready(());
            }
            if self.begun {
                self.guard.session().answer_poll_with_noop();
            }
        }
        self.deadline.as_mut().poll(cx)
    }
}
