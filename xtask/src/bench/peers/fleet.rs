//! The programs of one run: started on their core, awaited, and ended with the run.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::loads::Load;
use super::redis::Redis;
use super::servers::{Made, Server, Start, pinned};
use super::{Place, now};

const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What a program does behind its readiness, such as subscribing, is over by then.
const SETTLES: Duration = Duration::from_millis(500);
/// Of what a program printed, what an error shows.
const SHOWN_BYTES: usize = 600;

/// A program that ends with this value.
pub(super) struct Running {
    child: Child,
    printed: PathBuf,
}

/// All instances of a server, and what they share.
pub(super) struct Fleet {
    instances: Vec<Running>,
    pub(super) urls: Vec<String>,
    pub(super) redis: Option<Redis>,
}

impl Running {
    /// Starts it in `folder`, where what it prints is kept.
    pub(super) fn start(mut command: Command, folder: &Path, name: &str) -> Result<Self> {
        let printed = folder.join(format!("{name}.log"));
        let file = File::create(&printed)
            .with_context(|| format!("{} can't be written", printed.display()))?;
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        Ok(Self { child, printed })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("asking whether a program has ended")
    }

    /// All that it printed.
    pub(super) fn printed(&self) -> Result<String> {
        let bytes = fs::read(&self.printed)
            .with_context(|| format!("{} can't be read", self.printed.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The end of what it printed.
    pub(super) fn last_words(&self) -> String {
        let text = fs::read(&self.printed).unwrap_or_default();
        let from = text.len().saturating_sub(SHOWN_BYTES);
        String::from_utf8_lossy(&text[from..]).trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Fleet {
    /// Starts the instances that a load needs, and waits until each of them is ready.
    pub(super) fn start(
        server: &Server,
        load: &Load,
        place: &Place,
        folder: &Path,
    ) -> Result<Self> {
        let core = place.cores.server;
        let wants_redis = load.redis && server.made != Made::Floor;
        let redis = wants_redis.then(|| Redis::start(core, folder)).transpose()?;
        let mut fleet = Self { instances: Vec::new(), urls: Vec::new(), redis };
        // Without Redis a server is one instance, except the floor, which the others follow.
        let is_one = server.made == Made::Floor && load.group == "latency";
        let mut first = None;
        for number in 0..if is_one { 1 } else { load.instances } {
            let start = Start {
                port: free_port(),
                redis: fleet.redis.as_ref().map(Redis::url),
                follows: first,
                coalesce: load.coalesce(),
            };
            first = first.or(Some(start.port));
            let line = server.line(place, &start);
            let name = format!("{}-{number}", server.name);
            let mut instance = Running::start(pinned(core, &line), folder, &name)?;
            ready(&mut instance, server, start.port)
                .with_context(|| format!("{name} is not ready: {}", instance.last_words()))?;
            fleet.urls.push(format!("http://127.0.0.1:{}", start.port));
            fleet.instances.push(instance);
        }
        sleep(SETTLES);
        Ok(fleet)
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.instances.iter().map(Running::id).collect()
    }

    /// Who has ended though nobody asked for it, with its last words.
    pub(super) fn fallen(&mut self) -> Result<Option<String>> {
        for instance in &mut self.instances {
            if let Some(status) = instance.ended()? {
                let words = instance.last_words();
                return Ok(Some(format!("the server ended ({status}): {words}")));
            }
        }
        Ok(None)
    }
}

fn ready(instance: &mut Running, server: &Server, port: u16) -> Result<()> {
    let since = now();
    while since.elapsed() < READY_WITHIN {
        if let Some(status) = instance.ended()? {
            bail!("it ended ({status})");
        }
        let is_ready = match server.made {
            Made::Palabre => says_ready(port).unwrap_or(false),
            _ => listens(port),
        };
        if is_ready {
            return Ok(());
        }
        sleep(LOOK_EVERY);
    }
    bail!("not within {} seconds", READY_WITHIN.as_secs())
}

fn says_ready(port: u16) -> Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"HTTP/1.1 200")
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Waits until somebody listens there.
pub(super) fn await_port(port: u16, within: Duration) -> Result<()> {
    let since = now();
    while !listens(port) {
        if since.elapsed() > within {
            bail!("nobody listens on port {port}");
        }
        sleep(LOOK_EVERY);
    }
    Ok(())
}

/// A port that nobody listens on, outside of the range from which the system takes the port of an
/// outgoing connection.
pub(super) fn free_port() -> u16 {
    loop {
        let port = 20_000 + RandomState::new().hash_one(()) % 12_000;
        let port = u16::try_from(port).expect("the sum is below 32,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
