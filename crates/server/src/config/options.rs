//! The table of options: for each one, in one place, its name, what it does, its default and how
//! it is written. [`Config`], the flags, the variables, the keys of the file and
//! `docs/configuration.md` are all made from it.

use std::{path::PathBuf, time::Duration};

use chat::RoomKey;

use super::{
    RedisUrl,
    form::{
        Bytes, Checked, Choice, Count, Directory, Fault, Form, Maybe, NewDirectory, Shape, Shown,
        Span, Switch, itself,
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
    /// Engine.IO's and Socket.IO's own settings.
    Protocol,
    /// How much may wait where.
    Queues,
}

impl Group {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Listening, Self::Keeping, Self::Chat, Self::Logging, Self::Protocol, Self::Queues];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Keeping => "Keeping messages",
            Self::Chat => "Chat",
            Self::Logging => "Logging",
            Self::Protocol => "Connections",
            Self::Queues => "Queues",
        }
    }

    /// Whether its options are for few: `-h` leaves them out, `--help` shows them.
    pub fn is_for_experts(self) -> bool {
        matches!(self, Self::Protocol | Self::Queues)
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
    /// Reads a value into a configuration.
    pub set: fn(&mut Config, &str) -> Result<(), Fault>,
    /// Shows its value in a configuration.
    pub show: fn(&Config) -> Shown,
    /// What a command line has to know about its value.
    pub shape: fn() -> Shape,
}

