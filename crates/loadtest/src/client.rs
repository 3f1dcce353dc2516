//! One stock client: connects, answers pings, sends when it is its turn, and counts what comes.
//!
//! Ten thousand of them fit into one program: a client is one task, and holds no buffer while
//! nothing is under way.

mod inbox;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use wire::websocket::{Decoder, Opcode, accept_key};

use self::inbox::{Inbox, Outgoing};
use crate::ledger::{Fate, Receiver};
use crate::run::{Counts, Phase, Run};
use crate::target::Target;

/// How long a client may take to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest message that a client takes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest answer to the HTTP upgrade.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Bytes that may wait to be sent before a sender holds back its next message.
const OUTGOING_BYTES_MAX: usize = 1024 * 1024;

/// What all clients of a thread read into, one after the other.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Reads of one client before others get their turn.
const READS_MAX: usize = 16;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

#[derive(Debug)]
pub(crate) struct Client {
    number: u32,
    run: Arc<Run>,
    phase: watch::Receiver<Phase>,
    stream: TcpStream,
    decoder: Decoder,
    inbox: Inbox,
    outgoing: Outgoing,
    /// The message that this client sends next, if it sends any.
    next: Option<u32>,
}

/// How a client's part ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) receiver: Receiver,
    /// Why it ended early, if it did.
    pub(crate) dropped: Option<String>,
}

impl Client {
    /// Connects to the namespace `/`, as stock clients do at once.
    pub(crate) async fn connect(
        number: u32,
        target: &Target,
        run: Arc<Run>,
    ) -> anyhow::Result<Self> {
        timeout(CONNECT_TIMEOUT, Self::connect_at_leisure(number, target, run))
            .await
            .context("no connection in time")?
    }

    async fn connect_at_leisure(
        number: u32,
        target: &Target,
        run: Arc<Run>,
    ) -> anyhow::Result<Self> {
        let stream = target.connect(number).await.map_err(explain)?;
        let (mut key, mut mask) = ([0; 16], [0; 4]);
        getrandom::fill(&mut key).context("no random numbers")?;
        getrandom::fill(&mut mask).context("no random numbers")?;
        let mut rest = upgrade(&stream, target, &BASE64_STANDARD.encode(key)).await?;
        let next = Some(number).filter(|number| *number < run.senders.min(run.messages));
        let mut client = Self {
            number,
            phase: run.phase.subscribe(),
            run,
            stream,
            decoder: Decoder::client(MESSAGE_BYTES_MAX),
            inbox: Inbox::default(),
            outgoing: Outgoing::new(mask),
            next,
        };
        client.take_in(&mut rest)?;
        while !client.inbox.is_connected() {
            tokio::select! {
                ready = client.stream.readable() => {
                    ready?;
                    client.read()?;
                }
                ready = client.stream.writable(), if !client.outgoing.is_empty() => {
                    ready?;
                    client.write()?;
                }
            }
        }
        Ok(client)
    }

    /// Does its part until it is told to leave, or the connection ends.
    pub(crate) async fn play(mut self) -> Outcome {
        let played = self.stay().await;
        let dropped = played.err().map(|error| format!("{error:#}"));
        Outcome { receiver: self.inbox.receiver, dropped }
    }

    async fn stay(&mut self) -> anyhow::Result<()> {
        loop {
            let phase = *self.phase.borrow_and_update();
            let due = match phase {
                Phase::Gather => None,
                Phase::Send if self.outgoing.is_full() => None,
                Phase::Send => self.next.and_then(|number| self.run.due(number)),
                Phase::Leave => {
                    self.leave();
                    return Ok(());
                }
            };
            tokio::select! {
                changed = self.phase.changed() => changed.context("the run is over")?,
                () = until(due) => self.send()?,
                ready = self.stream.readable() => {
                    ready?;
                    self.read()?;
                }
                ready = self.stream.writable(), if !self.outgoing.is_empty() => {
                    ready?;
                    self.write()?;
                }
            }
        }
    }

