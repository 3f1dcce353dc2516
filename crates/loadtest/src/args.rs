//! What a load test is told.

use clap::{Args, ValueEnum};

/// Options of `palabre bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Server to load; several share the clients between them
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub url: Vec<String>,

    /// Connections, each of them one stock Socket.IO client
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=CLIENTS_MAX))]
    pub clients: u32,

    /// Messages per second, over all senders
    #[arg(long, value_name = "R", default_value_t = 10.0, value_parser = positive)]
    pub rate: f64,

    /// How many of the clients send [default: 10, or all if there are fewer]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub senders: Option<u32>,

    /// Seconds for which messages are sent
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = positive)]
    pub duration: f64,

    /// Bytes of a message's text, at least what its number needs
    #[arg(long, value_name = "BYTES", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=SIZE_MAX))]
    pub size: u32,

    /// Seconds without any progress after which what is still missing is given up
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = positive)]
    pub patience: f64,

    /// How the clients connect
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,

    /// Local server process whose memory and CPU time are reported (Linux)
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,

    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

const CLIENTS_MAX: i64 = 1_000_000;
/// Half of what a stock server accepts in one message.
const SIZE_MAX: i64 = 500_000;
const SENDERS_DEFAULT: u32 = 10;

/// How the clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// WebSocket from the start, without polling.
    Websocket,
}

impl BenchArgs {
    /// How many of the clients send.
    pub(crate) fn senders(&self) -> u32 {
        self.senders.unwrap_or(SENDERS_DEFAULT).min(self.clients)
    }
}

/// Longer than anybody waits; it keeps durations within what the clock can hold.
const SECONDS_MAX: f64 = 1e8;

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= SECONDS_MAX => Ok(number),
        _ => Err(format!("a number from 0 to {SECONDS_MAX}, and not 0, is needed")),
    }
}
