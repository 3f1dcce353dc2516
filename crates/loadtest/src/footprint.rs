//! What local server processes cost: memory and CPU time as Linux tells them.

use std::fs;

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::clock::{cpu_us_of, thread_cpu_us};
use crate::plan::Effort;

/// Resident memory of the server processes, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Before the first client connected.
    pub before: u64,
    /// When all were connected and nothing was sent yet.
    pub connected: u64,
    /// After the last delivery, with the clients still connected.
    pub after: u64,
    /// The most that was seen from the first client to the last delivery.
    pub peak: u64,
    /// The growth from `before` to `connected`, for each client.
    pub per_connection: u64,
}

/// Resident memory of these processes together, in bytes; none for no processes.
pub(crate) fn memory(pids: &[u32]) -> anyhow::Result<Option<u64>> {
    let sum: anyhow::Result<u64> = pids.iter().map(|pid| memory_of(*pid)).sum();
    Ok(if pids.is_empty() { None } else { Some(sum?) })
}

/// The most resident memory that these processes ever had, in bytes; none for no processes.
pub(crate) fn high_water(pids: &[u32]) -> anyhow::Result<Option<u64>> {
    let sum: anyhow::Result<u64> = pids.iter().map(|pid| field_of(*pid, "VmHWM:")).sum();
    Ok(if pids.is_empty() { None } else { Some(sum?) })
}

/// CPU microseconds that these processes have used; none for no processes.
pub(crate) fn cpu_us(pids: &[u32]) -> anyhow::Result<Option<u64>> {
    let of = |pid: &u32| {
        cpu_us_of(*pid).with_context(|| format!("--pid {pid}: its CPU time can't be read"))
    };
    let sum: anyhow::Result<u64> = pids.iter().map(of).sum();
    Ok(if pids.is_empty() { None } else { Some(sum?) })
}

/// What the calling thread has spent so far.
pub(crate) fn own_effort(now_us: u64) -> Effort {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let waited = schedstat.and_then(|text| waited(&text)).unwrap_or(0);
    Effort { wall: now_us, cpu: thread_cpu_us(), waited }
}

impl Effort {
    /// What was spent since another moment.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            wall: self.wall.saturating_sub(before.wall),
            cpu: self.cpu.saturating_sub(before.cpu),
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}

/// Microseconds for which a thread was ready and did not run: the second number of its schedstat.
fn waited(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().nth(1)?.parse::<u64>().ok().map(|nanos| nanos / 1000)
}

fn memory_of(pid: u32) -> anyhow::Result<u64> {
    field_of(pid, "VmRSS:")
}

fn field_of(pid: u32, name: &str) -> anyhow::Result<u64> {
    kibibytes(&read(pid, "status")?, name).with_context(|| format!("--pid {pid}: no {name}"))
}

fn read(pid: u32, file: &str) -> anyhow::Result<String> {
    if !cfg!(target_os = "linux") {
        bail!("--pid works on Linux only");
    }
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("--pid {pid}: there is no such process"))
}

/// A size in a status file, in bytes.
fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_schedstat_are_read() {
        let status = "Name:\tx\nVmHWM:\t    2000 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(kibibytes(status, "VmHWM:"), Some(2000 * 1024));
        assert_eq!(kibibytes("Name:\tx\n", "VmRSS:"), None);
        assert_eq!(waited("156215 1688538 2\n"), Some(1688));
        assert_eq!(waited(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn own_process_has_both_and_a_missing_one_is_an_error() {
        let own = std::process::id();
        assert!(memory(&[own]).unwrap().unwrap() > 1024);
        assert!(cpu_us(&[own]).unwrap().is_some());
        assert!(memory(&[]).unwrap().is_none());
        // In this order: other tests of this process take memory meanwhile.
        let now = memory(&[own]).unwrap();
        assert!(high_water(&[own]).unwrap() >= now);
        let error = memory(&[u32::MAX]).unwrap_err();
        assert!(error.to_string().contains("no such process"), "{error}");
    }
}
