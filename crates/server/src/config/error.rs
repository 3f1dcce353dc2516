//! What can be wrong with a configuration, each in one line that names its source.

use std::{fmt::Write as _, io, path::PathBuf};

use super::{
    VARIABLE_PREFIX,
    form::{Fault, plain},
    layers::{FILE_KEY, Origin},
    options::{OPTIONS, Opt},
    redis_url::masked,
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
        let mut message = format!("unknown variable (those that begin with {VARIABLE_PREFIX} are");
        message.push_str(" options)");
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

/// The candidate whose name is so near to a word that it may have been meant.
pub fn nearest<'a, T>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a T>,
    name: impl Fn(&T) -> String,
) -> Option<&'a T> {
    let word = word.to_lowercase().replace('_', "-");
    let with_distance = candidates.into_iter().map(|candidate| {
        let name = name(candidate).to_lowercase().replace('_', "-");
        // One slip for every three letters, of the part that differs between the candidates.
        let letters = name.strip_prefix("palabre--").unwrap_or(&name).len();
        (edit_distance(&word, &name), letters.div_ceil(3), candidate)
    });
    let near = with_distance.filter(|(distance, allowed, _)| distance <= allowed);
    near.min_by_key(|(distance, ..)| *distance).map(|(.., candidate)| candidate)
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn edit_distance(from: &str, to: &str) -> usize {
    const LETTERS_MAX: usize = 64;
    let from: Vec<char> = from.chars().take(LETTERS_MAX).collect();
    let to: Vec<char> = to.chars().take(LETTERS_MAX).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped =
                row > 0 && column > 0 && from[row - 1] == *other && to[column - 1] == *letter;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

/// Fit for one line of a terminal.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let odd =
        |c: char| c.is_control() || matches!(c, '\u{200E}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let mut line = String::new();
    for c in text.chars().take(CHARS_MAX) {
        if odd(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        line.push('…');
    }
    line
}

fn prefix(origin: &str) -> String {
    if origin.is_empty() { String::new() } else { format!("{origin}: ") }
}
