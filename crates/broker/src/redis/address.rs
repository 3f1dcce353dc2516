//! Where the Redis is. Parses the URL; what it shows never has the password in it.

use std::{fmt, sync::atomic::AtomicUsize};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::ConfigError;

/// The port of a sentinel where the URL names none.
const SENTINEL_PORT: u16 = 26_379;

/// A Redis that can be connected to.
pub(super) struct Address {
    /// For the client library, credentials included; of a sentinel, if those know the master.
    info: ConnectionInfo,
    sentinels: Option<Sentinels>,
}

/// Who knows where the master is.
pub(super) struct Sentinels {
    pub(super) addresses: Vec<ConnectionAddr>,
    /// What they call the master.
    pub(super) master: String,
    /// Counts the questions: each begins with another sentinel.
    pub(super) asked: AtomicUsize,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, ConfigError> {
        let refuse = |why: &str| Err(ConfigError::Url(why.to_owned()));
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => {}
            "rediss" | "valkeys" => return refuse("TLS (rediss://) is not supported yet"),
            "redis+sentinel" => return Self::parse_sentinels(url),
            _ => return refuse("it must begin with redis://, redis+unix:// or redis+sentinel://"),
        }
        // The library's text names the rule that is broken, and never repeats the URL.
        let info =
            url.into_connection_info().map_err(|error| ConfigError::Url(error.to_string()))?;
        if !matches!(info.addr(), ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_)) {
            return refuse("only TCP and Unix sockets are supported");
        }
        if info.redis_settings().db() < 0 {
            return refuse("the database number can't be negative");
        }
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        Ok(Self { info: info.set_redis_settings(settings), sentinels: None })
    }

    /// `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master[/database]`
    fn parse_sentinels(url: &str) -> Result<Self, ConfigError> {
        let refuse = |why: &str| Err(ConfigError::Url(why.to_owned()));
        let rest = url.strip_prefix("redis+sentinel://").unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let (master, database) = path.split_once('/').unwrap_or((path, ""));
        if master.is_empty() || master.contains(char::is_whitespace) {
            return refuse("the name of the master must follow the sentinels: host:26379/NAME");
        }
        let mut parsed = Vec::new();
        for host in hosts.split(',') {
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
            let port = if has_port { String::new() } else { format!(":{SENTINEL_PORT}") };
            parsed.push(Self::parse(&format!("redis://{credentials}{host}{port}/{database}"))?);
        }
        let addresses = parsed.iter().map(|one| one.info.addr().clone()).collect();
        let Some(first) = parsed.into_iter().next() else { return refuse("no sentinel is named") };
        let asked = AtomicUsize::new(0);
        let sentinels = Some(Sentinels { addresses, master: master.to_owned(), asked });
        Ok(Self { info: first.info, sentinels })
    }

    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Where the Redis is, or else who knows it.
    pub(super) fn target(&self) -> Result<&ConnectionAddr, &Sentinels> {
        self.sentinels.as_ref().map_or(Ok(self.info.addr()), Err)
    }

    pub(super) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// User, where one is named, and password.
    pub(super) fn credentials(&self) -> Option<(Option<&str>, &str)> {
        let settings = self.info.redis_settings();
        settings.password().map(|password| (settings.username(), password))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.database();
        match self.target() {
            Ok(ConnectionAddr::Unix(path)) => write!(f, "redis+unix://{}", path.display())?,
            Ok(address) => {
                f.write_str("redis://")?;
                write_host(f, address)?;
            }
            Err(Sentinels { addresses, master, .. }) => {
                f.write_str("redis+sentinel://")?;
                for (place, address) in addresses.iter().enumerate() {
                    f.write_str(if place > 0 { "," } else { "" })?;
                    write_host(f, address)?;
                }
                write!(f, "/{master}")?;
            }
        }
        match (database, self.info.addr()) {
            (0, _) => Ok(()),
            (_, ConnectionAddr::Unix(_)) => write!(f, "?db={database}"),
            _ => write!(f, "/{database}"),
        }
    }
}

fn write_host(f: &mut fmt::Formatter<'_>, address: &ConnectionAddr) -> fmt::Result {
    match address {
        ConnectionAddr::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
        ConnectionAddr::Tcp(host, port) => write!(f, "{host}:{port}"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match Address::parse(url) {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn urls_are_shown_without_credentials() {
        for (url, expected) in [
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://u:hush@example.org:1/3", "redis://example.org:1/3"),
            ("redis://:hush@[::1]:7", "redis://[::1]:7"),
            ("redis+unix:///run/r.sock?db=2&pass=hush", "redis+unix:///run/r.sock?db=2"),
            ("unix:///run/r.sock", "redis+unix:///run/r.sock"),
            ("redis+sentinel://h/m", "redis+sentinel://h:26379/m"),
            (
                "redis+sentinel://u:hush@h:1,[::1],k:2/m/3",
                "redis+sentinel://h:1,[::1]:26379,k:2/m/3",
            ),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn bad_urls_are_refused_without_repeating_them() {
        for (url, expected) in [
            ("rediss://u:hush@h", "TLS (rediss://) is not supported yet"),
            ("redis+sentinel://u:hush@h", "the name of the master must follow"),
            ("redis+sentinel://u:hush@h/m/x", "Invalid database number"),
            ("redis+sentinel://u:hush@h,/m", "the Redis URL can't be used"),
            ("redis+sentinel://u:hush@/m", "the Redis URL can't be used"),
            ("http://u:hush@h", "it must begin with redis://"),
            ("hush", "it must begin with redis://"),
            ("redis://u:hush@h:99999", "the Redis URL can't be used"),
            ("redis://u:hush@h/x", "Invalid database number"),
            ("redis://u:hush@h/-1", "can't be negative"),
            ("redis://", "the Redis URL can't be used"),
        ] {
            let shown = shown(url);
            assert!(shown.contains(expected), "{url}: {shown}");
            assert!(!shown.contains("hush"), "{shown}");
        }
    }

    #[test]
    fn credentials_are_kept() {
        let address = Address::parse("redis://:p%40ss@h").unwrap();
        assert_eq!(address.credentials(), Some((None, "p@ss")));
        let address = Address::parse("redis://me:secret@h").unwrap();
        assert_eq!(address.credentials(), Some((Some("me"), "secret")));
        assert_eq!(Address::parse("redis://h").unwrap().credentials(), None);
    }
}
