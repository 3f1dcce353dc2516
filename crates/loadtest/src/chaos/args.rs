//! What a chaos run is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `palabre chaos`.
#[derive(Args, Clone, Debug)]
pub struct ChaosArgs {
    /// What is done to the servers; several, or all of them
    #[arg(long, value_enum, value_name = "NAME", default_value = "all")]
    pub scenario: Vec<Scenario>,

    /// Running instances to use instead of own ones; then only clients can be dropped
    #[arg(long, value_name = "URL")]
    pub url: Vec<String>,

    /// Instances of its own
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(2..=16))]
    pub instances: u16,

    /// Stock Socket.IO clients, half of them on WebSocket and half on polling
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clients: u32,

    /// Palabre clients beside them
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub palabre_clients: u32,

    /// Messages per second, over all clients
    #[arg(long, value_name = "R", default_value_t = 50.0, value_parser = crate::args::positive)]
    pub rate: f64,

    /// How often each scenario does what it does
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rounds: u32,

    /// Seconds after which what has not healed or arrived is given up
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = crate::args::positive)]
    pub patience: f64,

    /// Number that chance is made from; the same one drops the same clients
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Redis server to start
    #[arg(long, value_name = "PATH", default_value = "redis-server")]
    pub redis_server: PathBuf,

    /// Folder for a timeline of each scenario, as SVG
    #[arg(long, value_name = "DIR")]
    pub timelines: Option<PathBuf>,

    /// Print the verdicts as JSON
    #[arg(long)]
    pub json: bool,
}

/// What is done while people talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Every scenario, one after the other.
    All,
    /// Half of the clients lose their connection.
    ClientDrop,
    /// An instance is killed, and started again later.
    KillInstance,
    /// Every instance in turn is told to end and started again.
    RollingRestart,
    /// Redis ends and is started again, with its data.
    RedisRestart,
    /// Redis stands still for three seconds.
    RedisFreeze,
    /// Redis cuts all connections.
    RedisCut,
    /// The master is killed and its replica takes over.
    Failover,
    /// Some clients stop reading until they are cut off.
    SlowClient,
    /// All clients are dropped at once, and come back to one instance.
    Herd,
    /// All clients poll, each request reaches another instance.
    AnyInstancePolling,
}

impl Scenario {
    /// The name as it is given on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The scenarios that are meant, each once.
    pub(crate) fn chosen(named: &[Self]) -> Vec<Self> {
        let all = named.contains(&Self::All);
        let each = Self::value_variants().iter().copied().filter(|one| *one != Self::All);
        each.filter(|one| all || named.contains(one)).collect()
    }

    /// Whether it can be done to servers that somebody else runs.
    pub(crate) fn needs_only_clients(self) -> bool {
        matches!(self, Self::ClientDrop | Self::Herd | Self::AnyInstancePolling)
    }
}
