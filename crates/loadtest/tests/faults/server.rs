//! A Socket.IO server just large enough for a load test, which does one thing wrong.

use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use wire::Frame;
use wire::websocket::{Decoder, Message, accept_key};

/// The message, counted from 1, at which something goes wrong.
const FAULTY: usize = 50;

/// What goes wrong, where nothing else is said for one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Lose,
    /// Acknowledged, and given to nobody.
    LoseForAll,
    Double,
    Swap,
    /// Answered with an error and given to nobody.
    Refuse,
    /// Given to all and not answered.
    Silence,
    /// A connection that sends nothing is closed.
    HangUp,
    /// Everybody gets a message from elsewhere in between.
    Stranger,
    /// All connections are pinged; messages wait until all have answered.
    PingFirst,
    RefuseConnect,
}

pub(crate) struct Server {
    port: u16,
    room: Arc<Room>,
    _tasks: TaskTracker,
}

struct Room {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: Vec<Connection>,
    messages: usize,
    pongs: usize,
    /// Messages that wait for pongs, each with its connection.
    waiting: Vec<(usize, String)>,
    /// What the receiver with the fault still has to get.
    held_back: Option<Frame>,
}

struct Connection {
    /// None once it was hung up.
    frames: Option<mpsc::Sender<Frame>>,
    path: String,
    has_sent: bool,
}

impl Server {
    pub(crate) async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let room = Arc::new(Room { fault, state: Mutex::default() });
        let tasks = TaskTracker::new();
        let (spawner, shared) = (tasks.clone(), Arc::clone(&room));
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawner.spawn(serve(stream, Arc::clone(&shared), spawner.clone()));
            }
        });
        Self { port, room, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn other_url(&self) -> String {
        format!("http://localhost:{}/other/", self.port)
    }

    /// Connections that came through [`Self::url`] and through [`Self::other_url`].
    pub(crate) fn connections_by_path(&self) -> (usize, usize) {
        let state = self.room.state.lock();
        let others = state.connections.iter().filter(|each| each.path.starts_with("/other/socket"));
        let others = others.count();
        (state.connections.len() - others, others)
    }
}

async fn serve(stream: TcpStream, room: Arc<Room>, tasks: TaskTracker) {
    let (mut reader, mut writer) = stream.into_split();
    let Some((path, key)) = read_request(&mut reader).await else { return };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        accept_key(&key)
    );
    // The handshake comes in the same segment, as it may.
    let open = Frame::text(
        r#"0{"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1000000}"#,
    );
    let first = [answer.as_bytes(), open.bytes()].concat();
    if writer.write_all(&first).await.is_err() {
        return;
    }
    let (frames, mut queue) = mpsc::channel::<Frame>(10_000);
    tasks.spawn(async move {
        while let Some(frame) = queue.recv().await {
            if writer.write_all(frame.bytes()).await.is_err() {
                return;
            }
        }
    });
    let connection = Connection { frames: Some(frames), path, has_sent: false };
    let number = {
        let mut state = room.state.lock();
        state.connections.push(connection);
        state.connections.len() - 1
    };
    let mut decoder = Decoder::server(1_000_000);
    let mut buffer = vec![0; 10_000];
    while let Ok(read @ 1..) = reader.read(&mut buffer).await {
        let mut packets = Vec::new();
        let outcome = decoder.feed(&mut buffer[..read], |message| {
            if let Message::Text(packet) = message {
                packets.push(packet.to_owned());
            }
            ControlFlow::Continue(())
        });
        outcome.expect("the load test keeps to the protocol");
        for packet in packets {
            room.take(&mut room.state.lock(), number, &packet);
        }
    }
}

/// The path and the key of an upgrade.
async fn read_request(reader: &mut OwnedReadHalf) -> Option<(String, String)> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if reader.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1)?.to_owned();
    let (_, key) = request.split_once("Sec-WebSocket-Key: ")?;
    Some((path, key.split("\r\n").next()?.to_owned()))
}

impl Room {
    fn take(&self, state: &mut State, from: usize, packet: &str) {
        match packet.as_bytes() {
            b"40" if self.fault == Fault::RefuseConnect => {
                state.send(from, &Frame::text(r#"44{"message":"full"}"#));
            }
            b"40" => {
                state.send(from, &Frame::text(r#"40{"sid":"x"}"#));
                state.send(from, &Frame::text(r#"42["palabre:welcome",{}]"#));
            }
            b"3" => {
                state.pongs += 1;
                for (from, packet) in std::mem::take(&mut state.waiting) {
                    self.take_message(state, from, &packet);
                }
            }
            _ => self.take_message(state, from, packet),
        }
    }

    fn take_message(&self, state: &mut State, from: usize, packet: &str) {
        if self.fault == Fault::PingFirst && state.pongs < state.connections.len() {
            if state.waiting.is_empty() && state.pongs == 0 {
                state.broadcast(&Frame::text("2"));
            }
            return state.waiting.push((from, packet.to_owned()));
        }
        let (ack, text) = packet.strip_prefix("42").unwrap().split_once('[').unwrap();
        let text = text.split('"').nth(3).unwrap();
        state.connections[from].has_sent = true;
        state.messages += 1;
        let fault = if state.messages == FAULTY { self.fault } else { Fault::None };
        let frame = Frame::text(&format!(r#"42["chat message","{text}","cursor"]"#));
        let answer = match fault {
            Fault::Refuse => r#"{"ok":false,"error":{"code":"unavailable","message":""}}"#,
            _ => r#"{"ok":true}"#,
        };
        if fault != Fault::Silence {
            state.send(from, &Frame::text(&format!("43{ack}[{answer}]")));
        }
        state.hand_on(fault, &frame);
    }
}

impl State {
    fn send(&self, to: usize, frame: &Frame) {
        if let Some(frames) = &self.connections[to].frames {
            // A client that has left no longer matters.
            let _ = frames.try_send(frame.clone());
        }
    }

    fn hand_on(&mut self, fault: Fault, frame: &Frame) {
        match fault {
            Fault::Refuse | Fault::LoseForAll => return,
            Fault::Stranger => self.broadcast(&Frame::text(r#"42["chat message","hi"]"#)),
            Fault::HangUp => {
                let silent = self.connections.iter_mut().find(|each| !each.has_sent);
                silent.expect("fewer senders than clients").frames = None;
            }
            _ => {}
        }
        for number in 1..self.connections.len() {
            self.send(number, frame);
        }
        match fault {
            Fault::Lose => {}
            Fault::Swap => self.held_back = Some(frame.clone()),
            _ => self.send(0, frame),
        }
        if fault == Fault::Double {
            self.send(0, frame);
        }
        if fault != Fault::Swap
            && let Some(late) = self.held_back.take()
        {
            self.send(0, &late);
        }
    }

    fn broadcast(&self, frame: &Frame) {
        for number in 0..self.connections.len() {
            self.send(number, frame);
        }
    }
}
