//! Whether the process lives, whether clients should come here, and what is counted.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{Response, StatusCode, header},
    response::IntoResponse,
};

use super::{Shared, problem};
use crate::metrics;

/// 200 only while this instance hears its own heartbeat through the log, and the others can know
/// of it.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response<Body> {
    if shared.leaving.is_cancelled() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "this instance is stopping");
    }
    if !shared.hub.is_running() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the fan-out of this instance has failed");
    }
    match shared.pulse.ready() {
        Ok(()) if !shared.neighbours.is_announced() => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "this instance is not registered yet")
        }
        Ok(()) => "ready\n".into_response(),
        Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

/// All metrics in the Prometheus text format.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], metrics::encode(&shared.registry)).into_response()
}