/// Names one option per paragraph: documentation, field, type, default, form of writing, key,
/// name of the value, and what an unset one means.
macro_rules! options {
    ($(
        $group:ident:
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty = $default:expr, $form:expr, $key:literal, $value_name:literal
        $(, unset: $unset:literal)?;
    )+) => {
        /// Everything that `palabre serve` can be told.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        /// All options, in the order in which they are shown.
        pub static OPTIONS: &[Opt] = &[ $(
            Opt {
                key: $key,
                field: stringify!($field),
                group: Group::$group,
                value_name: $value_name,
                doc: concat!($($doc, "\n"),+),
                unset: concat!($($unset)?),
                set: |config, text| {
                    config.$field = ($form).parse(text)?;
                    Ok(())
                },
                show: |config| ($form).show(&config.$field),
                shape: || ($form).shape(),
            },
        )+ ];
    };
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const INSTANT: Duration = Duration::from_millis(10);
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

options! {
    Listening:
    /// Address to listen on: IPv4, IPv6, or unix:PATH for a Unix socket.
    bind: Bind = Bind::default(), itself::<Bind>(), "bind", "ADDRESS";

    Listening:
    /// Port to listen on; 0 picks a free one.
    port: u16 = 3000, Count(0..=u16::MAX), "port", "PORT";

    Listening:
    /// Path under which everything is served, where a proxy puts it elsewhere than at the root.
    base_path: String = "/".into(), Checked(base_path), "base-path", "PATH";

    Listening:
    /// Folder whose files are served in the place of the built-in page.
    public: Option<PathBuf> = None, Maybe(Directory), "public", "DIR",
    unset: "the built-in page";

    Listening:
    /// Origins whose pages may talk to this server; repeatable, or with commas; * for all.
    cors: Cors = Cors::Off, Origins, "cors", "ORIGIN",
    unset: "only pages of this server";

    Listening:
    /// Name of this instance: letters, digits, '-', '_', '.', ':'.
    instance: Option<String> = None, Maybe(Checked(instance)), "instance", "NAME",
    unset: "host name and port";

    Keeping:
    /// Redis that the instances share, by TCP or a Unix socket; `palabre help serve` shows both.
    redis: Option<RedisUrl> = None, Maybe(Server), "redis", "URL",
    unset: "the embedded log, one instance";

    Keeping:
    /// Prefix of all keys and channels in Redis; instances with the same one belong together.
    redis_prefix: String = "palabre".into(), Checked(prefix), "redis-prefix", "NAME";

    Keeping:
    /// Folder of the embedded log; unused with Redis.
    data: PathBuf = "./palabre-data".into(), NewDirectory, "data", "DIR";

    Keeping:
    /// Keeps the embedded log in memory only; unused with Redis.
    ephemeral: bool = false, Switch, "ephemeral", "";

    Keeping:
    /// Entries kept for each room.
    room_entries: u64 = retention().room_entries, Count(100..=100_000_000), "room-entries", "N";

    Keeping:
    /// How long the entries of a room are kept.
    room_age: Duration = retention().room_age, Span(MINUTE..=DAY * 36_500), "room-age", "TIME";

    Keeping:
    /// Entries kept over all rooms, for clients that come back and for repair.
    partition_entries: u64 = retention().partition_entries, Count(1_000..=100_000_000),
    "partition-entries", "N";

    Keeping:
    /// How long entries are kept for clients that come back and for repair.
    partition_age: Duration = retention().partition_age, Span(MINUTE..=DAY * 36_500),
    "partition-age", "TIME";

    Keeping:
    /// How long the id of a message is remembered, so that sending it again stores it once.
    id_window: Duration = retention().id_window, Span(MINUTE..=DAY * 365), "id-window", "TIME";

    Chat:
    /// Room that plain Socket.IO clients are in.
    lobby: RoomKey = RoomKey::parse("general").expect("it is a room key"), Room, "lobby", "ROOM";

    Chat:
    /// Key that signs the tokens of guests; at least 16 characters. Better set by variable than by
    /// flag, which others on the machine can read.
    secret: Option<Secret> = None, Maybe(Hidden), "secret", "TEXT",
    unset: "made once and kept in the log's store";

    Chat:
    /// Limits on how fast one may send; none is for measuring.
    rate_limit: RateLimit = RateLimit::Default,
    Choice(&[("default", RateLimit::Default), ("none", RateLimit::None)]),
    "rate-limit", "RULE";

    Chat:
    /// Characters of a message at most.
    text_max: usize = chat::Limits::default().text_chars, Count(1..=100_000), "text-max", "N";

    Chat:
    /// Characters of a display name at most.
    name_max: usize = chat::Limits::default().name_chars, Count(1..=200), "name-max", "N";

    Chat:
    /// Rooms that one connection may be in.
    rooms_per_socket: usize = chat::Limits::default().rooms_per_socket, Count(1..=10_000),
    "rooms-per-socket", "N";

    Logging:
    /// Form of the log lines on standard error.
    log: LogFormat = LogFormat::Text,
    Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
    "log", "FORM";

    Logging:
    /// Least level that is written: off, error, warn, info, debug or trace; other levels for parts
    /// may follow (info,gateway=debug).
    log_level: LogLevel = LogLevel::default(), itself::<LogLevel>(), "log-level", "LEVEL";

    Protocol:
    /// Time between two pings to a client.
    ping_interval: Duration = SECOND * 25, Span(INSTANT..=HOUR), "ping-interval", "TIME";

    Protocol:
    /// How long a client may take to answer a ping.
    ping_timeout: Duration = SECOND * 20, Span(INSTANT..=HOUR), "ping-timeout", "TIME";

    Protocol:
    /// How long the upgrade from polling to WebSocket may take.
    upgrade_timeout: Duration = SECOND * 10, Span(INSTANT..=HOUR), "upgrade-timeout", "TIME";

    Protocol:
    /// How long a session may stay without joining a namespace.
    connect_timeout: Duration = SECOND * 45, Span(INSTANT..=HOUR), "connect-timeout", "TIME";

    Protocol:
    /// Size of a client's message or polling request at most.
    max_payload: usize = 1_000_000, Bytes(KIB..=GIB), "max-payload", "SIZE";

    Protocol:
    /// Binary attachments of one packet at most.
    max_attachments: usize = 10, Count(0..=1_000), "max-attachments", "N";

    Protocol:
    /// Sessions at most; further ones are refused.
    sessions_max: usize = 100_000, Count(1..=10_000_000), "sessions-max", "N";

    Protocol:
    /// Time over which connections are closed when the server stops.
    drain_window: Duration = SECOND * 2, Span(Duration::ZERO..=HOUR), "drain-window", "TIME";

    Queues:
    /// Tasks that write to the connections.
    shards: Option<usize> = None, Maybe(Count(1..=1_024)), "shards", "N",
    unset: "one for each core";

    Queues:
    /// Bytes that may wait for one connection before it counts as too slow.
    outbox_bytes: usize = MIB, Bytes(64 * KIB..=GIB), "outbox-bytes", "SIZE";

    Queues:
    /// Bytes that may wait for one connection while it joins a room.
    held_bytes: usize = MIB, Bytes(64 * KIB..=GIB), "held-bytes", "SIZE";

    Queues:
    /// How long a message may wait for the log before its sender gets an error.
    append_wait: Duration = retention().append_wait, Span(INSTANT..=MINUTE * 10),
    "append-wait", "TIME";

    Queues:
    /// Bytes of messages that may wait for the log.
    append_queue_bytes: usize = retention().append_queue_bytes, Bytes(MIB..=16 * GIB),
    "append-queue-bytes", "SIZE";

    Queues:
    /// Entries from the log that may wait to be handed on before they are read again.
    delivery_queue: usize = retention().delivery_queue, Count(16..=10_000_000),
    "delivery-queue", "N";
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

fn retention() -> broker::Limits {
    broker::Limits::default()
}

/// [`Cors`] that is shown as unset where it is off.
struct Origins;

impl Form for Origins {
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
