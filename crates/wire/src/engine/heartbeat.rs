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
///
/// There is one for each session, so what is the same for all of them is an argument.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// In nanoseconds: half of a `Duration`'s memory.
    deadline: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No ping is out; the next one is due at the deadline.
    Quiet,
    /// A ping is out and its pong has not come. It is awaited until the deadline.
    Waiting { restarted: bool },
}

/// How often sessions are pinged, and how long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// From the opening, and from each pong, to the next ping.
    pub interval: Duration,
    /// From a ping to its pong.
    pub timeout: Duration,
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
    pub fn new(now: Duration, rhythm: Rhythm) -> Self {
        Self { deadline: nanos(now.saturating_add(rhythm.interval)), state: State::Quiet }
    }

    /// When to call [`Self::on_timer`] next.
    pub fn deadline(&self) -> Duration {
        Duration::from_nanos(self.deadline)
    }

    /// Says what is due at `now`. It may be called too early or too late.
    pub fn on_timer(&mut self, now: Duration, rhythm: Rhythm) -> Beat {
        let deadline = self.deadline();
        if now < deadline {
            return Beat::Wait(deadline);
        }
        if self.is_waiting() {
            return Beat::TimedOut;
        }
        let due = deadline.saturating_add(rhythm.timeout);
        let half = rhythm.timeout.checked_div(2).unwrap_or_default();
        self.deadline = nanos(due.max(now.saturating_add(half)));
        self.state = State::Waiting { restarted: false };
        Beat::Ping
    }

    /// Whether a ping is out: only then a packet from the client changes anything.
    pub fn is_waiting(&self) -> bool {
        self.state != State::Quiet
    }

    /// Takes note of a packet from the client. A pong that nobody asked for changes nothing.
    pub fn on_packet(&mut self, now: Duration, is_pong: bool, rhythm: Rhythm) {
        let State::Waiting { restarted } = self.state else { return };
        if is_pong {
            self.deadline = nanos(now.saturating_add(rhythm.interval));
            self.state = State::Quiet;
        } else if !restarted {
            self.deadline = nanos(now.saturating_add(rhythm.timeout));
            self.state = State::Waiting { restarted: true };
        }
    }
}

/// Ends after five hundred years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
