//! The floor: the least that a server must do so that every client gets every message. One thread,
//! one loop; a message is put into a frame once, and the same bytes are sent to each connection in
//! a bare loop of non-blocking `send`. Nothing is kept, nobody is watched over, no ping is sent.
//!
//! It speaks just enough Engine.IO and Socket.IO for the load generator. What comes in on a
//! connection is read in `connection.rs`; the bytes that go out are made in `frames.rs`; who is in
//! which room is known to `rooms.rs`. For more connections than a program may have, several floors
//! follow one (`upstream.rs`).

mod connection;
mod frames;
mod rooms;
mod upstream;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::connection::{Connection, Request};
use crate::frames::Frames;
use crate::rooms::Rooms;
use crate::upstream::{EVERYWHERE, Upstream};

const LISTENER: Token = Token(usize::MAX);
const UPSTREAM: Token = Token(usize::MAX - 1);
/// Connections that wait to be accepted: what servers usually ask for.
const BACKLOG_EVENTS: usize = 1024;
const SCRATCH_BYTES: usize = 64 * 1024;
/// How long nothing may come before an incomplete batch goes out: the last messages of a run are
/// seldom a whole batch.
const BATCH_WAITS: Duration = Duration::from_millis(5);

const USAGE: &str = "\
usage: floor --port P [--coalesce N] [--follow P]

  --port P        port of 127.0.0.1 to listen on; 0 picks a free one
  --coalesce N    join N messages once, and send them as one [default: 1]
  --follow P      be one with the floor on this port, which says what comes when
";

