//! The types of options that are more than a number or a text. Each reads itself with `FromStr`
//! and writes itself with `Display`; one that holds a secret never shows it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    str::FromStr,
};

use super::form::Fault;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// A TCP address; the port is an option of its own.
    Ip(IpAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Default for Bind {
    fn default() -> Self {
        Self::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl FromStr for Bind {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(Fault::expected("a path after 'unix:'")),
                _ => Ok(Self::Unix(path.into())),
            };
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Ip(address));
        }
        if text.parse::<std::net::SocketAddr>().is_ok() {
            return Err(Fault::expected("an address without a port (the port is an option, port)"));
        }
        if text.eq_ignore_ascii_case("localhost") {
            return Err(Fault::expected("an IP address: 127.0.0.1 or ::1"));
        }
        Err(Fault::expected("an IP address or unix:PATH"))
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Which pages of other origins may talk to this instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// Only those served by this instance: no CORS headers are sent.
    #[default]
    Off,
    /// All of them.
    Any,
    /// These, each `scheme://host[:port]` in lower case.
    Only(Vec<String>),
}

impl FromStr for Cors {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let listed: Vec<&str> =
            text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect();
        match listed[..] {
            [] => Ok(Self::Off),
            ["*"] => Ok(Self::Any),
            _ => Ok(Self::Only(listed.into_iter().map(origin).collect::<Result<_, _>>()?)),
        }
    }
}

impl fmt::Display for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => Ok(()),
            Self::Any => f.write_str("*"),
            Self::Only(origins) => f.write_str(&origins.join(",")),
        }
    }
}

fn origin(text: &str) -> Result<String, Fault> {
    if text == "*" {
        return Err(Fault::because("'*' stands alone: it already allows every origin"));
    }
    let (scheme, authority) = text.split_once("://").unwrap_or_default();
    let scheme_fits = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https");
    let host_fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if scheme_fits && !authority.is_empty() && authority.chars().all(host_fits) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Fault::expected("origins like https://chat.example:8443 (no path, no '/' at the end)"))
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// The fewest bytes that a secret has.
    pub const BYTES_MIN: usize = 16;

    /// The secret itself, for the code that signs with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if text.len() < Self::BYTES_MIN {
            let least = Self::BYTES_MIN;
            return Err(Fault::because(format!("a secret has at least {least} characters")));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

/// Which limits on the rate of commands are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimit {
    /// Those for people.
    #[default]
    Default,
    /// None: for measuring.
    None,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Which log lines are written: a level, and perhaps other levels for some parts of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(Box<str>);

impl LogLevel {
    /// The levels, quietest first.
    pub const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

    /// The filter as text: `info` or `info,gateway=debug`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self("info".into())
    }
}

impl FromStr for LogLevel {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let level = |word: &str| Self::LEVELS.contains(&word);
        let part = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c))
        };
        let mut words = text.split(',');
        let valid = words.next().is_some_and(level)
            && words.all(|word| {
                word.split_once('=').is_some_and(|(name, word)| part(name) && level(word))
            });
        if valid {
            return Ok(Self(text.into()));
        }
        Err(Fault::expected(format!(
            "one of {}, perhaps followed by levels of parts (info,gateway=debug)",
            Self::LEVELS.join(", ")
        )))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
