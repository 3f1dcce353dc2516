//! Where the Redis is. Parses the URL; what it shows never has the password in it.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use super::ConfigError;

/// A Redis that can be connected to.
#[derive(Clone)]
pub(super) struct Address {
    /// For the client library, credentials included.
    info: ConnectionInfo,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, ConfigError> {
        let refuse = |why: &str| Err(ConfigError::Url(why.to_owned()));
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => {}
            "rediss" | "valkeys" => return refuse("TLS (rediss://) is not supported yet"),
            "redis+sentinel" => return refuse("Sentinel (redis+sentinel://) is not supported yet"),
            _ => return refuse("it must begin with redis:// or redis+unix://"),
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
        Ok(Self { info: info.set_redis_settings(settings) })
    }

    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(super) fn target(&self) -> &ConnectionAddr {
        self.info.addr()
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
            ConnectionAddr::Unix(path) => write!(f, "redis+unix://{}", path.display())?,
            ConnectionAddr::Tcp(host, port) if host.contains(':') => {
                write!(f, "redis://[{host}]:{port}")?;
            }
            ConnectionAddr::Tcp(host, port) => write!(f, "redis://{host}:{port}")?,
            _ => f.write_str("redis")?,
        }
        match (database, self.target()) {
            (0, _) => Ok(()),
            (_, ConnectionAddr::Unix(_)) => write!(f, "?db={database}"),
            _ => write!(f, "/{database}"),
        }
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
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn bad_urls_are_refused_without_repeating_them() {
        for (url, expected) in [
            ("rediss://u:hush@h", "TLS (rediss://) is not supported yet"),
            ("redis+sentinel://u:hush@h/m", "Sentinel (redis+sentinel://) is not supported yet"),
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
