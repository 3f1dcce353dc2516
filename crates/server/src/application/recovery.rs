//! Recovery of stock clients: a client that was cut off takes up its session on any instance and
//! is sent exactly what it missed, or gets a new session and is told so. All or nothing.
//!
//! Owns the decision and its order; the session records are [`keeper`]'s, what was missed is found
//! by [`missed`], where the socket enters is the sequencer's.

pub mod keeper;
#[doc(hidden)]
pub mod measured;
mod missed;
mod record;

use std::sync::Arc;

use broker::{Head, partition_of};
use gateway::{Accepted, Connect, Refused, SocketId};
use hub::CloseReason;
use tokio::time::timeout;

use super::{Chat, connect::PLACE_WAIT, identity, member::Member};
use crate::{
    metrics::Recovered,
    sequencer::{
        cursor,
        order::{Audience, Place, Wanted},
    },
};
use keeper::{Claimed, Keeper, Lease};
use missed::Missed;
pub(super) use record::Pid;
use record::Session;

/// What a stock client brings back of its earlier session.
pub(super) struct Pass {
    /// The session's private id.
    pid: Pid,
    /// The cursor of the last event that it got; none where it got none.
    cursor: Option<Box<str>>,
}

/// What became of an attempt to take up a session.
pub(super) enum Attempt {
    /// It goes on.
    Recovered(Accepted),
    /// It can't: the client gets a new one.
    Lost,
    /// The same, and the socket has its place already: in the lobby and nowhere else.
    Placed(Place),
}

/// Why a session is not taken up now.
enum Failure {
    /// Nothing is kept of it.
    Unknown,
    /// Something of it is lost, or can't be read.
    Lost(Recovered),
    /// The same, and the socket has its place already: in the lobby and nowhere else.
    LostAt(Place, Recovered),
    /// It may be possible in a moment, or elsewhere: the client is to come back.
    NotNow(Recovered),
}

/// A session that is being taken up.
struct Return<'a> {
    request: &'a Connect,
    session: Session,
    /// The cursor that the client came with.
    cursor: Option<Vec<Head>>,
    wanted: Arc<[Wanted]>,
}

/// The record of a new session.
pub(super) fn first_record(sid: SocketId, user: &str, room: &str, place: &Place) -> Box<[u8]> {
    record::encode(sid, user, [(room, place.head_of(room))].into_iter())
}

impl Pass {
    /// Reads what the CONNECT payload says, if it says anything of an earlier session.
    pub(super) fn of(auth: Option<&str>) -> Option<Self> {
        let auth: serde_json::Value = serde_json::from_str(auth?).ok()?;
        let text = |key: &str| auth.get(key).and_then(|value| value.as_str());
        let pid = Pid::parse(text("pid")?)?;
        let cursor = match auth.get("offset") {
            // A client that was sent nothing yet leaves it out.
            None => None,
            Some(offset) => Some(offset.as_str()?.into()),
        };
        Some(Self { pid, cursor })
    }
}

impl Chat {
    /// Takes up a session, if all that its client missed can be had. Where that must wait the
    /// transport is closed, and never a CONNECT_ERROR sent: stock clients would not come back
    /// from that.
    pub(super) async fn take_up(
        &self,
        request: &Connect,
        keeper: &Keeper,
        pass: Pass,
    ) -> Result<Attempt, Refused> {
        let lease = keeper.lease(request.key, &request.connection, pass.pid.clone());
        let failure = match self.claim(request, keeper, &lease, pass).await {
            Ok(accepted) => return Ok(Attempt::Recovered(accepted)),
            Err(failure) => failure,
        };
        match failure {
            Failure::Unknown => {
                self.0.metrics.count_recovery(Recovered::NoRecord);
                keeper.let_go(&lease);
                Ok(Attempt::Lost)
            }
            Failure::Lost(why) => {
                self.0.metrics.count_recovery(why);
                keeper.give_up(&lease);
                Ok(Attempt::Lost)
            }
            Failure::LostAt(place, why) => {
                self.0.metrics.count_recovery(why);
                keeper.give_up(&lease);
                Ok(Attempt::Placed(place))
            }
            Failure::NotNow(why) => {
                self.0.metrics.count_recovery(why);
                keeper.let_go(&lease);
                Err(Refused::Close(CloseReason::Unavailable))
            }
        }
    }

