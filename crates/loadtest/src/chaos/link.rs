//! One Engine.IO session as a client: over WebSocket, or over polling with a connection of its own
//! for every request. Pings are answered here; messages go up and down as text.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use wire::websocket::{Decoder, Message, Opcode, encode_client};

/// Messages that may wait on either side of a link.
const QUEUE: usize = 4_096;

/// The largest answer or message.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// What the kernel holds for a client that is meant to fall behind soon.
const SMALL_BUFFER: u32 = 128 * 1024;

/// How long a link may take to be opened.
const OPEN_WAIT: Duration = Duration::from_secs(10);

/// Longest silence of a server: its pings come more often.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// How a session is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    Polling,
}

/// A session's messages. It ends, without a word to the server, when it is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    incoming: mpsc::Receiver<String>,
    outgoing: mpsc::Sender<String>,
    _task: JoinSet<()>,
}

impl Link {
    /// Opens a session. While `reading` is false nothing is read from it, which only WebSocket
    /// links do: a client that polls has no connection that could fill up. With a small buffer
    /// the kernel holds little in its place.
    pub(crate) async fn open(
        server: SocketAddr,
        transport: Transport,
        reading: watch::Receiver<bool>,
        has_small_buffer: bool,
    ) -> anyhow::Result<Self> {
        let (to_us, incoming) = mpsc::channel(QUEUE);
        let (outgoing, from_us) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        match transport {
            Transport::WebSocket => {
                let opening = timeout(OPEN_WAIT, upgrade(server, has_small_buffer));
                let (stream, rest) = opening.await.context("no connection in time")??;
                let pipe = WebSocket { stream, reading, to_us };
                task.spawn(async move {
                    let _the_end_is_seen = pipe.run(rest, from_us).await;
                });
            }
            Transport::Polling => {
                let polls = Polls::open(server).await?;
                task.spawn(async move {
                    tokio::select! {
                        _ = polls.poll(&to_us) => {}
                        _ = polls.post(from_us) => {}
                    }
                });
            }
        }
        Ok(Self { incoming, outgoing, _task: task })
    }

    /// The next message; none when the session has ended.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.incoming.recv().await
    }

    /// Sends a message, without Engine.IO's `4`.
    pub(crate) async fn send(&self, message: &str) -> anyhow::Result<()> {
        self.outgoing.send(format!("4{message}")).await.context("the session has ended")
    }
}

/// A message for above, an answer for the server, or nothing.
enum Heard {
    Message(String),
    Answer(String),
    Nothing,
}

fn hear(packet: &str) -> anyhow::Result<Heard> {
    match packet.as_bytes().first() {
        Some(b'4') => Ok(Heard::Message(packet[1..].to_owned())),
        Some(b'2') => Ok(Heard::Answer(format!("3{}", &packet[1..]))),
        Some(b'0' | b'6') => Ok(Heard::Nothing),
        Some(b'1') => bail!("the server closed the session"),
        _ => bail!("an unexpected packet: {packet:.40}"),
    }
}

struct WebSocket {
    stream: TcpStream,
    reading: watch::Receiver<bool>,
    to_us: mpsc::Sender<String>,
}

impl WebSocket {
    async fn run(
        mut self,
        mut rest: Vec<u8>,
        mut from_us: mpsc::Receiver<String>,
    ) -> anyhow::Result<()> {
        let mut decoder = Decoder::client(BYTES_MAX);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            for packet in decode(&mut decoder, &mut rest)? {
                match hear(&packet)? {
                    Heard::Message(message) => self.to_us.send(message).await?,
                    Heard::Answer(answer) => self.write(&answer).await?,
                    Heard::Nothing => {}
                }
            }
            rest.clear();
            let is_reading = *self.reading.borrow_and_update();
            tokio::select! {
                read = timeout(SILENCE_MAX, self.stream.read(&mut buffer)), if is_reading => {
                    match read.context("the server is silent")?? {
                        0 => bail!("the server closed the connection"),
                        read => rest.extend_from_slice(&buffer[..read]),
                    }
                }
                Some(packet) = from_us.recv() => self.write(&packet).await?,
                Ok(()) = self.reading.changed() => {}
            }
        }
    }

    async fn write(&mut self, packet: &str) -> anyhow::Result<()> {
        let mut frame = Vec::new();
        encode_client(Opcode::Text, packet.as_bytes(), [0x5a, 0x17, 0xc3, 0x88], &mut frame);
        Ok(self.stream.write_all(&frame).await?)
    }
}

