//! Where an instance listens, and what it is called by that.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    os::unix::fs::FileTypeExt,
    path::Path,
};

use gateway::Listener;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

use super::StartError;
use crate::config::{Bind, Config};

/// Connections that the kernel may hold until they are accepted; it has a limit of its own.
const BACKLOG: u32 = 4_096;

/// Where an instance listens.
#[derive(Clone, Debug)]
pub enum Address {
    /// A TCP port, with the base path behind it.
    Tcp(SocketAddr, String),
    /// The path of a Unix socket.
    Unix(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address, base_path) => {
                write!(f, "http://{address}{}", base_path.trim_end_matches('/'))
            }
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// Opens the listening socket.
///
/// # Errors
/// The address is in use, not this machine's, or not allowed.
pub(super) async fn listen(config: &Config) -> Result<(Listener, Address), StartError> {
    match &config.bind {
        Bind::Ip(ip) => {
            let address = SocketAddr::new(*ip, config.port);
            let (listener, address) = listen_tcp(address)
                .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
                .map_err(|error| StartError::Listen { address: address.to_string(), error })?;
            Ok((listener.into(), Address::Tcp(address, config.base_path.clone())))
        }
        Bind::Unix(path) => {
            let shown = path.display().to_string();
            let listener = listen_unix(path)
                .await
                .map_err(|error| StartError::Listen { address: format!("unix:{shown}"), error })?;
            Ok((listener, Address::Unix(shown)))
        }
    }
}

/// Opens a listening TCP socket.
pub(super) fn listen_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address.ip() {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The port of an instance that has just ended may be had at once; one in use may not.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn listen_unix(path: &Path) -> io::Result<Listener> {
    // An instance that was killed leaves its socket behind: nobody answers there any more.
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if is_socket && UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(UnixListener::bind(path)?.into())
}

/// Host name and port, or the path of the socket.
pub(super) fn instance_name(address: &Address) -> String {
    match address {
        Address::Tcp(address, _) => format!("{}:{}", host_name(), address.port()),
        Address::Unix(path) => format!("{}:{path}", host_name()),
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "palabre".into() } else { name.into() }
}
