//! The command line: what is understood, what is refused and in which words, and how the program
//! ends.

#![expect(clippy::unwrap_used, reason = "what can't be set up fails the test")]

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    process::{Child, Command as Program, Stdio},
};

use server::{
    cli::{Command, parse_with},
    config::{Bind, Config, Sources},
};

const BINARY: &str = env!("CARGO_BIN_EXE_palabre");

fn parse(line: &[&str]) -> Result<Command, String> {
    parse_in(line, &[])
}

fn parse_in(line: &[&str], environment: &[(&str, &str)]) -> Result<Command, String> {
    let line = ["palabre"].iter().chain(line).map(OsString::from);
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    // No file of the folder in which the tests happen to run is read.
    let default_file = "/nowhere/palabre.toml".into();
    let sources = Sources { environment, default_file, ..Sources::default() };
    parse_with(line.collect::<Vec<_>>(), sources).map_err(|error| error.to_string())
}

#[track_caller]
fn served(line: &[&str]) -> Config {
    match parse(line) {
        Ok(Command::Serve(config)) => *config,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[track_caller]
fn printed(line: &[&str]) -> String {
    match parse(line) {
        Ok(Command::Print(text)) => text,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn serving_is_the_default() {
    assert_eq!(served(&[]), served(&["serve"]));
    let line = ["--port", "3001", "--lobby=agora", "--ephemeral", "--rate-limit", "none"];
    let config = served(&line);
    assert_eq!(config, served(&[&["serve"], &line[..]].concat()));
    assert_eq!((config.port, config.lobby.as_str(), config.ephemeral), (3001, "agora", true));
    assert_eq!(served(&["--bind", "unix:/run/p"]).bind, Bind::Unix("/run/p".into()));
    assert!(!served(&["--ephemeral=false"]).ephemeral);
}

#[test]
fn lists_are_repeated_or_have_commas() {
    let repeated = served(&["--cors", "http://a", "--cors", "http://b"]).cors;
    assert_eq!(repeated, served(&["--cors", "http://a,http://b"]).cors);
    assert_eq!(repeated.to_string(), "http://a,http://b");
}

#[test]
fn the_demo_keeps_nothing_and_knows_no_redis() {
    let environment =
        [("REDIS_URL", "nonsense"), ("PALABRE__DATA", "/x"), ("PALABRE__LOBBY", "agora")];
    let line = ["demo", "--instances", "3", "--port", "8000"];
    let Ok(Command::Demo(demo)) = parse_in(&line, &environment) else { panic!("no demo") };
    let Config { port, lobby, redis, ephemeral, room_entries, .. } = &*demo.config;
    assert_eq!((demo.instances, *port, lobby.as_str()), (3, 8000, "agora"));
    assert_eq!((redis, *ephemeral, *room_entries), (&None, true, 10_000));

    let Ok(Command::Demo(demo)) = parse(&["demo"]) else { panic!("no demo") };
    assert_eq!((demo.instances, demo.config.port), (2, 3000));
    assert!(matches!(parse(&["demo", "--port", "0"]), Ok(Command::Demo(_))));
    assert!(matches!(parse(&["demo", "--port", "65534"]), Ok(Command::Demo(_))));
}

#[test]
fn a_line_that_is_wrong_is_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["--prot", "1"], "--prot: unknown flag, did you mean --port?"),
        (
            &["serve", "--redis_prefix=x"],
            "--redis_prefix: unknown flag, did you mean --redis-prefix?",
        ),
        (&["--no-such-flag"], "--no-such-flag: unknown flag (try --help)"),
        (&["-x"], "-x: unknown flag (try --help)"),
        (&["demo", "--instnaces", "2"], "--instnaces: unknown flag, did you mean --instances?"),
        (&["--instances", "2"], "--instances: this command does not have this option (try --help)"),
        (
            &["demo", "--redis", "redis://h"],
            "--redis: the demo does not have this option (serve has)",
        ),
        (&["man", "--port", "1"], "--port: this command does not have this option (try --help)"),
        (&["srve"], "'srve': unknown command, did you mean 'serve'?"),
        (&["no-such-command"], "'no-such-command': unknown command (try --help)"),
        (&["serve", "x"], "'x': unknown command or value without a flag (try --help)"),
        (&["redis://u:word@h"], "'redis://u:***@h': unknown command (try --help)"),
        (
            &["serve", "redis://u:word@h"],
            "'redis://u:***@h': unknown command or value without a flag (try --help)",
        ),
        (&["--port"], "--port: a value is needed"),
        (&["--port", "--lobby", "x"], "--port: a value is needed"),
        (&["--port", "1", "--port", "2"], "--port: given twice"),
        (
            &["--port", "1", "serve"],
            "options come after the command, as in: palabre serve --port 3001",
        ),
        (&["--port", "-1"], "--port: expected a number from 0 to 65535, not '-1'"),
        (&["serve", "--ephemeral=1"], "--ephemeral: expected true or false, not '1'"),
        (&["--config", "/no/such/file"], "--config: /no/such/file: no such file or directory"),
        (&["demo", "--instances", "0"], "--instances: expected a number from 1 to 16, not '0'"),
        (&["demo", "--instances", "x"], "--instances: expected a number from 1 to 16, not 'x'"),
        (&["demo", "--port", "65535"], "--instances: there are no 2 ports from 65535 on"),
        (&["bench", "--port", "1"], "--port: this command does not have this option (try --help)"),
        (&["config"], "a command is missing (try --help)"),
        (&["config", "chekc"], "'chekc': unknown command, did you mean 'check'?"),
        (&["completions"], "SHELL is missing (try --help)"),
        (&["completions", "dos"], "SHELL: expected bash, elvish, fish, powershell, zsh, not 'dos'"),
        (
            &["completions", "redis://u:word@h"],
            "SHELL: expected bash, elvish, fish, powershell, zsh, not 'redis://u:***@h'",
        ),
        (&["man", "x"], "man: there is no command 'x'"),
    ];
    for (line, message) in cases {
        assert_eq!(parse(line).map(|_| "accepted"), Err((*message).to_owned()), "{line:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_line_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;

    for line in [[&b"--port"[..], b"\xff"], [b"--po\xffrt", b"1"]] {
        let line = line.iter().map(|word| OsString::from_vec(word.to_vec()));
        let line = [OsString::from("palabre")].into_iter().chain(line);
        let error = parse_with(line, Sources::default()).unwrap_err().to_string();
        assert!(!error.is_empty() && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn help_is_grouped_and_says_defaults() {
    for line in [&["-h"][..], &["--help"], &["help"], &["serve", "-h"], &["serve", "--help"]] {
        let help = printed(line);
        for text in ["Listening:", "Keeping messages:", "[default: 3000] [env: PORT]", "Examples:"]
        {
            assert!(help.contains(text), "{line:?}: no {text:?} in\n{help}");
        }
        let long = !line.contains(&"-h");
        assert_eq!(help.contains("--outbox-bytes"), long, "{line:?}\n{help}");
    }
    let demo = printed(&["demo", "--help"]);
    assert!(demo.contains("--instances") && !demo.contains("--redis"), "{demo}");
}

#[test]
fn every_option_is_in_the_long_help() {
    let help = printed(&["--help"]);
    for option in server::config::options::OPTIONS {
        let has = |after| help.contains(&format!("--{}{after}", option.key));
        assert!(has(" ") || has("["), "{}", option.key);
    }
}

#[test]
fn version_is_one_line() {
    let version = format!("palabre {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((printed(&["-V"]), printed(&["--version"])), (version.clone(), version));
}

#[test]
fn the_configuration_is_checked_and_printed() {
    let valid = "The configuration is valid: all options have their defaults.\n";
    assert_eq!(printed(&["config", "check"]), valid);
    let line = ["config", "check", "--port", "1"];
    let Ok(Command::Print(text)) = parse_in(&line, &[("PALABRE__LOBBY", "agora")]) else {
        panic!("no text")
    };
    assert_eq!(text, "The configuration is valid: --port, PALABRE__LOBBY.\n");
    assert!(printed(&["config", "print", "--port", "1"]).contains("\nport = 1  # --port\n"));
    assert!(parse(&["config", "check", "--port", "x"]).is_err());
}

#[test]
fn scripts_and_manuals_know_the_options() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for word in ["base-path", "demo", "json"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    let manual = printed(&["man"]);
    assert!(manual.contains(".TH palabre 1") && manual.contains("base\\-path"), "{manual}");
    let manual = printed(&["man", "demo"]);
    assert!(manual.contains("instances") && !manual.contains("REDIS_URL"), "{manual}");
}

#[test]
fn a_load_test_is_understood() {
    let Ok(Command::Bench(args)) = parse(&["bench", "--clients", "7", "--json"]) else {
        panic!("no load test")
    };
    assert_eq!((args.clients, args.json), (7, true));
    for line in [["bench", "--clients", "0"], ["bench", "--rate", "x9"]] {
        let error = parse(&line).unwrap_err();
        let names_both = error.starts_with(&format!("{}: ", line[1])) && error.contains(line[2]);
        assert!(names_both && error.lines().count() == 1, "{error}");
    }
}

/// The program itself, with nothing in its environment but what is given.
fn program(line: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::new(BINARY);
    program.args(line).env_clear().envs(environment.iter().copied()).current_dir(&folder);
    std::fs::write(folder.path().join("palabre.toml"), "lobby = 'agora'").unwrap();
    let output = program.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_program_ends_with_the_right_code() {
    let (code, out, err) = program(&["--help"], &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("Usage: palabre") && !out.contains('\u{1b}'), "{out}");

    let (code, out, err) = program(&["--prot", "1"], &[]);
    let message = "error: --prot: unknown flag, did you mean --port?\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(2), "", message));

    let (code, out, err) = program(&["serve"], &[("PORT", "many")]);
    let message = "error: PORT: expected a number from 0 to 65535, not 'many'\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(2), "", message));

    let (code, out, err) = program(&["config", "print"], &[("PORT", "81")]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("\nport = 81  # PORT\n"), "{out}");
    assert!(out.contains("\nlobby = \"agora\"  # palabre.toml:1\n"), "{out}");
}

/// Ends with the test, also when the test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_is_loaded_and_the_result_is_the_exit_code() {
    let mut serving = Program::new(BINARY);
    serving.args(["serve", "--ephemeral", "--port", "0"]).stdout(Stdio::piped()).env_clear();
    let mut serving = Running(serving.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split(' ').find(|word| word.starts_with("http://")).unwrap();

    let load = ["bench", "--clients", "3", "--rate", "50", "--duration", "0.2", "--url", url];
    let (code, out, err) = program(&[&load[..], &["--json"]].concat(), &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("\"deliveries\":30,") && out.ends_with("}\n"), "{out}");

    // Every message is longer than the server takes.
    let (code, out, err) = program(&[&load[..], &["--size", "5000"]].concat(), &[]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("too_large"), "{out}");

    drop(serving);
    let (code, out, err) = program(&load, &[]);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(err.lines().last().is_some_and(|line| line.starts_with("error: ")), "{err}");
}
