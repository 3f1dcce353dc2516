//! The way to another floor: one that follows it hands on what its own clients say, and sends them
//! what comes back. So several floors are one, and each message takes the same order everywhere.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use crate::frames;

/// The room (JSON) of those who hear what is said in any.
pub(crate) const EVERYWHERE: &[u8] = b"\"*\"";

/// A client of the floor that is followed; to that one it is a client like any other.
pub(crate) struct Upstream {
    stream: TcpStream,
    /// The beginning of a frame that is not there yet.
    unread: Vec<u8>,
}

impl Upstream {
    /// Connects to the floor on this port of the same machine, which must be listening.
    pub(crate) fn connect(port: u16, poll: &Poll, token: Token) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: floor\r\n\r\n")?;
        stream.write_all(&frames::masked(b"40"))?;
        let everywhere = [b"42[\"join\",{\"room\":", EVERYWHERE, b"}]"].concat();
        stream.write_all(&frames::masked(&everywhere))?;
        let mut answer = Vec::new();
        while !answer.ends_with(frames::CONNECTED) {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.extend(byte);
        }
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Hands on a text (JSON, with its quotes). Few messages are under way at once, so a socket
    /// that doesn't take one is an error.
    pub(crate) fn send(&mut self, text: &[u8]) -> io::Result<()> {
        let packet = [b"42[\"chat message\",", text, b"]"].concat();
        self.stream.write_all(&frames::masked(&packet))
    }

    /// Hands on a text for a room (all JSON, with its quotes).
    pub(crate) fn send_to(&mut self, room: &[u8], name: &[u8], text: &[u8]) -> io::Result<()> {
        let start = b"42[\"send\",{\"room\":";
        let packet = [start, room, b",\"id\":", name, b",\"text\":", text, b"}]"].concat();
        self.stream.write_all(&frames::masked(&packet))
    }

    /// Adds the whole frames that have come to `batch`.
    pub(crate) fn read(&mut self, scratch: &mut [u8], batch: &mut Vec<u8>) -> io::Result<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.unread.extend_from_slice(&scratch[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut whole = 0;
        while let Some(length) = frames::length(&self.unread[whole..]) {
            whole += length;
        }
        batch.extend(self.unread.drain(..whole));
        Ok(())
    }
}
