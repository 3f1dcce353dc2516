//! What local server processes cost: memory and CPU time as Linux tells them.

use std::fs;

use anyhow::{Context as _, bail};
use serde::Serialize;

/// Clock ticks in a second in `/proc`: fixed for all of Linux's user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory of the server processes, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Before the first client connected.
    pub before: u64,
    /// When all were connected and nothing was sent yet.
    pub connected: u64,
    /// After the last delivery, with the clients still connected.
    pub after: u64,
    /// The growth from `before` to `connected`, for each client.
    pub per_connection: u64,
}

/// Resident memory of these processes together, in bytes; none for no processes.
pub(crate) fn memory(pids: &[u32]) -> anyhow::Result<Option<u64>> {
    let sum: anyhow::Result<u64> = pids.iter().map(|pid| memory_of(*pid)).sum();
    Ok(if pids.is_empty() { None } else { Some(sum?) })
}

/// CPU seconds that these processes have used; none for no processes.
pub(crate) fn cpu_seconds(pids: &[u32]) -> anyhow::Result<Option<f64>> {
    let sum: anyhow::Result<f64> = pids.iter().map(|pid| cpu_of(*pid)).sum();
    Ok(if pids.is_empty() { None } else { Some(sum?) })
}

fn memory_of(pid: u32) -> anyhow::Result<u64> {
    resident(&read(pid, "status")?).with_context(|| format!("--pid {pid}: no VmRSS"))
}

fn cpu_of(pid: u32) -> anyhow::Result<f64> {
    ticks(&read(pid, "stat")?)
        .map(|ticks| ticks as f64 / TICKS_PER_SECOND)
        .with_context(|| format!("--pid {pid}: no CPU time"))
}

fn read(pid: u32, file: &str) -> anyhow::Result<String> {
    if !cfg!(target_os = "linux") {
        bail!("--pid works on Linux only");
    }
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("--pid {pid}: there is no such process"))
}

/// `VmRSS` of a status file, in bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// `utime` and `stime` of a stat file. The name before them is in brackets and may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut fields = behind_name.split(' ').skip(11);
    let user = fields.next()?.parse::<u64>().ok()?;
    let system = fields.next()?.parse::<u64>().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_stat_are_read() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n"), Some(1234 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 2";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn own_process_has_both_and_a_missing_one_is_an_error() {
        let own = std::process::id();
        assert!(memory(&[own]).unwrap().unwrap() > 1024);
        assert!(cpu_seconds(&[own]).unwrap().is_some());
        assert!(memory(&[]).unwrap().is_none());
        let error = memory(&[u32::MAX]).unwrap_err();
        assert!(error.to_string().contains("no such process"), "{error}");
    }
}
