//! The `palabre` program: reads what it is told, runs it, ends with the right exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
