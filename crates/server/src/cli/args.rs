//! The commands and what each one says about itself.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use super::flags::{DemoFlags, ServeFlags};

const EXAMPLES: &str = "\
Examples:
  palabre                                            alone, on http://127.0.0.1:3000
  palabre demo                                       two instances at once, to try it
  palabre --redis redis://127.0.0.1:6379             an instance that shares its rooms ...
  PORT=3001 palabre --redis redis://127.0.0.1:6379   ... with this one
  palabre --public ./site                            your own page and the chat behind it

Every option is also a key of palabre.toml and a variable: --base-path is base-path and
PALABRE__BASE_PATH. A flag beats a variable, which beats the file. -h shows the options that most
people need, --help shows all.";

const DEMO_EXAMPLES: &str = "\
Examples:
  palabre demo                       open http://127.0.0.1:3000 and http://127.0.0.1:3001
  palabre demo --instances 3 --port 8000";

const BENCH_EXAMPLES: &str = "\
Examples:
  palabre bench --clients 1000 --rate 50 --duration 30 --pid PID --plot run.svg
  palabre bench --url http://127.0.0.1:3000 --url http://127.0.0.1:3001
  palabre bench --clients 1000 --in-flight 32 --messages 5000
  palabre bench --clients 10000 --churn 5 --rate 5 --duration 3600 --pid PID

Messages go by the clock, whether or not the server keeps up, and latency counts from when each one
was due. With --in-flight the next one goes when one has arrived, and latency counts from when it
was sent. Where this program was too slow to tell, it gives no latencies and no rates, and says why.

It ends with 0 if nothing was lost, doubled or out of order, with 1 otherwise, and with 2 if it
could not be tried.";

const CHAOS_EXAMPLES: &str = "\
Examples:
  palabre chaos                                  everything, on servers of its own
  palabre chaos --scenario kill-instance --scenario redis-freeze --rounds 5
  palabre chaos --scenario client-drop --url http://127.0.0.1:3000 --url http://127.0.0.1:3001

It needs a redis-server, unless running instances are named. It ends with 0 if every promise was
kept, with 1 if one was broken, and with 2 if it could not be tried.";

const TRACE_EXAMPLES: &str = "\
Example:
  PALABRE__ADMIN_TOKEN=... palabre trace general 17 --url http://127.0.0.1:3001

Instances know the way of their newest 10,000 entries.";

/// A self-hosted chat server for Socket.IO clients.
///
/// Without a command it serves. Instances that are given the same Redis serve the same rooms.
#[derive(Parser)]
#[command(
    name = "palabre",
    bin_name = "palabre",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES
)]
pub(super) struct Line {
    #[command(flatten)]
    pub(super) serve: ServeFlags,
    #[command(subcommand)]
    pub(super) ask: Option<Ask>,
}

#[derive(Subcommand)]
pub(super) enum Ask {
    /// Serve (this is what happens without a command)
    #[command(after_help = EXAMPLES)]
    Serve(ServeFlags),
    /// Run several instances in one process, without Redis, keeping nothing
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// Load a running server and count what it delivers, loses, doubles and disorders
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(loadtest::BenchArgs),
    /// Break instances and their Redis while clients talk, and check that nothing is lost
    #[command(after_help = CHAOS_EXAMPLES)]
    Chaos(loadtest::ChaosArgs),
    /// Show how an entry travelled: accepted where, heard when and how, handed to how many
    #[command(after_help = TRACE_EXAMPLES)]
    Trace(TraceArgs),
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        ask: ConfigAsk,
    },
    /// Print a script that completes commands and options
    #[command(after_help = "Example:\n  source <(palabre completions bash)")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  palabre man | man -l -")]
    Man {
        /// The command that it is about; without one, the whole program
        command: Option<String>,
    },
}

/// Which entry, and whom to ask.
#[derive(clap::Args)]
pub(super) struct TraceArgs {
    /// The entry's room
    pub(super) room: String,
    /// Its place in the room
    pub(super) offset: u64,
    /// An instance; it asks the others
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub(super) url: String,
    /// The token of a member of the room [default: `admin-token`, as `serve` would read it from
    /// the file or the environment]
    #[arg(long, value_name = "TEXT")]
    pub(super) token: Option<String>,
    /// Print the answer as it came, as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(clap::Args)]
pub(super) struct DemoArgs {
    /// How many instances, each on the port after the one before [default: 2]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        hide_default_value = true,
        value_parser = instances
    )]
    pub(super) instances: u16,
    #[command(flatten)]
    pub(super) flags: DemoFlags,
}

fn instances(text: &str) -> Result<u16, String> {
    let range = 1..=16;
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (min, max) = (range.start(), range.end());
    number.ok_or_else(|| format!("expected a number from {min} to {max}, not '{text}'"))
}

#[derive(Subcommand)]
pub(super) enum ConfigAsk {
    /// Look for errors in the file, the environment and the flags
    Check(ServeFlags),
    /// Print what is in force, as a file, with where each value came from
    Print(ServeFlags),
    /// Print the documentation of all options
    #[command(hide = true)]
    Docs,
}
