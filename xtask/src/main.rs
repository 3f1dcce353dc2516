//! `cargo xtask …`: the project's own commands. This file reads the command line; each command
//! has its own module. Nothing here is part of the server.

mod bench;
mod fuzz;
mod licences;
mod run;
mod shell;
mod sim;
mod stamp;
mod steps;
mod test;
mod tidy;
mod tools;
mod web;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask run [--release] [-- ARGS]   build the page and the server, serve the chat on port 3000
cargo xtask web                         build the page alone, where it is stale
cargo xtask test [--only STEP]...       everything CI checks, or the named steps
cargo xtask tidy                        the rules about the source tree alone
cargo xtask sim [--seeds N] [--from S] [--faults KIND,...] | --seed S --log
                                        the promises under a virtual clock; the same seed is the
                                        same run
cargo xtask bench peers [ARGS]          the same load on this server and on others, side by side
cargo xtask bench micro [ARGS]          instruction counts, against the stored ones
cargo xtask fuzz                        how to fuzz the decoders
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let outcome = match args.first().map(String::as_str) {
        Some("run") => run::run(&root(), rest),
        Some("web") => web::build(&root()),
        Some("test") => test::test(&root(), rest),
        Some("tidy") => tidy::step(&root()),
        Some("sim") => sim::sim(&root(), rest),
        Some("bench") => bench::bench(&root(), rest),
        Some("fuzz") => fuzz::explain(&root()),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the source tree, wherever in it the command was given.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the root of the tree").to_path_buf()
}
