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
    // A reader of standard error that has gone away must not bring the program down, which a
    // complaint about it on standard error would.
    let lines = fmt::layer::<Registry>().with_writer(writer).log_internal_errors(false);
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

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Arc};

    use parking_lot::Mutex;
    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written when something of each level happens.
    fn logged(config: &Config, colour: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(config, colour, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "hub", "fell over");
            tracing::info!(target: "hub::shard", room = "agora", "went on");
            tracing::debug!(target: "gateway", "looked around");
        });
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn config(log: LogFormat, level: &str) -> Config {
        Config { log, log_level: level.parse().unwrap(), ..Config::default() }
    }

    #[test]
    fn only_what_was_asked_for_is_written() {
        let cases = [
            ("off", vec![]),
            ("error", vec!["fell over"]),
            ("info", vec!["fell over", "went on"]),
            ("debug", vec!["fell over", "went on", "looked around"]),
            ("info,hub=error", vec!["fell over"]),
            ("off,gateway=trace,hub::shard=info", vec!["went on", "looked around"]),
        ];
        for (level, want) in cases {
            let text = logged(&config(LogFormat::Text, level), false);
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), want.len(), "{level}: {text}");
            for (line, want) in lines.iter().zip(want) {
                assert!(line.contains(want), "{level}: {line}");
            }
        }
    }

    #[test]
    fn json_has_one_object_a_line_with_its_fields() {
        let text = logged(&config(LogFormat::Json, "info"), true);
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[1]["message"], "went on");
        assert_eq!(lines[1]["room"], "agora");
        assert_eq!(lines[1]["level"], "INFO");
        assert_eq!(lines[1]["target"], "hub::shard");
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let config = config(LogFormat::Text, "info");
        assert!(logged(&config, true).contains('\u{1b}'));
        assert!(!logged(&config, false).contains('\u{1b}'));
    }
}
