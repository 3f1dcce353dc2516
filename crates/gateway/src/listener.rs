//! Where connections come from: TCP or a Unix socket.

use std::io;
use std::net::IpAddr;

use hub::Stream;
use rustix::net::sockopt::set_tcp_nodelay;
use tokio::net::{TcpListener, UnixListener};

/// On Linux a connection is accepted with the `TCP_NODELAY` of its listener, which saves a system
/// call for each.
const INHERITS_NODELAY: bool = cfg!(target_os = "linux");

/// An open listening socket.
#[derive(Debug)]
pub struct Listener(Socket);

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Waits for a connection. TCP connections get `TCP_NODELAY`.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match &self.0 {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                if !INHERITS_NODELAY {
                    // Fails only for a connection that is gone already.
                    let _ = stream.set_nodelay(true);
                }
                Ok((stream.into(), Some(peer.ip())))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((stream.into(), None))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        if INHERITS_NODELAY {
            // Fails only for what is no TCP socket.
            let _ = set_tcp_nodelay(&listener, true);
        }
        Self(Socket::Tcp(listener))
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self(Socket::Unix(listener))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text would wait for the acknowledgement of the one before.
    #[tokio::test]
    async fn connections_do_not_wait_with_small_packets() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = Listener::from(listener);
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, Some(address.ip()));
        let Stream::Tcp(stream) = stream else { panic!("it came over TCP") };
        assert!(stream.nodelay().unwrap());
    }
}
