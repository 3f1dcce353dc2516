//! Wakes a worker when the next message is due: to the microsecond, where the system can.

use mio::Token;

#[cfg(target_os = "linux")]
pub(super) use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::{AsFd as _, AsRawFd as _};
    use std::time::Duration;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

    /// A timer of the kernel, since waiting for connections is rounded up to milliseconds.
    #[derive(Debug)]
    pub(in crate::worker) struct Alarm {
        timer: TimerFd,
        set_for_us: u64,
    }

    impl Alarm {
        pub(in crate::worker) fn new(registry: &Registry, token: Token) -> anyhow::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            let fd = timer.as_fd().as_raw_fd();
            registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
            Ok(Self { timer, set_for_us: 0 })
        }

        /// Sets it to this time, if it isn't.
        pub(in crate::worker) fn set(&mut self, at_us: u64) -> anyhow::Result<()> {
            if self.set_for_us != at_us {
                self.set_for_us = at_us;
                let at = Expiration::OneShot(Duration::from_micros(at_us).into());
                self.timer.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            Ok(())
        }

        #[expect(clippy::unused_self, reason = "other systems need it")]
        /// How long a wait for connections may take, in microseconds: it will be ended.
        pub(in crate::worker) fn wait_us(&self, wait_us: u64, _now_us: u64) -> u64 {
            wait_us
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use mio::{Registry, Token};

    /// The time of the next message; waiting is rounded up to milliseconds.
    #[derive(Debug)]
    pub(in crate::worker) struct Alarm {
        set_for_us: u64,
    }

    impl Alarm {
        pub(in crate::worker) fn new(_: &Registry, _: Token) -> anyhow::Result<Self> {
            Ok(Self { set_for_us: 0 })
        }

        pub(in crate::worker) fn set(&mut self, at_us: u64) -> anyhow::Result<()> {
            self.set_for_us = at_us;
            Ok(())
        }

        pub(in crate::worker) fn wait_us(&self, wait_us: u64, now_us: u64) -> u64 {
            match self.set_for_us.checked_sub(now_us) {
                Some(left) => wait_us.min(left),
                None => wait_us,
            }
        }
    }
}

/// Whether a token is of a client, of the alarm, or of orders: the last two are not counted from 0.
pub(super) const ALARM: Token = Token(usize::MAX - 1);
pub(super) const ORDERS: Token = Token(usize::MAX);
