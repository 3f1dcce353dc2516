//! Carrying out the command line, and what the program ends with: 0 if all went well, 2 for what
//! whoever started it can mend, 1 for the rest.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use loadtest::{BenchArgs, ChaosArgs};
use tokio::runtime;

use super::{CliError, Command, Demo, parse};
use crate::{
    StartError,
    config::{Config, logging},
    serve,
};

/// The program.
pub fn main() -> ExitCode {
    match parse(std::env::args_os()) {
        Ok(Command::Serve(config)) => run(*config, serve::serve),
        Ok(Command::Demo(Demo { config, instances })) => {
            run(*config, async |config| serve::demo(config, instances).await)
        }
        Ok(Command::Bench(args)) => bench(&args),
        Ok(Command::Chaos(args)) => chaos(args),
        Ok(Command::Trace(trace)) => match on_runtime(trace.text()) {
            Ok(Ok(text)) => print(&text),
            Ok(Err(error)) => failed(&error, ExitCode::FAILURE),
            Err(error) => failed(&error, ExitCode::FAILURE),
        },
        Ok(Command::Print(text)) => print(&text),
        Err(error) => failed(&error, error.exit_code()),
    }
}

fn run(config: Config, serve: impl AsyncFnOnce(Config) -> Result<(), StartError>) -> ExitCode {
    if let Err(error) = logging::start(&config) {
        return failed(&error, ExitCode::FAILURE);
    }
    match on_runtime(serve(config)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&error, ExitCode::from(CliError::EXIT_CODE)),
        Err(error) => failed(&error, ExitCode::FAILURE),
    }
}

/// A server that broke a promise is no success, so that scripts notice.
fn bench(args: &BenchArgs) -> ExitCode {
    if args.worker {
        return match loadtest::work() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&format_args!("{error:#}"), ExitCode::FAILURE),
        };
    }
    let report = match loadtest::bench(args) {
        Ok(report) => report,
        Err(error) => return failed(&format_args!("{error:#}"), ExitCode::from(2)),
    };
    let text = match serde_json::to_string(&report) {
        Ok(json) if args.json => json,
        _ => report.to_string(),
    };
    let printed = print(&format!("{text}\n"));
    if report.is_clean() { printed } else { ExitCode::FAILURE }
}

/// A broken promise is no success either.
fn chaos(args: ChaosArgs) -> ExitCode {
    let as_json = args.json;
    let verdicts = match on_runtime(loadtest::chaos(args)) {
        Ok(Ok(verdicts)) => verdicts,
        Ok(Err(error)) => return failed(&format_args!("{error:#}"), ExitCode::from(2)),
        Err(error) => return failed(&error, ExitCode::FAILURE),
    };
    let text = match serde_json::to_string(&verdicts) {
        Ok(json) if as_json => json,
        _ => verdicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    let printed = print(&format!("{text}\n"));
    if verdicts.iter().all(|verdict| verdict.kept) { printed } else { ExitCode::FAILURE }
}

fn on_runtime<T>(task: impl Future<Output = T>) -> io::Result<T> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(task);
    // What must be finished has been waited for; the rest may not keep the program from ending.
    runtime.shutdown_background();
    Ok(outcome)
}

/// Prints a text on standard output; that nobody reads it any more is no failure.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            failed(&error, ExitCode::FAILURE)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn failed(error: &dyn std::fmt::Display, code: ExitCode) -> ExitCode {
    // Where nobody reads it, the exit code still says it.
    let _ = writeln!(io::stderr(), "error: {error}");
    code
}
