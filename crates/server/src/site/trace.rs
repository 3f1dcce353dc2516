//! `GET /api/v1/trace/{room}/{offset}`: how an entry travelled, for members of its room and for
//! who has the admin token. It never shows anything of sessions.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
};
use chat::RoomKey;
use subtle::ConstantTimeEq;

use super::{Shared, problem};

pub(super) async fn trace(
    State(shared): State<Arc<Shared>>,
    Path((room, offset)): Path<(String, u64)>,
    headers: HeaderMap,
) -> Response<Body> {
    let room = match RoomKey::parse(&room) {
        Ok(room) => room,
        Err(refusal) => return problem(StatusCode::BAD_REQUEST, &refusal.message),
    };
    match shared.access(&headers, &room) {
        Access::Granted => {}
        Access::Unknown => {
            let mut refused = problem(
                StatusCode::UNAUTHORIZED,
                "an Authorization header with the admin token or a member's token is needed",
            );
            let bearer = header::HeaderValue::from_static("Bearer");
            refused.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
            return refused;
        }
        Access::Forbidden => {
            return problem(StatusCode::FORBIDDEN, "only members of the room may see this");
        }
    }
    let journey = shared.journeys.of(room.as_str(), offset).await;
    if !journey.is_known() {
        let why = "no instance knows the way of this entry: there is no such entry, or it is old";
        return problem(StatusCode::NOT_FOUND, why);
    }
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (headers, axum::Json(journey)).into_response()
}

enum Access {
    Granted,
    /// Nobody that we know.
    Unknown,
    /// Somebody who isn't in the room.
    Forbidden,
}

impl Shared {
    fn access(&self, headers: &HeaderMap, room: &RoomKey) -> Access {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = given.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Access::Unknown;
        };
        let admin = self.admin_token.as_ref().map(|token| token.expose().as_bytes());
        if admin.is_some_and(|admin| bool::from(admin.ct_eq(token.as_bytes()))) {
            return Access::Granted;
        }
        let user = self.signer.borrow().as_ref().and_then(|signer| signer.user_of(token));
        match user {
            Some(user) if self.presence.has(room.as_str(), &user) => Access::Granted,
            Some(_) => Access::Forbidden,
            None => Access::Unknown,
        }
    }
}