    async fn claim(
        &self,
        request: &Connect,
        keeper: &Keeper,
        lease: &Lease,
        pass: Pass,
    ) -> Result<Accepted, Failure> {
        let record = match keeper.claim(lease).await {
            Claimed::Record(record) => record,
            Claimed::Nothing => return Err(Failure::Unknown),
            Claimed::Unavailable => return Err(Failure::NotNow(Recovered::Unavailable)),
        };
        // From here on the connection before can write nothing more; it may only be open still.
        keeper.replace(&record.owner);
        let session = Session::decode(&record.bytes).ok_or(Failure::Lost(Recovered::NoRecord))?;
        let partitions = usize::from(self.0.broker.partitions());
        let read = |text: Box<str>| {
            cursor::parse(&text, partitions).ok_or(Failure::Lost(Recovered::PastLost))
        };
        let cursor = pass.cursor.map(read).transpose()?;
        let wanted = session.wanted(cursor.as_deref()).into();
        let back = Return { request, session, cursor, wanted };
        self.come_as_far(&back).await?;
        let accepted = self.go_on(back, lease.pid().as_str()).await?;
        lease.took_up(record.bytes[..].into());
        Ok(accepted)
    }

    /// Waits until this instance has come as far as the client has.
    async fn come_as_far(&self, back: &Return<'_>) -> Result<(), Failure> {
        let lobby = self.0.lobby.as_str();
        if !back.wanted.iter().any(|wanted| &*wanted.room == lobby) {
            // The lobby is another one since the session began.
            return Err(Failure::Lost(Recovered::PastLost));
        }
        if timeout(PLACE_WAIT, self.0.sequencer.reach(&back.wanted)).await.is_ok() {
            return Ok(());
        }
        for Wanted { room, after } in back.wanted.iter() {
            let partition = partition_of(room, self.0.broker.partitions());
            let Ok(Ok(head)) = timeout(PLACE_WAIT, self.0.broker.head(partition)).await else {
                return Err(Failure::NotNow(Recovered::Unavailable));
            };
            if head.epoch != after.epoch || head.seq < after.seq {
                // The client knows what the log does not know any more.
                return Err(Failure::Lost(Recovered::PastLost));
            }
        }
        Err(Failure::NotNow(Recovered::Behind))
    }

    /// Gives the socket its place and finds what it missed up to there.
    async fn go_on(&self, back: Return<'_>, pid: &str) -> Result<Accepted, Failure> {
        let (key, audience) = (back.request.key, Audience::Stock);
        let returned = self.0.sequencer.come_back(key, audience, back.wanted.clone());
        let Ok(Some(returned)) = timeout(PLACE_WAIT, returned).await else {
            return Err(Failure::NotNow(Recovered::Unavailable));
        };
        let found = missed::find(&*self.0.broker, &back.wanted, &returned).await;
        let place = returned.place;
        let missed = match found {
            Ok(Missed::Known(missed, from)) => {
                self.0.metrics.count_recovery(from);
                missed
            }
            Ok(Missed::Lost(why)) => {
                self.leave_rooms(&back, |room| room != self.0.lobby.as_str()).await;
                return Err(Failure::LostAt(place, why));
            }
            Err(error) => {
                tracing::warn!(%error, "what a client missed could not be read");
                self.leave_rooms(&back, |_| true).await;
                return Err(Failure::NotNow(Recovered::Unavailable));
            }
        };
        let Return { session, cursor, wanted, .. } = back;
        let cursor = cursor.unwrap_or_else(|| record::before(&wanted, &place.heads));
        let name = identity::guest_name(&session.user);
        let member = Member::new(audience, session.user, name);
        for room in wanted.iter().filter_map(|wanted| chat::RoomKey::parse(&wanted.room).ok()) {
            self.seat(&member, &room);
        }
        Ok(Accepted {
            sid: Some(session.sid),
            pid: Some(pid.into()),
            first: vec![self.0.welcome.stock(audience, &cursor::text(&cursor))],
            missed: Some(missed.frames(wanted, &place.heads)),
            state: Box::new(member),
        })
    }

    async fn leave_rooms(&self, back: &Return<'_>, which: impl Fn(&str) -> bool) {
        for Wanted { room, .. } in back.wanted.iter().filter(|wanted| which(&wanted.room)) {
            self.0.sequencer.leave(back.request.key, Audience::Stock, room.clone()).await;
        }
    }
}
