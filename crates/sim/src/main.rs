//! `sim`: runs seeds, each in a process of its own, and shows what was broken. The command line
//! and the processes are here; what a run is, in the library.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    str::FromStr,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sim::{Kind, Options, Outcome, Plant, Tally};

const HELP: &str = "\
sim --seeds N [--from S] [--faults KIND,...] [--jobs N] [--out DIR]
    runs N seeds from S (0) on; logs of those that broke a promise go to DIR
sim --seed S [--faults KIND,...] [--log]
    runs one seed; --log shows everything that happened
--plant NAME puts a defect into the store, to see that it is found
";

/// How long a seed may take by the clock on the wall; then it is stuck, and that is a defect.
const STUCK_AFTER: Duration = Duration::from_mins(4);

/// What `chance.c` looks for.
const SEED_VARIABLE: &str = "PALABRE_SIM_SEED";

struct Args {
    seed: Option<u64>,
    seeds: u64,
    from: u64,
    kinds: Vec<Kind>,
    plant: Option<String>,
    jobs: u64,
    out: PathBuf,
    log: bool,
    /// Set in the process that runs a seed.
    here: bool,
}

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprint!("error: {error:#}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let outcome = match args.seed {
        Some(seed) if args.here => run_here(seed, &args),
        Some(seed) => run_apart(seed, &args).map(|run| {
            print!("{}", run.shown);
            run.whole
        }),
        None => run_many(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

impl Args {
    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self> {
        let mut args = Self {
            seed: None,
            seeds: 100,
            from: 0,
            kinds: Kind::ALL.to_vec(),
            plant: None,
            jobs: 1,
            out: std::env::temp_dir(),
            log: false,
            here: false,
        };
        while let Some(name) = given.next() {
            let mut value = || given.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--seed" => args.seed = Some(number(&value()?)?),
                "--seeds" => args.seeds = number(&value()?)?,
                "--from" => args.from = number(&value()?)?,
                "--jobs" => args.jobs = number(&value()?)?.max(1),
                "--out" => args.out = value()?.into(),
                "--faults" => {
                    let kinds = value()?;
                    let kinds = kinds.split(',').filter(|kind| !kind.is_empty());
                    args.kinds = kinds
                        .map(|kind| Kind::from_str(kind).map_err(anyhow::Error::msg))
                        .collect::<Result<_>>()?;
                }
                "--plant" => args.plant = Some(value()?),
                "--log" => args.log = true,
                "--here" => args.here = true,
                other => bail!("{other} is no option"),
            }
        }
        Ok(args)
    }

    fn faults(&self) -> String {
        self.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",")
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("{text:?} is no number"))
}

fn plant(name: &str) -> Result<Plant> {
    let found = Plant::ALL.into_iter().find(|(known, _)| *known == name);
    let names = Plant::ALL.map(|(known, _)| known).join(", ");
    found.map(|(_, plant)| plant).with_context(|| format!("no defect {name:?}; there are {names}"))
}

/// What a seed's process said.
struct Apart {
    whole: bool,
    shown: String,
}

impl Apart {
    /// The numbers of its last line.
    fn tally(&self) -> Tally {
        self.shown.lines().last().and_then(Tally::read).unwrap_or_default()
    }
}

/// Runs a seed in a process whose randomness follows from it.
fn run_apart(seed: u64, args: &Args) -> Result<Apart> {
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new(program);
    command.args(["--here", "--seed", &seed.to_string(), "--faults", &args.faults()]);
    if args.log || args.seed.is_none() {
        command.arg("--log");
    }
    if let Some(plant) = &args.plant {
        command.args(["--plant", plant]);
    }
    command.env(SEED_VARIABLE, seed.to_string()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().context("starting a run")?;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Apart { whole: output.status.success(), shown })
}

/// Runs a seed in this process, and shows what came of it.
fn run_here(seed: u64, args: &Args) -> Result<bool> {
    thread::spawn(move || {
        thread::sleep(STUCK_AFTER);
        println!("seed {seed} broke a promise: it does not end");
        std::process::exit(1);
    });
    let name = format!("palabre-sim-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).context("a folder for the sockets")?;
    let plant = args.plant.as_deref().map(plant).transpose()?;
    let options = Options { seed, kinds: args.kinds.clone(), plant, folder: folder.clone() };
    let outcome = sim::run(&options);
    std::fs::remove_dir_all(&folder).context("removing the folder of the sockets")?;
    show(seed, &outcome, args.log).context("showing the outcome")?;
    Ok(outcome.violations.is_empty())
}

fn show(seed: u64, outcome: &Outcome, log: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if log {
        for line in &outcome.lines {
            writeln!(out, "{line}")?;
        }
    }
    for violation in &outcome.violations {
        writeln!(out, "seed {seed} broke a promise: {violation}")?;
    }
    let (digest, took, tally) = (outcome.digest, outcome.took.as_secs_f64(), outcome.tally);
    writeln!(out, "seed {seed}: digest {digest:016x}, {took:.1} s: {tally}")
}

/// Runs all seeds, shows those that broke a promise, and sums up.
fn run_many(args: &Args) -> Result<bool> {
    let shares: Vec<Share> = thread::scope(|scope| {
        let jobs = (0..args.jobs).map(|job| scope.spawn(move || Share::run(job, args)));
        let jobs: Vec<_> = jobs.collect();
        jobs.into_iter().map(|job| job.join().expect("a job doesn't panic")).collect::<Result<_>>()
    })?;
    let (mut broken, mut tally) = (Vec::new(), Tally::default());
    for share in shares {
        broken.extend(share.broken);
        tally.add(&share.tally);
    }
    let (seeds, from, faults) = (args.seeds, args.from, args.faults());
    println!("in all: {tally}");
    println!("{seeds} seeds from {from} with faults {faults}: {} broke a promise", broken.len());
    for seed in &broken {
        println!("  replay: cargo xtask sim --seed {seed} --faults {faults} --log");
    }
    Ok(broken.is_empty())
}

/// What one job has run.
#[derive(Default)]
struct Share {
    broken: Vec<u64>,
    tally: Tally,
}

impl Share {
    fn run(job: u64, args: &Args) -> Result<Self> {
        let mut share = Self::default();
        for seed in (args.from..args.from + args.seeds).filter(|seed| seed % args.jobs == job) {
            let run = run_apart(seed, args)?;
            share.tally.add(&run.tally());
            if run.whole {
                continue;
            }
            share.broken.push(seed);
            let log = keep(&args.out, seed, &run.shown)?;
            for line in run.shown.lines().filter(|line| line.starts_with("seed ")) {
                println!("{line}");
            }
            println!("seed {seed}: the log is in {}", log.display());
        }
        Ok(share)
    }
}

fn keep(folder: &Path, seed: u64, log: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join(format!("sim-{seed}.log"));
    std::fs::write(&path, log).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