    /// Sends the message whose turn it is.
    fn send(&mut self) -> anyhow::Result<()> {
        let Some(number) = self.next else { return Ok(()) };
        let lag = self.run.since_due(number, Instant::now());
        self.run.meter.of(self.number).lag.saturating_record(lag);
        self.run.ledger.note(number, Fate::Unanswered);
        self.outgoing.push(Opcode::Text, self.run.phrase.packet(number).as_bytes());
        Counts::add(&self.run.counts.sent, 1);
        let after = number.checked_add(self.run.senders);
        self.next = after.filter(|number| *number < self.run.messages);
        self.write()
    }

    fn read(&mut self) -> anyhow::Result<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            for _ in 0..READS_MAX {
                match self.stream.try_read(scratch) {
                    Ok(0) => bail!("the server closed the connection"),
                    Ok(read) => self.take_in(&mut scratch[..read])?,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        })
    }

    fn take_in(&mut self, bytes: &mut [u8]) -> anyhow::Result<()> {
        let Self { number, run, decoder, inbox, outgoing, .. } = self;
        let mut arrivals = inbox.arrivals(run, outgoing);
        let decoded = decoder.feed(bytes, |message| arrivals.take(message));
        arrivals.finish(*number)?;
        decoded?;
        self.write()
    }

    fn write(&mut self) -> anyhow::Result<()> {
        self.outgoing.write_to(&self.stream).map_err(Into::into)
    }

    /// Says goodbye, if there is room for it; the server will see the end in any case.
    fn leave(&mut self) {
        self.outgoing.push(Opcode::Close, &[]);
        let _no_longer_matters = self.outgoing.write_to(&self.stream);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Takes one client from its connection to its end, and counts it. `turn` bounds how many connect
/// at the same time.
pub(crate) async fn live(
    number: u32,
    target: Arc<Target>,
    run: Arc<Run>,
    turn: Arc<Semaphore>,
) -> anyhow::Result<Outcome> {
    let connecting = turn.acquire().await.context("the run is over")?;
    let connected = Client::connect(number, &target, Arc::clone(&run)).await;
    drop(connecting);
    let counter = if connected.is_ok() { &run.counts.connected } else { &run.counts.failed };
    Counts::add(counter, 1);
    let outcome = connected?.play().await;
    if outcome.dropped.is_some() {
        Counts::add(&run.counts.dropped, 1);
    }
    Ok(outcome)
}

/// Changes from HTTP to WebSocket; answers what came behind the server's answer.
async fn upgrade(stream: &TcpStream, target: &Target, key: &str) -> anyhow::Result<Vec<u8>> {
    let Target { host, path, .. } = target;
    let request = format!(
        "GET {path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut answer = Vec::new();
    loop {
        stream.readable().await?;
        match stream.try_read_buf(&mut answer) {
            Ok(0) => bail!("the server closed the connection before it answered"),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error.into()),
            _ => {}
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let behind = answer.split_off(end + 4);
            check_upgrade(&String::from_utf8_lossy(&answer), &accept_key(key))?;
            return Ok(behind);
        }
        if answer.len() > ANSWER_BYTES_MAX {
            bail!("the server's answer to the upgrade is too long");
        }
    }
}

fn check_upgrade(answer: &str, accept: &str) -> anyhow::Result<()> {
    let mut lines = answer.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        bail!("the server refused the upgrade: {status}");
    }
    let has_accept = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == accept
    });
    if !has_accept {
        bail!("the server's answer to the upgrade has no valid Sec-WebSocket-Accept");
    }
    Ok(())
}

/// Adds what can be done about it, where that isn't obvious.
fn explain(error: io::Error) -> anyhow::Error {
    let error = anyhow::Error::from(error);
    let text = error.to_string();
    if text.contains("Too many open files") {
        return error.context("the limit of open files is too low (see `ulimit -n`)");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upgrade_needs_status_and_accept() {
        let good = "HTTP/1.1 101 Switching Protocols\r\nSEC-WebSocket-accept:  abc= \r\n\r\n";
        check_upgrade(good, "abc=").unwrap();
        let check = |answer: &str, expected: &str| {
            let error = check_upgrade(answer, "abc=").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&good.replace("abc=", "abd="), "no valid Sec-WebSocket-Accept");
        check(&good.replace("101 Switching", "503 Busy"), "refused the upgrade: HTTP/1.1 503");
        check("nonsense\r\n\r\n", "refused the upgrade: nonsense");
    }
}
