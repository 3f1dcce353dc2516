//! Running other programs: shown before they start, and an error that names them when they fail.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A program with its arguments, to be run in `folder`.
pub(crate) fn command(folder: &Path, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs to the end with the output shown; an exit code other than 0 is an error.
pub(crate) fn run(folder: &Path, program: &str, args: &[&str]) -> Result<()> {
    finish(command(folder, program, args))
}

/// As [`run`], for a command that was prepared further.
pub(crate) fn finish(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("`{shown}` could not be started"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// As [`finish`], with the output shown only when it fails.
pub(crate) fn finish_quietly(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    println!("$ {shown}");
    let output = command.output().with_context(|| format!("`{shown}` could not be started"))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        bail!("`{shown}` failed ({}):\n{}", output.status, String::from_utf8_lossy(&printed));
    }
    Ok(())
}

/// What the program printed on its standard output; an exit code other than 0 is an error.
pub(crate) fn output(folder: &Path, program: &str, args: &[&str]) -> Result<String> {
    let mut command = command(folder, program, args);
    let shown = shown(&command);
    let output = command.output().with_context(|| format!("`{shown}` could not be started"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed no valid text"))
}

/// Whether the program can be started and ends with exit code 0.
pub(crate) fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_an_error_that_names_it() {
        let error = run(Path::new("."), "false", &[]).unwrap_err();
        assert!(error.to_string().contains("`false` failed"), "{error}");
        let error = run(Path::new("."), "no-such-program-here", &[]).unwrap_err();
        assert!(error.to_string().contains("could not be started"), "{error}");
    }

    #[test]
    fn what_a_quiet_program_printed_is_in_its_error() {
        let fails = |script| finish_quietly(command(Path::new("."), "sh", &["-c", script]));
        let error = fails("echo out; echo err >&2; exit 3").unwrap_err().to_string();
        assert!(error.contains("out") && error.contains("err") && error.contains('3'), "{error}");
        assert!(fails("echo out").is_ok());
    }

    #[test]
    fn output_is_what_was_printed() {
        assert_eq!(output(Path::new("."), "echo", &["palabre"]).unwrap(), "palabre\n");
        assert!(output(Path::new("."), "false", &[]).is_err());
    }
}
