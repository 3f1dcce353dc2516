//! The command line: which command was given, the configuration that goes with it, and how the
//! program ends.
//!
//! Options come from the table in [`crate::config::options`]; nothing is said about them here.
//! What commands do is the matter of [`crate::serve`] and of the load generator.

mod args;
mod error;
mod flags;
mod run;
mod trace;

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
};

use clap::{CommandFactory, FromArgMatches};

pub use error::CliError;
pub use run::main;

use crate::config::{
    Bind, Config, Loaded, Origin, Sources, colour_is_refused, environment, load, print,
};

use args::{Ask, ConfigAsk, DemoArgs, Line, TraceArgs};
use flags::Flags;
pub use trace::Trace;

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Run one instance.
    Serve(Box<Config>),
    /// Run several instances in one process, on one log in memory.
    Demo(Demo),
    /// Load a running server.
    Bench(loadtest::BenchArgs),
    /// Break servers while clients talk, and see whether the promises are kept.
    Chaos(loadtest::ChaosArgs),
    /// Show how an entry travelled.
    Trace(Trace),
    /// Print this text on standard output and end.
    Print(String),
}

/// Several instances in one process.
#[derive(Debug)]
pub struct Demo {
    /// What all of them are told. `port` is the first one's; the others follow it, except that 0
    /// picks free ones. There is no Redis, and the log is ephemeral: they share one in memory.
    pub config: Box<Config>,
    /// How many: at least one.
    pub instances: u16,
}

/// Reads the command line of this process (its name first), and its environment.
///
/// # Errors
/// Whatever ends the program with exit code 2.
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Command, CliError> {
    parse_with(line, Sources { environment: environment(), ..Sources::default() })
}

/// As [`parse`], with the environment and the default file that `sources` names.
///
/// # Errors
/// Whatever ends the program with exit code 2.
pub fn parse_with(
    line: impl IntoIterator<Item = OsString>,
    sources: Sources,
) -> Result<Command, CliError> {
    let parsed =
        Line::command().try_get_matches_from(line).and_then(|m| Line::from_arg_matches(&m));
    let line = match parsed {
        Ok(line) => line,
        Err(error) if !error.use_stderr() => return Ok(Command::Print(styled(&error))),
        Err(error) => return Err(CliError::from_clap(&error)),
    };
    match line.ask {
        None => serve(line.serve.0, sources),
        Some(Ask::Serve(flags)) => serve(flags.0, sources),
        Some(Ask::Demo(demo)) => self::demo(demo, sources),
        Some(Ask::Bench(bench)) => Ok(Command::Bench(bench)),
        Some(Ask::Chaos(chaos)) => Ok(Command::Chaos(chaos)),
        Some(Ask::Trace(trace)) => self::trace(trace, sources),
        Some(Ask::Config { ask }) => config(ask, sources),
        Some(Ask::Completions { shell }) => Ok(Command::Print(completions(shell))),
        Some(Ask::Man { command }) => man(command.as_deref()),
    }
}

fn serve(flags: Flags, sources: Sources) -> Result<Command, CliError> {
    Ok(Command::Serve(Box::new(loaded(flags, sources)?.config)))
}

fn demo(demo: DemoArgs, sources: Sources) -> Result<Command, CliError> {
    let defaults = Config { ephemeral: true, ..Config::default() };
    let sources = Sources { applies: |option| option.in_demo, defaults, ..sources };
    let loaded = loaded(demo.flags.0, sources)?;
    let instances = demo.instances;
    let port = loaded.config.port;
    let on_ports = matches!(loaded.config.bind, Bind::Ip(_)) && port != 0;
    if on_ports && port.checked_add(instances - 1).is_none() {
        return Err(CliError::usage(format!(
            "--instances: there are no {instances} ports from {port} on"
        )));
    }
    let config = Box::new(loaded.config);
    Ok(Command::Demo(Demo { config, instances }))
}

fn trace(args: TraceArgs, sources: Sources) -> Result<Command, CliError> {
    let TraceArgs { room, offset, url, token, json } = args;
    let token = match token {
        Some(token) => Some(token),
        None => loaded(Flags::default(), sources)?.config.admin_token.map(|t| t.expose().into()),
    };
    let token = token.ok_or_else(|| {
        CliError::usage(
            "trace: a token is needed: admin-token in the file, PALABRE__ADMIN_TOKEN, or --token",
        )
    })?;
    Ok(Command::Trace(Trace { room, offset, url, token, json }))
}

fn config(ask: ConfigAsk, sources: Sources) -> Result<Command, CliError> {
    let text = match ask {
        ConfigAsk::Check(flags) => valid(&loaded(flags.0, sources)?),
        ConfigAsk::Print(flags) => print::as_file(&loaded(flags.0, sources)?),
        ConfigAsk::Docs => print::as_documentation(),
    };
    Ok(Command::Print(text))
}

fn loaded(flags: Flags, sources: Sources) -> Result<Loaded, CliError> {
    Ok(load(&Sources { file: flags.file, flags: flags.set, ..sources })?)
}

/// That all is well, and what was looked at.
fn valid(loaded: &Loaded) -> String {
    let file = loaded.file.iter().map(|path| path.display().to_string());
    let others = loaded.options().filter_map(|(_, origin)| match origin {
        Origin::Variable(_) | Origin::Flag(_) => Some(origin.to_string()),
        Origin::Default | Origin::File(..) => None,
    });
    let sources: Vec<String> = file.chain(others).collect();
    if sources.is_empty() {
        return "The configuration is valid: all options have their defaults.\n".into();
    }
    format!("The configuration is valid: {}.\n", sources.join(", "))
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Line::command(), "palabre", &mut script);
    String::from_utf8(script).expect("scripts are made of UTF-8")
}

fn man(command: Option<&str>) -> Result<Command, CliError> {
    let mut line = Line::command();
    line.build();
    let page = match command {
        None => line,
        Some(name) => match line.find_subcommand(name) {
            Some(found) if !found.is_hide_set() => found.clone(),
            _ => return Err(CliError::usage(format!("man: there is no command '{name}'"))),
        },
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text).expect("memory can be written");
    Ok(Command::Print(String::from_utf8(text).expect("manuals are made of UTF-8")))
}

/// Help and version, with colours where they are looked at.
fn styled(text: &clap::Error) -> String {
    let rendered = text.render();
    if io::stdout().is_terminal() && !colour_is_refused() {
        return rendered.ansi().to_string();
    }
    rendered.to_string()
}
