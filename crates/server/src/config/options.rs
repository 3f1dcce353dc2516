//! What an option is. All of them stand in one table, [`table`](self::table), from which
//! [`Config`], the flags, the variables, the keys of the file and `docs/configuration.md` are made.

use std::{net::SocketAddr, path::PathBuf, sync::LazyLock, time::Duration};

use chat::RoomKey;

use super::{
    RedisUrl,
    form::{
        Bytes, Checked, Choice, Count, Directory, Fault, Form, Maybe, NewDirectory, OrAll, Shape,
        Shown, Span, Switch, itself,
    },
    value::{Bind, Cors, LogFormat, LogLevel, RateLimit, Secret},
};

/// A heading under which options stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Where it listens and what it serves.
    Listening,
    /// Where the log is, and how long entries are kept.
    Keeping,
    /// The chat itself.
    Chat,
    /// What the log lines look like.
    Logging,
    /// How connections are treated.
    Connections,
    /// How much there may be of what.
    Limits,
}

impl Group {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Listening,
        Self::Keeping,
        Self::Chat,
        Self::Logging,
        Self::Connections,
        Self::Limits,
    ];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Keeping => "Keeping messages",
            Self::Chat => "Chat",
            Self::Logging => "Logging",
            Self::Connections => "Connections",
            Self::Limits => "Limits",
        }
    }

    /// Whether its options are for few: `-h` leaves them out, `--help` shows them.
    pub fn is_for_experts(self) -> bool {
        matches!(self, Self::Connections | Self::Limits)
    }
}

/// One option, for the code that treats all of them alike.
pub struct Opt {
    /// Its name: the key in the file; with `--` before it the flag.
    pub key: &'static str,
    /// The field of [`Config`].
    pub field: &'static str,
    /// The heading under which it stands.
    pub group: Group,
    /// What its value is called in the help.
    pub value_name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What happens where it has no value and no default, in words.
    pub unset: &'static str,
    /// Whether `demo` has it too.
    pub in_demo: bool,
    /// Reads a value into a configuration.
    pub set: fn(&mut Config, &str) -> Result<(), Fault>,
    /// Shows its value in a configuration.
    pub show: fn(&Config) -> Shown,
    /// Which values there are, in words; empty where its description says it.
    pub allowed: fn() -> String,
    /// What a command line has to know about its value.
    pub shape: fn() -> Shape,
}

/// Makes [`Config`] and [`OPTIONS`] from the table.
macro_rules! options {
    ($( $group:ident { $(
        $(#[doc = $doc:literal])+
        $key:literal $field:ident: $type:ty = $default:expr, $form:expr, $value_name:literal
        $(, unset: $unset:literal)? $(, in_demo: $in_demo:literal)?;
    )+ } )+) => {
        use super::*;

        /// Everything that `palabre serve` can be told.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $( $( $(#[doc = $doc])+ pub $field: $type, )+ )+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $( $( $field: $default, )+ )+ }
            }
        }

        /// All options, in the order in which they are shown.
        pub static OPTIONS: &[Opt] = &[ $( $(
            Opt {
                key: $key,
                field: stringify!($field),
                group: Group::$group,
                value_name: $value_name,
                doc: concat!($($doc, "\n"),+),
                unset: concat!($($unset)?),
                in_demo: true $(&& $in_demo)?,
                set: |config, text| {
                    config.$field = ($form).parse(text)?;
                    Ok(())
                },
                show: |config| ($form).show(&config.$field),
                allowed: || ($form).allowed(),
                shape: || ($form).shape(),
            },
        )+ )+ ];
    };
}

mod table;

pub use table::{Config, OPTIONS};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const CENTURY: Duration = Duration::from_hours(24 * 365 * 100);
const INSTANT: Duration = Duration::from_millis(10);
const KIB: usize = 1 << 10;
const GIB: usize = 1 << 30;

/// What is kept in Redis and in memory.
static KEPT: LazyLock<broker::Limits> = LazyLock::new(broker::Limits::default);

fn gateway() -> gateway::Config {
    gateway::Config::default()
}

/// The option of that name.
pub fn find(key: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.key == key)
}

