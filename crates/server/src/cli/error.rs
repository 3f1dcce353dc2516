//! What is wrong with a command line, in one line.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::{
    ConfigError, nearest,
    options::{OPTIONS, find},
    redis_url::masked,
    shortened,
};

/// Why a command line is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line itself is wrong.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl CliError {
    /// What the program ends with where whoever started it can mend what is wrong.
    pub const EXIT_CODE: u8 = 2;

    /// What the program ends with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(Self::EXIT_CODE)
    }

    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// Says it in one line and without secrets, which clap does not.
    pub(super) fn from_clap(error: &clap::Error) -> Self {
        let context = |kind| text_of(error.get(kind));
        let arg = context(ContextKind::InvalidArg).unwrap_or_default();
        let name = arg.split([' ', '=']).next().unwrap_or_default();
        let value = context(ContextKind::InvalidValue).unwrap_or_default();
        let value = shortened(&masked(&value));
        Self::Usage(match error.kind() {
            ErrorKind::UnknownArgument if !name.starts_with('-') => {
                let arg = shortened(&masked(&arg));
                format!("'{arg}': unknown command or value without a flag (try --help)")
            }
            ErrorKind::UnknownArgument => unknown_flag(error, name),
            ErrorKind::InvalidSubcommand => {
                let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
                let near = context(ContextKind::SuggestedSubcommand)
                    .map_or(" (try --help)".into(), |near| format!(", did you mean '{near}'?"));
                format!("'{}': unknown command{near}", shortened(&masked(&word)))
            }
            ErrorKind::InvalidValue if value.is_empty() => format!("{name}: a value is needed"),
            ErrorKind::InvalidValue => {
                let words = context(ContextKind::ValidValue).unwrap_or_default();
                format!("{}: expected {words}, not '{value}'", bare(name))
            }
            ErrorKind::ValueValidation => {
                let reason = std::error::Error::source(error).map(ToString::to_string);
                let reason = reason.unwrap_or_else(|| "not understood".into());
                let shown = if reason.contains(&value) { "" } else { &format!(", not '{value}'") };
                format!("{}: {reason}{shown}", bare(name))
            }
            ErrorKind::ArgumentConflict => conflict(error, name),
            ErrorKind::NoEquals => format!("{name}: a value follows '=', as in {name}=false"),
            ErrorKind::InvalidUtf8 => "the command line is not UTF-8".into(),
            ErrorKind::MissingRequiredArgument => format!("{} is missing (try --help)", bare(name)),
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                "a command is missing (try --help)".into()
            }
            _ => first_line(error),
        })
    }
}

fn unknown_flag(error: &clap::Error, name: &str) -> String {
    let exists = name.strip_prefix("--").and_then(find);
    if exists.is_some_and(|option| !option.in_demo) {
        return format!("{name}: the demo does not have this option (serve has)");
    }
    if exists.is_some() || name == "--instances" {
        return format!("{name}: this command does not have this option (try --help)");
    }
    // Clap knows which flags this command has, and looks less far.
    let near = text_of(error.get(ContextKind::SuggestedArg)).or_else(|| {
        let near = nearest(name, OPTIONS, |option| format!("--{}", option.key));
        near.map(|option| format!("--{}", option.key))
    });
    let near = near.map_or(" (try --help)".into(), |near| format!(", did you mean {near}?"));
    format!("{}: unknown flag{near}", shortened(&masked(name)))
}

fn conflict(error: &clap::Error, name: &str) -> String {
    match text_of(error.get(ContextKind::PriorArg)) {
        Some(prior) if prior.split(' ').next() == Some(name) => format!("{name}: given twice"),
        _ => "options come after the command, as in: palabre serve --port 3001".into(),
    }
}

/// `<SHELL>` as `SHELL`.
fn bare(name: &str) -> &str {
    name.trim_start_matches('<').trim_end_matches('>')
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    shortened(&masked(line.strip_prefix("error: ").unwrap_or(line)))
}

fn text_of(value: Option<&ContextValue>) -> Option<String> {
    match value? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")).filter(|text| !text.is_empty()),
        _ => None,
    }
}
