//! The client side on `wire`: loads a running server and counts what it does with it.
//!
//! Speaks plain Socket.IO, as any stock client, or the chat protocol; knows nothing of the
//! server's inside. The command line and the exit code belong to whoever calls [`bench()`] and
//! [`chaos()`].

mod args;
mod bench;
mod chaos;
mod client;
mod footprint;
mod ledger;
mod meter;
mod packet;
mod report;
mod run;
mod target;

pub use args::{BenchArgs, Transport};
pub use bench::bench;
pub use chaos::{ChaosArgs, Fault, Scenario, Verdict, chaos};
pub use footprint::Memory;
pub use report::{Latency, Report};
