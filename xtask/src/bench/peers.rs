//! `cargo xtask bench peers`: the same load on this server, on the bare floor and on what people
//! would use instead, side by side on one core, and the page that says what came of it.
//!
//! This file reads the command line and keeps the order of the runs: repetition by repetition,
//! and within one all servers after each other, so that what changes on the machine meets all.

mod fleet;
mod install;
mod loads;
mod machine;
mod measure;
mod page;
mod plot;
mod redis;
mod results;
mod servers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use self::loads::{GROUPS, Load, Scale, loads};
use self::results::Results;
use self::servers::{Made, SERVERS, Server};
use crate::{shell, tools};

const USAGE: &str = "\
cargo xtask bench peers [OPTIONS]    measures all, and writes docs/benchmarks.md

  --only LOAD        one of these loads (repeatable): one, thirty-two, connections, redis, latency,
                     rooms, growth; the page is written only where --write is given as well
  --servers A,B      these servers: floor, palabre, bun-publish, bun-socketio, socketioxide, node,
                     python-socketio, flask-socketio; likewise
  --repetitions N    runs of each load on each server [default: 3]
  --connections N    idle connections of the load `connections` [default: 10000]
  --cores S,G        core of the servers and of the generator [default: 0,1]
  --palabre FILE     this program, instead of building one as released
  --quick            one short repetition: to see that all works
  --resume           keep the runs that are there, and make those that are missing
  --write            write the page; given alone, from what is kept and without measuring
";

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Options {
    only: Vec<String>,
    servers: Vec<String>,
    repetitions: Option<u32>,
    connections: u32,
    cores: Cores,
    palabre: Option<PathBuf>,
    is_quick: bool,
    resumes: bool,
    writes: bool,
}

/// Which core is whose.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cores {
    server: usize,
    generator: usize,
}

/// Where all lies that a measurement needs.
#[derive(Debug)]
struct Place {
    root: PathBuf,
    /// The folder that cargo builds into.
    target: PathBuf,
    /// The program that is measured, and that measures.
    palabre: PathBuf,
    /// Where runs are kept.
    results: PathBuf,
    /// Where programs run, and what they print is kept.
    scratch: PathBuf,
    cores: Cores,
}

/// Why servers could not be measured, by name.
type Missing = BTreeMap<String, String>;

/// Measures, and writes the page.
pub(super) fn bench(root: &Path, args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{USAGE}");
        return Ok(());
    }
    let options = options(args)?;
    let target = tools::target_folder(root)?;
    let place = Place {
        root: root.to_path_buf(),
        results: target.join("bench/results"),
        scratch: target.join("bench/scratch"),
        palabre: match &options.palabre {
            Some(palabre) => std::path::absolute(palabre)?,
            None => target.join("release/palabre"),
        },
        target,
        cores: options.cores,
    };
    fs::create_dir_all(&place.scratch).context("making room for what programs print")?;
    if options.measures() {
        measure_all(&place, &options)?;
    }
    if options.writes || options.is_whole() {
        page::write(&place)?;
    }
    Ok(())
}