struct Options {
    port: u16,
    coalesce: usize,
    follow: Option<u16>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&args) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match Floor::listen(&options).and_then(|mut floor| floor.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(args: &[String]) -> Option<Options> {
    let (mut port, mut coalesce, mut follow) = (None, 1, None);
    let mut args = args.iter();
    while let Some(name) = args.next() {
        let value = args.next()?;
        match name.as_str() {
            "--port" => port = Some(value.parse().ok()?),
            "--coalesce" => coalesce = value.parse().ok().filter(|number| *number > 0)?,
            "--follow" => follow = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(Options { port: port?, coalesce, follow })
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    /// By token; a place that was left is taken again.
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    scratch: Vec<u8>,
    frames: Frames,
    rooms: Rooms,
    coalesce: usize,
    /// Where messages take their order, if not here.
    upstream: Option<Upstream>,
    /// Messages that wait for the rest of their batch, joined.
    batch: Vec<u8>,
    /// How many these are.
    gathered: usize,
}

impl Floor {
    fn listen(options: &Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let mut listener = TcpListener::bind(address)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let connect = |port| Upstream::connect(port, &poll, UPSTREAM);
        let upstream = options.follow.map(connect).transpose()?;
        println!("floor on http://{}", listener.local_addr()?);
        Ok(Self {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            frames: Frames::default(),
            rooms: Rooms::default(),
            coalesce: options.coalesce,
            upstream,
            batch: Vec::new(),
            gathered: 0,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(BACKLOG_EVENTS);
        loop {
            let waits = (self.gathered > 0).then_some(BATCH_WAITS);
            match self.poll.poll(&mut events, waits) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if events.is_empty() {
                self.send_batch();
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    UPSTREAM => self.hand_down()?,
                    Token(at) => {
                        if event.is_writable() {
                            self.flush(at);
                        }
                        if event.is_readable() || event.is_error() {
                            self.read(at)?;
                        }
                    }
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The client is gone already, or there are no descriptors left: the next may do.
                Err(error) => {
                    eprintln!("floor: accept: {error}");
                    return Ok(());
                }
            }
        }
    }

    fn admit(&mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let at = self.free.pop().unwrap_or(self.connections.len());
        self.poll.registry().register(&mut stream, Token(at), Interest::READABLE)?;
        let connection = Some(Connection::new(stream));
        match self.connections.get_mut(at) {
            Some(place) => *place = connection,
            None => self.connections.push(connection),
        }
        Ok(())
    }

    fn read(&mut self, at: usize) -> io::Result<()> {
        let mut requests = Vec::new();
        let Some(Some(connection)) = self.connections.get_mut(at) else { return Ok(()) };
        let stays = connection.read(&mut self.scratch, &mut requests);
        for request in requests {
            match request {
                Request::Upgrade { key } => self.send(at, &frames::upgraded(&key)),
                Request::Connect => self.send(at, frames::CONNECTED),
                Request::Message { id, text } => self.deliver(at, &id, &text)?,
                Request::Join { id, room } => self.join(at, &id, room),
                Request::Send { id, room, name, text } => {
                    self.acknowledge(at, &id);
                    self.deliver_to(&room, &name, &text)?;
                }
            }
        }
        if !stays {
            self.drop(at);
        }
        Ok(())
    }

    /// Acknowledges a message and sends it to everybody, the sender included.
    fn deliver(&mut self, from: usize, id: &[u8], text: &[u8]) -> io::Result<()> {
        self.acknowledge(from, id);
        if let Some(upstream) = &mut self.upstream {
            return upstream.send(text);
        }
        self.frames.message(text, &mut self.batch);
        self.gathered += 1;
        if self.gathered >= self.coalesce {
            self.send_batch();
        }
        Ok(())
    }

    /// Whoever gives no id, as a floor that follows, wants no acknowledgement.
    fn acknowledge(&mut self, at: usize, id: &[u8]) {
        if !id.is_empty() {
            self.send(at, &frames::acknowledgement(id));
        }
    }

    fn join(&mut self, at: usize, id: &[u8], room: Vec<u8>) {
        self.acknowledge(at, id);
        if let Some(Some(connection)) = self.connections.get_mut(at) {
            connection.room = Some(room.clone());
            self.rooms.join(room, at);
        }
    }

    /// Sends a message to everybody in a room. It is never joined with another: who is in the same
    /// rooms as others is not known.
    fn deliver_to(&mut self, room: &[u8], name: &[u8], text: &[u8]) -> io::Result<()> {
        if let Some(upstream) = &mut self.upstream {
            return upstream.send_to(room, name, text);
        }
        let frame = self.frames.entry(room, name, text);
        self.send_to(EVERYWHERE, &frame);
        self.send_to(room, &frame);
        Ok(())
    }

    /// Sends what came from the floor that this one follows.
    fn hand_down(&mut self) -> io::Result<()> {
        let Some(upstream) = &mut self.upstream else { return Ok(()) };
        upstream.read(&mut self.scratch, &mut self.batch)?;
        if self.rooms.is_empty() {
            self.send_batch();
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let mut rest = &batch[..];
        while let Some(length) = frames::length(rest) {
            if let Some(room) = frames::room(&rest[..length]) {
                self.send_to(room, &rest[..length]);
            }
            rest = &rest[length..];
        }
        Ok(())
    }

    fn send_to(&mut self, room: &[u8], bytes: &[u8]) {
        let mut gone = Vec::new();
        for at in self.rooms.members(room).iter().copied() {
            let Some(Some(connection)) = self.connections.get_mut(at) else { continue };
            if !connection.send(bytes, &self.poll, at) {
                gone.push(at);
            }
        }
        for at in gone {
            self.drop(at);
        }
    }

    fn send_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        for at in 0..self.connections.len() {
            let Some(connection) = &mut self.connections[at] else { continue };
            if connection.is_connected() && !connection.send(&self.batch, &self.poll, at) {
                self.drop(at);
            }
        }
        self.batch.clear();
        self.gathered = 0;
    }

    fn send(&mut self, at: usize, bytes: &[u8]) {
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        if !connection.send(bytes, &self.poll, at) {
            self.drop(at);
        }
    }

    fn flush(&mut self, at: usize) {
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        if !connection.flush(&self.poll, at) {
            self.drop(at);
        }
    }

    fn drop(&mut self, at: usize) {
        let Some(connection) = self.connections[at].take() else { return };
        self.free.push(at);
        if let Some(room) = connection.room {
            self.rooms.leave(&room, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let read = |line: &str| {
            let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            options(&args).map(|options| (options.port, options.coalesce, options.follow))
        };
        assert_eq!(read("--port 3000"), Some((3000, 1, None)));
        assert_eq!(read("--coalesce 32 --port 0"), Some((0, 32, None)));
        assert_eq!(read("--port 1 --follow 2"), Some((1, 1, Some(2))));
        for bad in ["", "--port", "--port x", "--port 1 --coalesce 0", "--port 1 --more 2"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
