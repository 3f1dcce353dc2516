//! What the program can be told: every option, its default, and where its value came from.
//!
//! Owns the options ([`options`] is the one table that flags, variables, file keys and the
//! documentation are made from), the order of the layers, and the environment, which nothing else
//! in the program reads. What the options do is the matter of those who use [`Config`].

pub mod form;
mod host;
pub mod options;
pub mod redis_url;
pub mod value;

pub use options::Config;
pub use redis_url::RedisUrl;
pub use value::{Bind, Cors, LogFormat, LogLevel, RateLimit, Secret};

impl Config {
    /// The name of this instance, once the port is known.
    pub fn instance_name(&self, port: u16) -> String {
        if let Some(name) = &self.instance {
            return name.clone();
        }
        let host = host::name();
        match &self.bind {
            Bind::Ip(_) => format!("{host}:{port}"),
            Bind::Unix(path) => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                format!("{host}:{file}")
            }
        }
    }

    /// The limits of the broker.
    pub fn broker_limits(&self) -> broker::Limits {
        broker::Limits {
            append_wait: self.append_wait,
            append_queue_bytes: self.append_queue_bytes,
            delivery_queue: self.delivery_queue,
            room_entries: self.room_entries,
            room_age: self.room_age,
            partition_entries: self.partition_entries,
            partition_age: self.partition_age,
            id_window: self.id_window,
        }
    }

    /// The limits of the chat.
    pub fn chat_limits(&self) -> chat::Limits {
        chat::Limits {
            text_chars: self.text_max,
            name_chars: self.name_max,
            rooms_per_socket: self.rooms_per_socket,
            ..chat::Limits::default()
        }
    }
}

/// What the name of a variable begins with, before the key. Two underscores, since orchestrators
/// set variables like `PALABRE_PORT` on their own.
pub const VARIABLE_PREFIX: &str = "PALABRE__";