/// Whether the sources of floor and peers can be read by what would build and run them: neither
/// their packages nor a build are needed for that.
pub(super) fn check(root: &Path) -> Result<()> {
    for server in &SERVERS {
        let folder = server.folder(root);
        match server.made {
            Made::Palabre => {}
            Made::Floor | Made::Cargo { .. } => shell::run(&folder, "cargo", &["fmt", "--check"])?,
            Made::Node { file, .. } | Made::Bun { file, .. } => {
                shell::run(&folder, "node", &["--check", file])?;
            }
            Made::Python { .. } => {
                let parse = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
                shell::run(&folder, "python3", &["-c", parse, "server.py"])?;
            }
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what this is for")]
fn now() -> Instant {
    Instant::now()
}

fn measure_all(place: &Place, options: &Options) -> Result<()> {
    install::programs()?;
    if options.palabre.is_none() {
        install::palabre(place)?;
    }
    let loads = options.loads();
    let servers = options.servers();
    let needed = |server: &&Server| loads.iter().any(|load| load.servers.contains(&server.name));
    let mut missing = Missing::new();
    for server in servers.iter().copied().filter(needed) {
        if let Err(error) = install::server(place, server) {
            println!("NOT MEASURED: {error:#}");
            missing.insert(server.name.to_owned(), format!("{error:#}"));
        }
    }
    keep_missing(place, &servers, &missing)?;
    let there: Vec<&Server> =
        servers.into_iter().filter(|server| !missing.contains_key(server.name)).collect();
    let since = now();
    let mut groups: Vec<&str> = loads.iter().map(|load| load.group).collect();
    groups.dedup();
    for group in groups {
        let of_group: Vec<&Load> = loads.iter().filter(|load| load.group == group).collect();
        for repetition in 1..=options.repetitions() {
            for load in &of_group {
                round(place, options, load, &there, repetition)?;
            }
        }
    }
    println!("measured in {:.1} minutes", since.elapsed().as_secs_f64() / 60.0);
    Ok(())
}

/// One load on all servers that it is for. A server that fails doesn't end the measurement.
fn round(
    place: &Place,
    options: &Options,
    load: &Load,
    servers: &[&'static Server],
    repetition: u32,
) -> Result<()> {
    for server in servers.iter().filter(|server| load.servers.contains(&server.name)) {
        let kept = Results::read(&place.results);
        let is_there = |run: &results::Run| {
            run.repetition == repetition && run.is_quick == options.is_quick && run.fault.is_none()
        };
        if options.resumes && kept.of(&load.name, server.name).any(is_there) {
            continue;
        }
        if repetition == 1 && !options.resumes {
            Results::forget(&place.results, &load.name, server.name)?;
        }
        let mut run = measure::run(place, load, server, repetition);
        run.is_quick = options.is_quick;
        println!("{}", measure::line(&run));
        run.keep(&place.results)?;
    }
    Ok(())
}

/// Notes who is missing; who was measured now isn't any more.
fn keep_missing(place: &Place, servers: &[&Server], missing: &Missing) -> Result<()> {
    let folder = place.results.join("missing");
    fs::create_dir_all(&folder)?;
    for server in servers {
        let path = folder.join(format!("{}.txt", server.name));
        match missing.get(server.name) {
            Some(why) => fs::write(&path, why)?,
            None if path.exists() => fs::remove_file(&path)?,
            None => {}
        }
    }
    Ok(())
}

/// Who could not be measured when that was last tried.
fn missing(place: &Place) -> Missing {
    let folder = place.results.join("missing");
    let read = |server: &Server| {
        let why = fs::read_to_string(folder.join(format!("{}.txt", server.name))).ok()?;
        Some((server.name.to_owned(), why))
    };
    SERVERS.iter().filter_map(read).collect()
}

impl Options {
    /// Whether all is measured as the page wants it.
    fn is_whole(&self) -> bool {
        self.measures() && self.only.is_empty() && self.servers.is_empty() && !self.is_quick
    }

    /// `--write` alone only writes.
    fn measures(&self) -> bool {
        let asks_nothing = self.only.is_empty() && self.servers.is_empty();
        !(self.writes && asks_nothing && self.repetitions.is_none() && !self.is_quick)
            || self.resumes
    }

    fn repetitions(&self) -> u32 {
        self.repetitions.unwrap_or(if self.is_quick { 1 } else { 3 })
    }

    fn loads(&self) -> Vec<Load> {
        let scale = Scale { connections: self.connections, is_quick: self.is_quick };
        let is_asked =
            |load: &Load| self.only.is_empty() || self.only.iter().any(|o| o == load.group);
        loads(scale).into_iter().filter(is_asked).collect()
    }

    fn servers(&self) -> Vec<&'static Server> {
        let is_asked = |server: &&Server| {
            self.servers.is_empty() || self.servers.iter().any(|name| name == server.name)
        };
        SERVERS.iter().filter(is_asked).collect()
    }
}

fn options(args: &[String]) -> Result<Options> {
    let mut options = Options {
        only: Vec::new(),
        servers: Vec::new(),
        repetitions: None,
        connections: 10_000,
        cores: Cores { server: 0, generator: 1 },
        palabre: None,
        is_quick: false,
        resumes: false,
        writes: false,
    };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        let mut value = || args.next().with_context(|| format!("{name} needs a value\n{USAGE}"));
        match name.as_str() {
            "--only" => options.only.push(known(value()?, &GROUPS)?),
            "--servers" => {
                let names: Vec<&str> = SERVERS.iter().map(|server| server.name).collect();
                for name in value()?.split(',') {
                    options.servers.push(known(name, &names)?);
                }
            }
            "--repetitions" => options.repetitions = Some(number(value()?, 1, 99)?),
            "--connections" => options.connections = number(value()?, 1, 19_000)?,
            "--cores" => options.cores = cores(value()?)?,
            "--palabre" => options.palabre = Some(PathBuf::from(value()?)),
            "--quick" => options.is_quick = true,
            "--resume" => options.resumes = true,
            "--write" => options.writes = true,
            other => bail!("{other:?} is no option\n{USAGE}"),
        }
    }
    Ok(options)
}

fn known(name: &str, names: &[&str]) -> Result<String> {
    if !names.contains(&name) {
        bail!("{name:?} is none of {}", names.join(", "));
    }
    Ok(name.to_owned())
}

fn number(text: &str, min: u32, max: u32) -> Result<u32> {
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => bail!("{text:?} is no number from {min} to {max}"),
    }
}

fn cores(text: &str) -> Result<Cores> {
    let pair = text.split_once(',').and_then(|(server, generator)| {
        Some(Cores { server: server.parse().ok()?, generator: generator.parse().ok()? })
    });
    match pair {
        Some(cores) if cores.server != cores.generator => Ok(cores),
        _ => bail!("{text:?} is not two different cores, such as 0,1"),
    }
}

#[cfg(test)]
impl Place {
    /// A place that is nowhere, except for the sources.
    fn fictional() -> Self {
        Self {
            root: crate::root(),
            target: PathBuf::from("t"),
            palabre: PathBuf::from("t/release/palabre"),
            results: PathBuf::from("t/results"),
            scratch: PathBuf::from("t/scratch"),
            cores: Cores { server: 0, generator: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        options(&args)
    }

    #[test]
    fn nothing_asked_for_is_all_of_it() {
        let all = read("").unwrap();
        assert!(all.is_whole() && all.measures());
        assert_eq!((all.repetitions(), all.servers().len()), (3, SERVERS.len()));
        assert_eq!(all.loads().len(), 12);
    }

    #[test]
    fn a_part_is_measured_without_writing_and_written_without_measuring() {
        let part = read("--only rooms --only one --servers floor,palabre --quick").unwrap();
        assert!(part.measures() && !part.is_whole() && !part.writes);
        assert_eq!(part.repetitions(), 1);
        let names: Vec<&str> = part.servers().iter().map(|server| server.name).collect();
        assert_eq!(names, ["floor", "palabre"]);
        assert_eq!(part.loads().len(), 4);
        let write = read("--write").unwrap();
        assert!(write.writes && !write.measures());
        let both = read("--write --only one").unwrap();
        assert!(both.writes && both.measures());
        assert!(read("--resume").unwrap().is_whole());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "--only all",
            "--servers floor,nobody",
            "--repetitions 0",
            "--connections 20000",
            "--cores 1,1",
            "--cores 1",
            "--only",
            "--fast",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(read("--cores 3,2").unwrap().cores, Cores { server: 3, generator: 2 });
    }
}
