//! When to ping, and when a session that doesn't answer is over.
//!
//! Time is an argument: a [`Duration`] since any origin, the same for all calls.

use std::time::Duration;

/// The heartbeat of one session, seen from the server.
///
/// A ping is due one interval after the opening and after each pong. Its answer is due one
/// timeout later; the first other packet that comes in between starts the timeout anew, once,
/// as engine.io 6.6.12 does. (A client on a slow link may be busy sending a long message when
/// the ping reaches it.)
///
/// Deadlines follow from when a ping was due and not from when the timer ran, so that late
/// timers don't add up. Only when the timer ran so late that less than half of the timeout
/// would be left (the machine slept), the client gets that half.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No ping is out.
    Quiet { ping_at: Duration },
    /// A ping is out and its pong has not come.
    Waiting { until: Duration, restarted: bool },
}

/// What is to be done when a timer ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Send a ping now, and look at the deadline again.
    Ping,
    /// The session is over: "ping timeout".
    TimedOut,
    /// Nothing is due before this time, which is the deadline.
    Wait(Duration),
}

impl Heartbeat {
    /// Begins at the opening of a session.
    pub fn new(now: Duration, interval: Duration, timeout: Duration) -> Self {
        let state = State::Quiet { ping_at: now.saturating_add(interval) };
        Self { interval, timeout, state }
    }

    /// When to call [`Self::on_timer`] next.
    pub fn deadline(&self) -> Duration {
        match self.state {
            State::Quiet { ping_at } => ping_at,
            State::Waiting { until, .. } => until,
        }
    }

    /// Says what is due at `now`. It may be called too early or too late.
    pub fn on_timer(&mut self, now: Duration) -> Beat {
        match self.state {
            State::Quiet { ping_at } if ping_at <= now => {
                let due = ping_at.saturating_add(self.timeout);
                let until =
                    due.max(now.saturating_add(self.timeout.checked_div(2).unwrap_or_default()));
                self.state = State::Waiting { until, restarted: false };
                Beat::Ping
            }
            State::Waiting { until, .. } if until <= now => Beat::TimedOut,
            _ => Beat::Wait(self.deadline()),
        }
    }

    /// Takes note of a packet from the client. A pong that nobody asked for changes nothing.
    pub fn on_packet(&mut self, now: Duration, is_pong: bool) {
        let State::Waiting { restarted, .. } = self.state else { return };
        if is_pong {
            self.state = State::Quiet { ping_at: now.saturating_add(self.interval) };
        } else if !restarted {
            let until = now.saturating_add(self.timeout);
            self.state = State::Waiting { until, restarted: true };
        }
    }
}
