//! Connections of one instance: the accept loop, HTTP, the polling and WebSocket transports,
//! Engine.IO v4 sessions and Socket.IO v5 namespaces.
//!
//! An [`Application`] is served through [`SocketLayer`] (Socket.IO), an [`EngineApplication`]
//! directly (Engine.IO alone). Everything that isn't under the engine's path goes to a [`Site`].
//! What a packet looks like belongs to `wire`, fan-out and outboxes to `hub`. This crate knows
//! no chat and no log.

mod application;
mod config;
mod connection;
mod core;
mod drain;
mod engine;
mod gateway;
mod greeting;
mod handshake;
mod http;
mod ids;
mod layer;
mod listener;
mod metrics;
mod peers;
mod places;
mod random;
mod relay;
mod scratch;
mod session;
mod sessions;
mod site;
mod socket;
mod timers;
mod websocket;
mod wheel;

pub use application::{Accepted, Application, BoxFuture, Connect, Frames, Refused};
pub use config::{Config, Cors, Origins};
pub use engine::{EngineApplication, EngineSession, Flow, Message};
pub use gateway::Gateway;
pub use handshake::Handshake;
pub use ids::SocketId;
pub use layer::SocketLayer;
pub use listener::Listener;
pub use metrics::Metrics;
pub use peers::{NoAnswer, Peers, Question, Stranger, Tag};
pub use random::{random, random_letters};
pub use session::Session;
pub use site::{NoSite, Site, SiteBody, site_body};
pub use socket::{Ack, Event, Reply, Socket};
