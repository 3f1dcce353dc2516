//! The gateway over real sockets: the public suites' cases, every rule beside them, and input
//! that means no good.

#[allow(dead_code, reason = "shared with the examples")]
#[path = "../../examples/echo/applications.rs"]
mod applications;
mod compression;
mod cors;
mod drain;
mod engine_suite;
mod errors;
mod hostile;
mod layer;
mod limits;
mod metrics;
mod peers;
mod polling;
mod quick;
mod shared;
mod site;
mod socket_suite;
mod support;
mod upgrade;
