//! Where log lines go and what they look like: standard error, for people or as JSON.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use super::{Config, LogFormat, LogLevel};

/// Starts logging for the whole process.
///
/// # Errors
/// Something else in the process has started it before.
pub fn start(config: &Config) -> Result<(), TryInitError> {
    let colour = io::stderr().is_terminal() && !super::colour_is_refused();
    subscriber(config, colour, io::stderr).try_init()
}

/// What writes the lines, to `writer`.
fn subscriber<W>(config: &Config, colour: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer::<Registry>().with_writer(writer);
    let lines = match config.log {
        LogFormat::Text => lines.with_ansi(colour).boxed(),
        // Their fields at the top, where log stores look for them.
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    Registry::default().with(lines.with_filter(targets(&config.log_level)))
}

fn targets(level: &LogLevel) -> Targets {
    let mut words = level.as_str().split(',');
    let filter = |word: &str| word.parse::<LevelFilter>().expect("a LogLevel has levels only");
    let least = Targets::new().with_default(filter(words.next().unwrap_or("info")));
    let pairs = words.filter_map(|word| word.split_once('='));
    least.with_targets(pairs.map(|(part, level)| (part.to_owned(), filter(level))))
}
