//! What the program can be told: every option, its default, and where its value came from.
//!
//! Owns the options ([`options`] is the one table that flags, variables, file keys and the
//! documentation are made from), the order of the layers, and the environment, which nothing else
//! in the program reads. What the options do is the matter of those who use [`Config`].

mod check;
pub mod error;
pub mod form;
pub mod layers;
pub mod logging;
pub mod options;
pub mod print;
pub mod redis_url;
pub mod value;
mod words;

use std::ffi::OsString;

pub use error::ConfigError;
pub use layers::{Loaded, Origin, Sources, load};
pub use options::Config;
pub use redis_url::RedisUrl;
pub use value::{Bind, Cors, LogFormat, LogLevel, RateLimit, Secret};
pub(crate) use words::{nearest, shortened};

/// The environment of this process. Nothing else in the program reads it.
pub fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// Whether whoever started the program wants no colours.
pub fn colour_is_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// What the name of a variable begins with, before the key. Two underscores, since orchestrators
/// set variables like `PALABRE_PORT` on their own.
pub const VARIABLE_PREFIX: &str = "PALABRE__";
