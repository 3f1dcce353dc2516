//! How many connections a process may have, and over how many workers they are spread.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::args::Transport;

/// Connections of one worker. Many systems allow 20,000 files to a process.
const CONNECTIONS_MAX: u64 = 15_000;

/// Files that a worker has open beside its connections, and some to spare.
const OTHER_FILES: u64 = 64;

/// Raises the limit of open files as far as it goes without rights; answers what it is.
pub(crate) fn raise_files() -> u64 {
    let files = Resource::RLIMIT_NOFILE;
    let Ok((soft, hard)) = getrlimit(files) else { return CONNECTIONS_MAX };
    // Where it can't be raised it stays what it is.
    match setrlimit(files, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// How many clients one worker can have when a process may open so many files.
pub(crate) fn clients_max(files: u64, transport: Transport) -> u32 {
    let connections = files.saturating_sub(OTHER_FILES).clamp(1, CONNECTIONS_MAX);
    u32::try_from(connections / transport.connections()).unwrap_or(u32::MAX).max(1)
}

/// The clients of each of so many workers, as equal as can be.
pub(crate) fn shares(clients: u32, workers: u32) -> Vec<u32> {
    let workers = workers.clamp(1, clients);
    (0..workers).map(|at| clients / workers + u32::from(at < clients % workers)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_stays_below_the_limit_of_files() {
        assert_eq!(clients_max(20_000, Transport::Websocket), 15_000);
        assert_eq!(clients_max(1024, Transport::Websocket), 960);
        assert_eq!(clients_max(1024, Transport::Polling), 480);
        assert_eq!(clients_max(10, Transport::Websocket), 1);
    }

    #[test]
    fn shares_are_equal_and_make_up_the_whole() {
        assert_eq!(shares(10, 3), [4, 3, 3]);
        assert_eq!(shares(2, 5), [1, 1]);
        assert_eq!(shares(100_000, 7).iter().sum::<u32>(), 100_000);
    }
}
