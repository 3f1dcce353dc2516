//! The address of a Redis server, checked before anything connects, and its password hidden.

use std::{fmt, str::FromStr};

use super::form::Fault;

/// The URL of a Redis server. Shown (`Display`, `Debug`) without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(Box<str>);

impl RedisUrl {
    /// The whole URL with its password, for the code that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is a password in it.
    pub fn has_password(&self) -> bool {
        masked(&self.0) != *self.0
    }
}

impl FromStr for RedisUrl {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(Fault::expected("a URL like redis://127.0.0.1:6379"));
        };
        match scheme {
            "redis" => check_tcp(rest)?,
            "unix" | "redis+unix" => check_unix(rest)?,
            "rediss" => {
                return Err(Fault::because("TLS to Redis (rediss://) is not supported yet"));
            }
            "redis+sentinel" => check_sentinels(rest)?,
            _ => {
                return Err(Fault::expected(
                    "a URL like redis://127.0.0.1:6379 or unix:///run/redis.sock",
                ));
            }
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// `//[user[:password]@]host[:port][/database]`
fn check_tcp(rest: &str) -> Result<(), Fault> {
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(Fault::expected("'redis://' before the host"));
    };
    no_odd_characters(rest)?;
    let (rest, query) = split_query(rest);
    check_query(query, &["protocol"])?;
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    check_database(database)?;
    check_host(hosts_of(authority)?)
}

/// `//[[user]:password@]host[:port][,host[:port]…]/master[/database]`
fn check_sentinels(rest: &str) -> Result<(), Fault> {
    const FORM: &str = "a URL like redis+sentinel://HOST:26379,HOST:26379/NAME";
    let Some(rest) = rest.strip_prefix("//") else { return Err(Fault::expected(FORM)) };
    no_odd_characters(rest)?;
    let (rest, query) = split_query(rest);
    check_query(query, &[])?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err(Fault::expected(FORM));
    }
    check_database(database)?;
    hosts_of(authority)?.split(',').try_for_each(check_host)
}

/// What stands behind the login.
fn hosts_of(authority: &str) -> Result<&str, Fault> {
    if authority.matches('@').count() > 1 {
        return Err(Fault::because("an '@' in the user or password is written %40"));
    }
    Ok(authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts))
}

fn check_host(host_and_port: &str) -> Result<(), Fault> {
    let (host, port) = match host_and_port.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').unwrap_or_default();
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(Fault::expected("a URL with an IPv6 address in [ ]"));
            }
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => host_and_port.split_once(':').unwrap_or((host_and_port, "")),
    };
    if host.is_empty() {
        return Err(Fault::expected("a URL with a host (redis://HOST:PORT)"));
    }
    if !port.is_empty() && port.parse::<std::num::NonZeroU16>().is_err() {
        return Err(Fault::expected("a URL whose port is a number from 1 to 65535"));
    }
    Ok(())
}

/// `///run/redis.sock[?db=N&user=NAME&pass=PASSWORD]`
fn check_unix(rest: &str) -> Result<(), Fault> {
    no_odd_characters(rest)?;
    let (path, query) = split_query(rest);
    if !(path.starts_with("///") || path.starts_with('/') && !path.starts_with("//")) {
        return Err(Fault::expected("an absolute path, like unix:///run/redis.sock"));
    }
    check_query(query, &["db", "user", "pass", "protocol"])?;
    let database = query.split('&').find_map(|pair| pair.strip_prefix("db=")).unwrap_or("");
    check_database(database)
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

fn no_odd_characters(text: &str) -> Result<(), Fault> {
    if text.contains(|c: char| c == '#' || c.is_whitespace() || c.is_control()) {
        return Err(Fault::because("spaces and '#' are written %20 and %23 in a URL"));
    }
    Ok(())
}

/// The client would pass over a parameter that it does not know; a slip should not go unseen.
fn check_query(query: &str, known: &[&str]) -> Result<(), Fault> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or(pair);
        if !known.contains(&name) {
            return Err(Fault::expected(format!(
                "only the parameters {} in the URL",
                known.join(", ")
            )));
        }
    }
    Ok(())
}

fn check_database(text: &str) -> Result<(), Fault> {
    if !text.is_empty() && text.parse::<u32>().is_err() {
        return Err(Fault::expected("a URL whose database is a number from 0"));
    }
    Ok(())
}

/// The text with whatever may be a password in it replaced, also where it is no valid URL: it is
/// for error messages too.
pub(crate) fn masked(text: &str) -> String {
    const MASK: &str = "***";
    let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
    let mut shown = scheme.to_owned();
    // The last '@': an unescaped one may well be a part of the password.
    let rest = match rest.rsplit_once('@') {
        Some((login, rest)) => {
            match login.split_once(':') {
                Some((user, _)) => shown.extend([user, ":", MASK, "@"]),
                None => shown.extend([login, "@"]),
            }
            rest
        }
        None => rest,
    };
    let (rest, query) = split_query(rest);
    shown.push_str(rest);
    for (index, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let public = matches!(name, "db" | "user" | "protocol");
        let separator = if index == 0 { "?" } else { "&" };
        shown.extend([separator, name, "=", if public { value } else { MASK }]);
    }
    shown
}
