//! The Redis that instances share, the same for all servers, and how long its round trip takes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::fleet::{Running, await_port, free_port};
use super::now;
use super::servers::pinned;

const READY_WITHIN: Duration = Duration::from_secs(10);
const READ_WITHIN: Duration = Duration::from_secs(2);
const ROUND_TRIPS: usize = 500;

/// A Redis of its own for one run, in memory only: no run finds what another left.
pub(super) struct Redis {
    _running: Running,
    port: u16,
}

impl Redis {
    /// Starts it on the servers' core, whose time it takes as well.
    pub(super) fn start(core: usize, folder: &Path) -> Result<Self> {
        let port = free_port();
        let line = ["redis-server", "--port", &port.to_string(), "--bind", "127.0.0.1"];
        let settings = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"];
        let line: Vec<String> = line.iter().chain(&settings).map(|&word| word.to_owned()).collect();
        let running = Running::start(pinned(core, &line), folder, "redis")?;
        await_port(port, READY_WITHIN).context("redis-server did not start")?;
        Ok(Self { _running: running, port })
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Microseconds from a publication to its arrival at a subscriber: the median of several.
    pub(super) fn round_trip_us(&self) -> Result<f64> {
        let connect = || -> Result<BufReader<TcpStream>> {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(READ_WITHIN))?;
            Ok(BufReader::new(stream))
        };
        let (mut publisher, mut subscriber) = (connect()?, connect()?);
        subscriber.get_mut().write_all(b"SUBSCRIBE round-trip\r\n")?;
        lines(&mut subscriber, 6)?;
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for _ in 0..ROUND_TRIPS {
            let began = now();
            publisher.get_mut().write_all(b"PUBLISH round-trip x\r\n")?;
            lines(&mut subscriber, 7)?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
            lines(&mut publisher, 1)?;
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }
}

/// Skips lines of an answer.
fn lines(reader: &mut BufReader<TcpStream>, number: usize) -> Result<()> {
    for _ in 0..number {
        let mut line = String::new();
        if reader.read_line(&mut line).context("Redis did not answer")? == 0 {
            bail!("Redis closed the connection");
        }
    }
    Ok(())
}
