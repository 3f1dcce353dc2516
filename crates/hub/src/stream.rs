//! The byte stream under a connection. Its reading half is used by the connection's task, its
//! writing half by whoever has a frame for it: all methods take `&self`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// A stream that the hub may write to without owning it. `TCP_NODELAY` is the business of whoever
/// accepted it.
#[derive(Debug)]
pub enum Stream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A connection to a Unix socket.
    Unix(UnixStream),
}

impl Stream {
    /// Reads what is there, or fails with `WouldBlock`.
    ///
    /// Less than fits means that no more is there: the runtime is told so within the same attempt,
    /// and [`Self::poll_read_ready`] waits for what comes next instead of leading to a read that
    /// finds nothing.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (room, mut read) = (buffer.len(), 0);
        let receive = || {
            (_, read) = rustix::net::recv(self, buffer, RecvFlags::DONTWAIT)?;
            let is_short = 0 < read && read < room;
            if is_short { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        let tried = match self {
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, receive),
            Self::Unix(stream) => stream.try_io(Interest::READABLE, receive),
        };
        match tried {
            Err(error) if read == 0 => Err(error),
            _ => Ok(read),
        }
    }

    /// Ready when [`Self::try_read`] is worth trying. For one task at a time.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Writes what fits, or fails with `WouldBlock`.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// The same without asking the runtime first whether the stream can be written to, and without
    /// telling it that it can't: for the fan-out, whose writes nearly always fit. Whoever gets
    /// `WouldBlock` from here goes on with the other methods, which learn it by themselves.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        // No SIGPIPE comes of it: every Rust program ignores that from its start.
        Ok(rustix::net::send(self, bytes, SendFlags::DONTWAIT)?)
    }

    /// Writes what fits of several slices, or fails with `WouldBlock`.
    pub fn try_write_vectored(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(slices),
            Self::Unix(stream) => stream.try_write_vectored(slices),
        }
    }

    /// Ready when writing is worth trying. For one task at a time.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_has_read_all_waits_and_who_has_not_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = Stream::from(listener.accept().await.unwrap().0);
        let ready = || poll_fn(|cx| stream.poll_read_ready(cx));
        let is_ready =
            || stream.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_ready();
        let mut buffer = [0; 8];
        client.write_all(b"0123456789").await.unwrap();
        ready().await.unwrap();
        assert_eq!(stream.try_read(&mut buffer[..4]).unwrap(), 4);
        assert!(is_ready(), "six are left");
        assert_eq!(stream.try_read(&mut buffer).unwrap(), 6);
        assert_eq!(&buffer[..6], b"456789");
        assert!(!is_ready());
        let nothing = stream.try_read(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"x").await.unwrap();
        ready().await.unwrap();
        assert_eq!(stream.try_read(&mut buffer).unwrap(), 1);
        client.shutdown().await.unwrap();
        ready().await.unwrap();
        assert_eq!(stream.try_read(&mut buffer).unwrap(), 0);
        assert!(is_ready(), "the end stays");
    }
}
