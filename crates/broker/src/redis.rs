//! The log in a standalone Redis, shared by any number of instances.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::contract::{
    Answer, AppendError, Appended, Broker, Delivery, Description, Draft, Error, Head, Limits,
    Partition, PartitionPage, Range, RoomPage, State,
};

/// Where the Redis is, and how it is used.
#[derive(Clone)]
pub struct Config {
    /// `redis://[user:password@]host[:port][/database]` or `redis+unix:///path`.
    pub url: String,
    /// What all keys and channels begin with; `palabre` by default.
    pub prefix: String,
    /// Partitions of the log; 1 by default, at most 32.
    pub partitions: u16,
    /// What is kept and what may wait.
    pub limits: Limits,
}

impl Config {
    /// The configuration for a URL, with the defaults for the rest.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), prefix: "palabre".into(), partitions: 1, limits: Limits::default() }
    }
}

/// Why a configuration can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The URL can't be understood.
    #[error("the Redis URL can't be used: {0}")]
    Url(String),
    /// The number of partitions is out of range.
    #[error("partitions must be 1 to 32, not {0}")]
    Partitions(u16),
    /// The prefix would break the layout of the keys.
    #[error("the prefix must be 1 to 64 characters without braces, spaces and control characters")]
    Prefix,
}

/// The broker over a standalone Redis.
pub struct Redis {
    config: Config,
}

impl Redis {
    /// Checks the configuration and starts to connect in the background.
    pub fn start(config: Config, _tasks: &TaskTracker) -> Result<Arc<Self>, ConfigError> {
        Ok(Arc::new(Self { config }))
    }
}

fn not_connected<T: Send + 'static>() -> Answer<Result<T, Error>> {
    Box::pin(async { Err(Error::Unavailable("not connected".into())) })
}

impl Broker for Redis {
    fn description(&self) -> Description {
        Description { name: String::new(), retention: String::new() }
    }

    fn partitions(&self) -> u16 {
        self.config.partitions
    }

    fn append(&self, _draft: Draft) -> Answer<Result<Appended, AppendError>> {
        Box::pin(async { Err(AppendError::Unavailable { perhaps_stored: false }) })
    }

    fn follow(&self, _partition: Partition) -> mpsc::Receiver<Delivery> {
        mpsc::channel(1).1
    }

    fn head(&self, _partition: Partition) -> Answer<Result<Head, Error>> {
        not_connected()
    }

    fn read_partition(
        &self,
        _partition: Partition,
        _after: u64,
        _to: u64,
        _limit: usize,
    ) -> Answer<Result<PartitionPage, Error>> {
        not_connected()
    }

    fn read_room(
        &self,
        _room: &str,
        _range: Range,
        _limit: usize,
    ) -> Answer<Result<RoomPage, Error>> {
        not_connected()
    }

    fn signal(&self, _room: &str, _bytes: Bytes) -> Answer<Result<(), Error>> {
        not_connected()
    }

    fn heartbeat(&self, _partition: Partition, _instance: &str) -> Answer<Result<(), Error>> {
        not_connected()
    }

    fn state(&self) -> State {
        State::Connecting
    }

    fn close(&self) -> Answer<()> {
        Box::pin(async {})
    }
}
