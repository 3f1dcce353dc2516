//! What a load test is told, and whether it makes sense together.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::plan::{Course, Pace};

/// Options of `palabre bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Server to load; several share the clients between them
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub url: Vec<String>,

    /// Connections, each of them one Socket.IO client
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=CLIENTS_MAX))]
    pub clients: u32,

    /// Rooms that the clients are spread over, as palabre clients; without it they are stock
    /// clients, all in the lobby
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: Option<u32>,

    /// How many of the clients send [default: 10, or one for each room]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: Option<u32>,

    /// Messages per second, over all senders, whether or not the server keeps up [default: 10]
    #[arg(long, value_name = "R", value_parser = positive)]
    pub rate: Option<f64>,

    /// Instead of --rate: messages under way at once, over all senders; the next one goes when
    /// one has reached every receiver, and latency counts from when it was sent
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX))]
    pub in_flight: Option<u32>,

    /// Seconds for which messages are sent [default: 10]
    #[arg(long, value_name = "S", value_parser = positive)]
    pub duration: Option<f64>,

    /// Instead of --duration: how many messages are sent
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=MESSAGES_MAX))]
    pub messages: Option<u32>,

    /// Bytes of a message's text, at least what its number and time need
    #[arg(long, value_name = "BYTES", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=SIZE_MAX))]
    pub size: u32,

    /// Clients of a hundred that leave each minute, with others coming in their place
    #[arg(long, value_name = "PERCENT", value_parser = positive)]
    pub churn: Option<f64>,

    /// Seconds without any progress after which what is still missing is given up
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = positive)]
    pub patience: f64,

    /// How the clients connect
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,

    /// Processes that share the clients; more where one may not have so many connections
    /// [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=WORKERS_MAX))]
    pub workers: Option<u32>,

    /// Local server process whose memory and CPU time are reported (Linux)
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,

    /// File for a picture of the run, as SVG: how long deliveries took, and when they came
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,

    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,

    /// Be one of those processes
    #[arg(long, hide = true)]
    pub worker: bool,
}

const CLIENTS_MAX: i64 = 1_000_000;
const IN_FLIGHT_MAX: i64 = 10_000;
/// More messages than this are one run no more.
const MESSAGES_MAX: i64 = 100_000_000;
const WORKERS_MAX: i64 = 1000;
/// Half of what a stock server accepts in one message.
const SIZE_MAX: i64 = 500_000;
const SENDERS_DEFAULT: u32 = 10;
const RATE_DEFAULT: f64 = 10.0;
const DURATION_DEFAULT: f64 = 10.0;

/// Clients that connect at the same time, over all workers: about a server's usual backlog.
pub(crate) const CONNECTING_MAX: u32 = 128;

/// Points that a timeline has at most, where its length is known.
const BINS_MAX: f64 = 1000.0;

/// How the clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// WebSocket from the start, without polling.
    Websocket,
    /// HTTP long-polling, and never more.
    Polling,
}

impl Transport {
    /// How many connections a client has.
    pub(crate) fn connections(self) -> u64 {
        match self {
            Self::Websocket => 1,
            Self::Polling => 2,
        }
    }
}

impl BenchArgs {
    /// Whether the options make sense together.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.rate.is_none() || self.in_flight.is_none(),
            "--rate doesn't go with --in-flight: either the clock sends, or what has arrived"
        );
        ensure!(
            self.duration.is_none() || self.messages.is_none(),
            "--duration doesn't go with --messages: either time ends it, or their number"
        );
        let rooms = self.rooms.unwrap_or(1);
        ensure!(rooms <= self.clients, "--rooms: there are more rooms than --clients");
        if let Some(senders) = self.senders {
            ensure!(senders <= self.clients, "--senders: there are more than --clients");
        }
        if let Some(workers) = self.workers {
            ensure!(workers <= self.clients, "--workers: there are more than --clients");
        }
        if let Some(churn) = self.churn {
            ensure!(
                self.in_flight.is_none(),
                "--churn doesn't go with --in-flight: who is a receiver must be certain in a \
                 closed loop"
            );
            ensure!(
                self.senders() < self.clients,
                "--churn: senders stay, so there must be more --clients than --senders"
            );
            ensure!(churn <= CHURN_MAX, "--churn: more than {CHURN_MAX} % a minute");
        }
        self.course().map(|_| ())
    }

    /// How many of the clients send.
    pub(crate) fn senders(&self) -> u32 {
        let default = self.rooms.unwrap_or(SENDERS_DEFAULT);
        self.senders.unwrap_or(default).min(self.clients)
    }

    /// Messages a second; none in a closed loop.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.in_flight.is_none().then(|| self.rate.unwrap_or(RATE_DEFAULT))
    }

    pub(crate) fn course(&self) -> anyhow::Result<Course> {
        let duration = self.duration.unwrap_or(DURATION_DEFAULT);
        #[expect(clippy::cast_sign_loss, reason = "it is positive")]
        let course = match (self.in_flight, self.messages) {
            (Some(in_flight), messages) => Course {
                pace: Pace::InFlight(in_flight),
                messages_max: messages.unwrap_or(MESSAGES_MAX as u32),
                duration_us: messages.is_none().then_some((duration * 1e6) as u64),
            },
            (None, messages) => {
                let rate = self.rate.unwrap_or(RATE_DEFAULT);
                let by_time = (rate * duration).floor().max(1.0);
                if messages.is_none() && by_time > MESSAGES_MAX as f64 {
                    bail!("--rate times --duration is more than {MESSAGES_MAX} messages");
                }
                let messages_max = messages.unwrap_or(by_time as u32);
                Course { pace: Pace::Rate(rate), messages_max, duration_us: None }
            }
        };
        Ok(course)
    }

    /// Seconds that one point of the timeline stands for.
    pub(crate) fn bin_seconds(&self) -> u32 {
        let by_number = || self.rate().zip(self.messages).map(|(rate, n)| f64::from(n) / rate);
        let seconds = by_number().unwrap_or(self.duration.unwrap_or(DURATION_DEFAULT));
        #[expect(clippy::cast_sign_loss, reason = "it is positive")]
        let width = (seconds / BINS_MAX).ceil().max(1.0) as u32;
        width
    }
}

/// Clients of a hundred that may leave in a minute: each one after a second, on average.
const CHURN_MAX: f64 = 6000.0;

/// Longer than anybody waits; it keeps durations within what the clock can hold.
const SECONDS_MAX: f64 = 1e8;

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= SECONDS_MAX => Ok(number),
        _ => Err(format!("a number from 0 to {SECONDS_MAX}, and not 0, is needed")),
    }
}