impl Opt {
    /// The variable that sets it, beside others that the platform may set.
    pub fn variable(&self) -> String {
        format!("{}{}", super::VARIABLE_PREFIX, self.key.replace('-', "_").to_uppercase())
    }

    /// What it does, as one line.
    pub fn summary(&self) -> String {
        self.doc.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Its default, or what happens without a value, in words.
    pub fn default_in_words(&self) -> String {
        match (self.show)(&Config::default()) {
            Shown::Text(text) | Shown::Bare(text) => text,
            Shown::Unset | Shown::Hidden(_) => self.unset.to_owned(),
        }
    }
}

/// [`Cors`] that is shown as unset where it is off.
struct OriginList;

impl Form for OriginList {
    type Value = Cors;

    fn parse(&self, text: &str) -> Result<Cors, Fault> {
        text.parse()
    }

    fn show(&self, value: &Cors) -> Shown {
        if *value == Cors::Off { Shown::Unset } else { Shown::Text(value.to_string()) }
    }

    fn shape(&self) -> Shape {
        Shape::Several
    }
}

/// A [`RedisUrl`], hidden where it has a password.
struct Server;

impl Form for Server {
    type Value = RedisUrl;

    fn parse(&self, text: &str) -> Result<RedisUrl, Fault> {
        text.parse()
    }

    fn show(&self, value: &RedisUrl) -> Shown {
        let text = value.to_string();
        if value.has_password() { Shown::Hidden(text) } else { Shown::Text(text) }
    }
}

/// A [`Secret`].
struct Hidden;

impl Form for Hidden {
    type Value = Secret;

    fn parse(&self, text: &str) -> Result<Secret, Fault> {
        text.parse()
    }

    fn show(&self, _: &Secret) -> Shown {
        Shown::Hidden("***".into())
    }

    fn allowed(&self) -> String {
        format!("at least {} characters", Secret::BYTES_MIN)
    }
}

/// An IP address and a port.
struct AddressAndPort;

impl Form for AddressAndPort {
    type Value = SocketAddr;

    fn parse(&self, text: &str) -> Result<SocketAddr, Fault> {
        let expected = "an IP address and a port, like 10.0.0.5:7400 or [::1]:7400";
        text.parse().map_err(|_| Fault::expected(expected))
    }

    fn show(&self, value: &SocketAddr) -> Shown {
        Shown::Text(value.to_string())
    }
}

/// A [`RoomKey`].
struct Room;

impl Form for Room {
    type Value = RoomKey;

    fn parse(&self, text: &str) -> Result<RoomKey, Fault> {
        RoomKey::parse(text).map_err(|refusal| Fault::because(refusal.message))
    }

    fn show(&self, value: &RoomKey) -> Shown {
        Shown::Text(value.to_string())
    }
}

/// Makes it begin and end with a slash.
fn base_path(text: &str) -> Result<String, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let inner = text.strip_prefix('/').unwrap_or(text);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let part_fits = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(fits);
    if inner.is_empty() && !text.is_empty() {
        return Ok("/".into());
    }
    if inner.split('/').all(part_fits) {
        return Ok(format!("/{inner}/"));
    }
    Err(Fault::expected("a path like /chat/ (letters, digits, '-', '.', '_', '~')"))
}

/// A name or an address, and a port.
fn host_and_port(text: &str) -> Result<String, Fault> {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name(host, "-_.", 253).is_ok(),
    };
    if host_fits && port.parse::<std::num::NonZeroU16>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(Fault::expected("a host and a port, like palabre-1:7400"))
}

fn instance(text: &str) -> Result<String, Fault> {
    name(text, "-_.:", 128)
}

fn prefix(text: &str) -> Result<String, Fault> {
    name(text, "-_.:", 64)
}

fn name(text: &str, others: &str, chars_max: usize) -> Result<String, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    if (1..=chars_max).contains(&text.len()) && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    let list: Vec<String> = others.chars().map(|c| format!("'{c}'")).collect();
    let list = list.join(", ");
    Err(Fault::expected(format!("1 to {chars_max} letters, digits, {list}")))
}