fn decode(decoder: &mut Decoder, bytes: &mut [u8]) -> anyhow::Result<Vec<String>> {
    let (mut packets, mut ended) = (Vec::new(), false);
    decoder.feed(bytes, |message| {
        match message {
            Message::Text(text) => packets.push(text.to_owned()),
            Message::Close(_) => ended = true,
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
        }
        std::ops::ControlFlow::Continue(())
    })?;
    if ended {
        bail!("the server closed the connection");
    }
    Ok(packets)
}

/// Changes from HTTP to WebSocket; answers what came behind the server's answer.
async fn upgrade(
    server: SocketAddr,
    has_small_buffer: bool,
) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let socket = TcpSocket::new_v4()?;
    if has_small_buffer {
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
    }
    let mut stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {server}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            bail!("the server closed the connection before it answered");
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = answer.split_off(end + 4);
            let status = status_of(&answer)?;
            anyhow::ensure!(status == 101, "the upgrade was answered with {status}");
            return Ok((stream, rest));
        }
    }
}

/// A session that polls.
struct Polls {
    server: SocketAddr,
    sid: String,
}

impl Polls {
    async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let asked = request(server, "GET", "", "");
        let body = timeout(OPEN_WAIT, asked).await.context("no answer in time")??;
        let open = body.strip_prefix('0').context("the session was not opened")?;
        let open: serde_json::Value = serde_json::from_str(open)?;
        let sid = open["sid"].as_str().context("the session has no id")?.to_owned();
        Ok(Self { server, sid })
    }

    async fn poll(&self, to_us: &mpsc::Sender<String>) -> anyhow::Result<()> {
        for turn in 0_u64.. {
            let query = format!("&t=p{turn}&sid={}", self.sid);
            let asked = request(self.server, "GET", &query, "");
            let body = timeout(SILENCE_MAX, asked).await.context("the server is silent")??;
            for packet in body.split('\u{1e}') {
                match hear(packet)? {
                    Heard::Message(message) => to_us.send(message).await?,
                    Heard::Answer(answer) => self.say(&answer).await?,
                    Heard::Nothing => {}
                }
            }
        }
        Ok(())
    }

    async fn post(&self, mut from_us: mpsc::Receiver<String>) -> anyhow::Result<()> {
        while let Some(mut body) = from_us.recv().await {
            while let Ok(more) = from_us.try_recv() {
                body = format!("{body}\u{1e}{more}");
            }
            self.say(&body).await?;
        }
        Ok(())
    }

    async fn say(&self, body: &str) -> anyhow::Result<()> {
        let query = format!("&sid={}", self.sid);
        let answer = request(self.server, "POST", &query, body);
        let answer = timeout(SILENCE_MAX, answer).await.context("the server is silent")??;
        anyhow::ensure!(answer == "ok", "a POST was answered {answer:.40}");
        Ok(())
    }
}

/// One request over a connection of its own; the body of its answer, whose status must be 200.
async fn request(
    server: SocketAddr,
    method: &str,
    query: &str,
    body: &str,
) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: {server}\r\n\
         Connection: close\r\nContent-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(BYTES_MAX as u64).read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no answer")?;
    let (head, body) = answer.split_at(end + 4);
    let (status, body) = (status_of(head)?, String::from_utf8(body.to_vec())?);
    anyhow::ensure!(status == 200, "{method} was answered with {status}: {body:.80}");
    anyhow::ensure!(is_whole(head, body.len()), "an answer was cut off");
    Ok(body)
}

/// Whether a body has the length that its head announces.
fn is_whole(head: &[u8], length: usize) -> bool {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let announced = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    announced.is_some_and(|(_, value)| value.trim() == length.to_string())
}

fn status_of(head: &[u8]) -> anyhow::Result<u16> {
    let head = String::from_utf8_lossy(head);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.context("the answer is not HTTP")
}
