//! The clock of a load test: microseconds that mean the same in all processes of one machine, and
//! the CPU time of a thread or a process.

use nix::time::{ClockId, clock_gettime};

/// Microseconds of the monotonic clock.
pub(crate) fn now_us() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// CPU microseconds that the calling thread has used.
pub(crate) fn thread_cpu_us() -> u64 {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU microseconds that a process has used, all of its threads, ended ones too; none if there is
/// no such process, or no way to ask.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_us_of(pid: u32) -> Option<u64> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?);
    let clock = ClockId::pid_cpu_clock_id(pid).ok()?;
    clock_gettime(clock).ok().map(microseconds)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu_us_of(_: u32) -> Option<u64> {
    None
}

fn read(clock: ClockId) -> u64 {
    microseconds(clock_gettime(clock).expect("every system has this clock"))
}

fn microseconds(time: nix::sys::time::TimeSpec) -> u64 {
    let (seconds, nanos) = (time.tv_sec(), time.tv_nsec());
    u64::try_from(seconds).unwrap_or(0) * 1_000_000 + u64::try_from(nanos).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn clocks_run_and_a_process_that_is_not_there_has_none() {
        let (before, cpu_before) = (now_us(), thread_cpu_us());
        while thread_cpu_us() == cpu_before {}
        assert!(now_us() > before);
        assert!(cpu_us_of(std::process::id()).unwrap() > 0);
        assert_eq!(cpu_us_of(u32::MAX), None);
    }
}
