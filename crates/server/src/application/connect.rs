//! How a socket comes in: what kind of client it is, who it is, and its place in the order.

use std::time::Duration;

use chat::Refusal;
use gateway::{Accepted, Connect, Handshake, Refused};
use hub::CloseReason;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::{
    Chat, identity,
    identity::Signer,
    member::Member,
    recovery::{Attempt, Pass, Pid, first_record},
};
use crate::{
    clock::within,
    sequencer::order::{Audience, Place},
};

/// How long a socket waits for the log's first sight; then its transport is closed, so that it
/// comes back. Never a CONNECT_ERROR: stock clients would not come back from that.
pub(super) const PLACE_WAIT: Duration = Duration::from_secs(5);

/// What a palabre client says of itself in the CONNECT payload.
#[derive(Deserialize)]
struct Introduction {
    name: Option<String>,
    token: Option<String>,
}

impl Chat {
    /// Admits a socket, or says why not.
    pub(super) async fn admit(&self, request: Connect) -> Result<Accepted, Refused> {
        if &*request.namespace != "/" {
            return Err(Refused::invalid_namespace());
        }
        match introduction(request.auth.as_deref()) {
            None => self.admit_stock(&request).await,
            // Boxed, as is what few others need: every connection pays for the largest way in.
            Some(Ok(introduction)) => Box::pin(self.admit_palabre(&request, introduction)).await,
            Some(Err(error)) => Err(refused(&Refusal::bad_request(error.to_string()))),
        }
    }

    async fn admit_palabre(
        &self,
        request: &Connect,
        introduction: Introduction,
    ) -> Result<Accepted, Refused> {
        let signer = self.signer().await?;
        let known = introduction.token.as_deref().and_then(|token| signer.user_of(token));
        let user = known.unwrap_or_else(identity::new_user);
        let name = match introduction.name {
            Some(name) => chat::names::display_name(&name, self.0.limits.name_chars)
                .map_err(|refusal| refused(&refusal))?
                .into(),
            None => identity::guest_name(&user),
        };
        self.place(request, Audience::Palabre, None).await?;
        let welcome = self.0.welcome.palabre(&user, &name, &signer.token(&user));
        Ok(Accepted {
            sid: None,
            pid: None,
            first: vec![welcome],
            missed: None,
            state: Box::new(Member::new(Audience::Palabre, user, name)),
        })
    }

    async fn admit_stock(&self, request: &Connect) -> Result<Accepted, Refused> {
        let audience = stock_audience(&request.handshake);
        let keeper = self.0.keeper.as_ref().filter(|_| audience == Audience::Stock);
        let mut placed = None;
        if let (Some(keeper), Some(pass)) = (keeper, Pass::of(request.auth.as_deref())) {
            match Box::pin(self.take_up(request, keeper, pass)).await? {
                Attempt::Recovered(accepted) => return Ok(accepted),
                Attempt::Placed(place) => placed = Some(place),
                Attempt::Lost => {}
            }
        }
        let lobby = &self.0.lobby;
        let place = match placed {
            Some(place) => place,
            None => self.place(request, audience, Some(lobby.as_str())).await?,
        };
        let user = identity::new_user();
        let member = Member::new(audience, user.clone(), identity::guest_name(&user));
        self.seat(&member, lobby);
        let pid = keeper.map(|keeper| {
            let pid = Pid::random();
            let told = pid.as_str().into();
            let record = first_record(request.sid, &user, lobby.as_str(), &place);
            keeper.begin(request.key, &request.connection, pid, record);
            told
        });
        Ok(Accepted {
            sid: None,
            pid,
            first: vec![self.0.welcome.stock(audience, &place.cursor())],
            missed: None,
            state: Box::new(member),
        })
    }

    /// A place in the order for a new socket.
    async fn place(
        &self,
        request: &Connect,
        audience: Audience,
        room: Option<&str>,
    ) -> Result<Place, Refused> {
        let place = self.0.sequencer.admit(request.key, audience, room);
        match within(PLACE_WAIT, place).await {
            Some(Some(place)) => Ok(place),
            Some(None) => Err(Refused::Close(CloseReason::ShuttingDown)),
            None => Err(Refused::Close(CloseReason::Unavailable)),
        }
    }

    async fn signer(&self) -> Result<Signer, Refused> {
        let mut signer = self.0.signer.clone();
        let known = timeout(PLACE_WAIT, signer.wait_for(Option::is_some)).await;
        let unavailable = Refused::Close(CloseReason::Unavailable);
        match known {
            Ok(Ok(signer)) => signer.clone().ok_or(unavailable),
            Ok(Err(_)) | Err(_) => Err(unavailable),
        }
    }
}

/// What a client says of itself, where it is a palabre client: one whose payload has a number
/// from 1 on as `palabre`. Anything else is a stock client's own business.
fn introduction(auth: Option<&str>) -> Option<serde_json::Result<Introduction>> {
    let auth: serde_json::Value = serde_json::from_str(auth?).ok()?;
    (auth.get("palabre")?.as_u64()? > 0).then(|| serde_json::from_value(auth))
}

/// Clients whose handlers can't take one more argument: python-socketio, known by the shape of
/// its cache buster (seconds with a fraction; JavaScript's never has that), and those who ask.
fn stock_audience(handshake: &Handshake) -> Audience {
    if handshake.is_usual() {
        return Audience::Stock;
    }
    let seconds_with_fraction = |t: &str| {
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        t.split_once('.').is_some_and(|(whole, part)| all_digits(whole) && all_digits(part))
    };
    let python = handshake.query("t").is_some_and(|t| seconds_with_fraction(&t));
    let asked = handshake.query("cursor").is_some_and(|cursor| cursor == "0");
    if python || asked { Audience::StockPlain } else { Audience::Stock }
}

fn refused(refusal: &Refusal) -> Refused {
    let data = json!({ "code": refusal.code.as_str() });
    Refused::Error { message: refusal.message.clone(), data: Some(data.to_string()) }
}
