//! What can be wrong with a configuration, each in one line that names its source.

use std::{fmt::Write as _, io, path::PathBuf};

use super::{
    VARIABLE_PREFIX,
    form::{Fault, plain},
    layers::{FILE_KEY, Origin},
    options::{OPTIONS, Opt},
    redis_url::masked,
    words::{nearest, shortened},
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{}{}: {}", prefix(origin), path.display(), plain(error))]
    Unreadable {
        /// The flag or variable that named it; empty for the default file.
        origin: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A variable is not UTF-8.
    #[error("{origin}: the value is not UTF-8")]
    NotText {
        /// The variable.
        origin: String,
    },
    /// The file is not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// File and line.
        origin: String,
        /// What the parser said.
        message: String,
    },
    /// There is no such option.
    #[error("{origin}: {message}")]
    Unknown {
        /// File and line, or the variable.
        origin: String,
        /// What is unknown, and what may have been meant.
        message: String,
    },
    /// A value is wrong.
    #[error("{origin}: {message}")]
    Value {
        /// File and line, variable, or flag.
        origin: String,
        /// What is wrong with it.
        message: String,
    },
    /// Two values that can't be together.
    #[error("{0}")]
    Clash(String),
}

impl ConfigError {
    pub(super) fn syntax(origin: &Origin, message: &str) -> Self {
        let message = message.lines().collect::<Vec<_>>().join(", ");
        Self::Syntax { origin: origin.to_string(), message: format!("not TOML: {message}") }
    }

    pub(super) fn unknown_key(origin: &Origin, key: &str) -> Self {
        let mut message = format!("unknown key '{}'", shortened(key));
        if key == FILE_KEY {
            message.push_str(": a file can't name another one");
        } else if let Some(option) = nearest(key, OPTIONS, |option| option.key.to_owned()) {
            let _ = write!(message, ", did you mean '{}'?", option.key);
        }
        Self::Unknown { origin: origin.to_string(), message }
    }

    pub(super) fn unknown_variable(name: &str) -> Self {
        let mut message =
            format!("unknown variable (those that begin with {VARIABLE_PREFIX} are options)");
        if let Some(option) = nearest(name, OPTIONS, Opt::variable) {
            let _ = write!(message, ", did you mean {}?", option.variable());
        }
        Self::Unknown { origin: shortened(name), message }
    }

    pub(super) fn value(origin: &Origin, option: &Opt, text: &str, fault: Fault) -> Self {
        let message = match fault {
            Fault::Because(reason) => reason,
            Fault::Expected(what) if text.is_empty() => format!("expected {what}"),
            Fault::Expected(what) => format!("expected {what}, not '{}'", shortened(&masked(text))),
        };
        // Flags and variables name the option; a line of a file does not.
        let message = match origin {
            Origin::File(..) => format!("{}: {message}", option.key),
            _ => message,
        };
        Self::Value { origin: origin.to_string(), message }
    }
}

fn prefix(origin: &str) -> String {
    if origin.is_empty() { String::new() } else { format!("{origin}: ") }
}
