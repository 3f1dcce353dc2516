//! Where the clients connect to, and from which addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs as _};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

/// Clients that share one source address. The kernel has about 28,000 ports for each; fewer keep
/// room for the connections that an earlier run has just closed.
const CLIENTS_PER_SOURCE: u32 = 5_000;

/// The first of the source addresses on loopback, beside the usual one: 127.0.1.1.
const SOURCE_BASE: u32 = u32::from_be_bytes([127, 0, 1, 1]);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) url: String,
    /// The value of the Host header.
    pub(crate) host: String,
    /// The path of the Socket.IO endpoint, with its trailing slash.
    pub(crate) path: String,
    address: SocketAddr,
}

impl Target {
    /// Reads `http://host:port/base` and looks the host up.
    pub(crate) fn find(url: &str) -> anyhow::Result<Self> {
        let (host, path) = split(url).with_context(|| format!("--url {url}"))?;
        let with_port = if has_port(&host) { host.clone() } else { format!("{host}:80") };
        let addresses: Vec<_> = with_port
            .to_socket_addrs()
            .with_context(|| format!("--url {url}: no such host"))?
            .collect();
        let address = addresses
            .iter()
            .find(|address| address.is_ipv4())
            .or(addresses.first())
            .with_context(|| format!("--url {url}: the host has no address"))?;
        Ok(Self { url: url.to_owned(), host, path, address: *address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to connect the client with this number, without waiting for it. On loopback the
    /// clients come from several source addresses, since one has too few ports for them.
    pub(crate) fn connect(&self, client: u32) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = self.source(client) {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&self.address.into()) {
            Err(error) if !is_under_way(&error) => Err(error),
            _ => Ok(socket.into()),
        }
    }

    fn source(&self, client: u32) -> Option<IpAddr> {
        let block = client / CLIENTS_PER_SOURCE;
        let many = self.address.is_ipv4() && self.address.ip().is_loopback() && block > 0;
        many.then(|| Ipv4Addr::from(SOURCE_BASE + block).into())
    }
}

fn is_under_way(error: &io::Error) -> bool {
    let is_in_progress = error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32);
    is_in_progress || error.kind() == io::ErrorKind::WouldBlock
}

/// The host (with its port, if given) and the path of the endpoint.
fn split(url: &str) -> anyhow::Result<(String, String)> {
    let Some((scheme, rest)) = url.split_once("://") else {
        bail!("a URL like http://127.0.0.1:3000 is needed");
    };
    if !matches!(scheme, "http" | "ws") {
        bail!("{scheme} is not supported, only http");
    }
    let (host, base) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || host.contains(['@', '?', '#', ' ']) || base.contains(['?', '#', ' ']) {
        bail!("only a host, a port and a path are possible");
    }
    let base = base.trim_end_matches('/');
    let slash = if base.is_empty() { "" } else { "/" };
    Ok((host.to_owned(), format!("{slash}{base}/socket.io/")))
}

fn has_port(host: &str) -> bool {
    let behind_brackets = host.rsplit(']').next().unwrap_or(host);
    behind_brackets.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_split_into_host_and_endpoint() {
        let check = |url: &str, host: &str, path: &str| {
            assert_eq!(split(url).unwrap(), (host.to_owned(), path.to_owned()), "{url}");
        };
        check("http://127.0.0.1:3000", "127.0.0.1:3000", "/socket.io/");
        check("http://127.0.0.1:3000/", "127.0.0.1:3000", "/socket.io/");
        check("ws://chat.test/base/", "chat.test", "/base/socket.io/");
        check("http://[::1]:3000/a/b", "[::1]:3000", "/a/b/socket.io/");
        for bad in ["127.0.0.1:3000", "https://a", "http://", "http://a/?b", "http://u@a/"] {
            assert!(split(bad).is_err(), "{bad}");
        }
        assert!(has_port("[::1]:80") && has_port("a:80") && !has_port("[::1]") && !has_port("a"));
    }

    #[test]
    fn many_clients_on_loopback_share_several_sources() {
        let target = Target::find("http://127.0.0.1:3000").unwrap();
        assert_eq!(target.source(0), None);
        assert_eq!(target.source(CLIENTS_PER_SOURCE - 1), None);
        assert_eq!(target.source(CLIENTS_PER_SOURCE), Some([127, 0, 1, 2].into()));
        assert_eq!(target.source(CLIENTS_PER_SOURCE * 300), Some([127, 0, 2, 45].into()));
        let elsewhere = Target { address: ([192, 0, 2, 1], 80).into(), ..target };
        assert_eq!(elsewhere.source(CLIENTS_PER_SOURCE), None);
    }
}
