//! Under which address the others reach an instance that listens on all of its own, where nobody
//! has said it: the one from which it reaches the Redis that it shares with them.

use std::{io, net::IpAddr, net::SocketAddr, time::Duration};

use tokio::net::{UdpSocket, lookup_host};

use crate::{config::RedisUrl, neighbours::Neighbours};

/// How often it is tried again: the Redis may start later, and its name with it.
const RETRY: Duration = Duration::from_secs(1);

/// The port that a Redis has where its URL names none.
const REDIS_PORT: u16 = 6379;

/// Tells the neighbours where this instance listens for them, as soon as that is known.
pub async fn advertise(neighbours: Neighbours, port: u16, redis: Option<RedisUrl>) {
    let hosts = redis.map(|url| hosts(url.expose())).unwrap_or_default();
    let ip = loop {
        match own_address(&hosts).await {
            Ok(ip) => break ip,
            Err(error) => tracing::debug!(%error, "no address to advertise is known yet"),
        }
        tokio::time::sleep(RETRY).await;
    };
    let address = SocketAddr::new(ip, port).to_string();
    tracing::info!(%address, "other instances reach this one here");
    neighbours.advertise(address.into());
}

async fn own_address(hosts: &[String]) -> io::Result<IpAddr> {
    // A Redis on a Unix socket is on this machine, and so are all that share it.
    let mut outcome = Ok(IpAddr::from([127, 0, 0, 1]));
    for host in hosts {
        outcome = towards(host).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The address that this machine has in the direction of another one. Nothing is sent.
async fn towards(host: &str) -> io::Result<IpAddr> {
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for target in lookup_host(host).await? {
        let any: SocketAddr =
            if target.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        outcome = match socket.connect(target).await {
            Ok(()) => return socket.local_addr().map(|own| own.ip()),
            Err(error) => Err(error),
        };
    }
    outcome
}

/// The hosts of a Redis URL, with their ports; none for a Unix socket.
fn hosts(url: &str) -> Vec<String> {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    let Some(rest) = rest.strip_prefix("//").filter(|_| !scheme.contains("unix")) else {
        return Vec::new();
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let with_port = |host: &str| {
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        if has_port { host.to_owned() } else { format!("{host}:{REDIS_PORT}") }
    };
    hosts.split(',').filter(|host| !host.is_empty()).map(with_port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_of_a_redis_are_found_in_its_url() {
        let cases: [(&str, &[&str]); 7] = [
            ("redis://127.0.0.1", &["127.0.0.1:6379"]),
            ("redis://user:p%40ss@redis:7000/3", &["redis:7000"]),
            ("redis://[::1]", &["[::1]:6379"]),
            ("redis://:secret@[fd00::2]:7000?protocol=resp3", &["[fd00::2]:7000"]),
            ("redis+sentinel://a:26379,b/main", &["a:26379", "b:6379"]),
            ("unix:///run/redis.sock", &[]),
            ("redis+unix:///run/redis.sock?db=1", &[]),
        ];
        for (url, expected) in cases {
            assert_eq!(hosts(url), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn it_is_reached_from_where_it_reaches_the_redis() {
        let local = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(own_address(&[]).await.unwrap(), local);
        assert_eq!(own_address(&["127.0.0.1:6379".into()]).await.unwrap(), local);
        let second = ["no.such.host.invalid:1".into(), "127.0.0.1:6379".into()];
        assert_eq!(own_address(&second).await.unwrap(), local);
        assert!(own_address(&second[..1]).await.is_err());
    }
}
