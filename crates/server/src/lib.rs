//! Palabre as a server: configuration, the chat as the gateway serves it, the site beside it.
//! The only crate where all others meet.
//!
//! [`Server::start`] is the wiring diagram.

pub mod application;
pub mod cli;
mod clock;
pub mod config;
pub mod control;
pub mod forward;
pub mod metrics;
pub mod neighbours;
pub mod presence;
pub mod pulse;
pub mod sequencer;
pub mod serve;
pub mod site;
pub mod start;
pub mod trace;

pub use start::{Server, StartError, open_log};
