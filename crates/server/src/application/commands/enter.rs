//! Entering a room: a place in the order, and an answer that shows the room up to there.

use broker::{Error, Head};
use chat::{
    Code, Refusal, RoomKey,
    about::About,
    command::Position,
    render::{self, Entered},
};
use gateway::{Ack, Socket};
use tokio::time::timeout;

use super::{
    super::{
        Chat,
        connect::PLACE_WAIT,
        member::{Admitted, Member},
        pages::{self, Joined},
    },
    unreadable,
};
use crate::sequencer::order::Wanted;

impl Chat {
    pub(super) async fn join(
        &self,
        socket: &Socket,
        member: &Member,
        room: RoomKey,
        after: Option<Position>,
        limit: usize,
        ack: Option<Ack>,
    ) {
        let _turn = member.turn().await;
        if !member.is_in(&room) {
            let admitted = match self.check_rooms(member) {
                Ok(()) => self.open_door(member, &room).await,
                refused => refused,
            };
            if let Err(refusal) = admitted {
                return self.answer(socket, ack, Err(refusal)).await;
            }
        }
        self.enter(socket, member, room, after, limit, ack).await;
    }

    pub(super) async fn create(
        &self,
        socket: &Socket,
        member: &Member,
        room: RoomKey,
        title: Option<Box<str>>,
        private: bool,
        ack: Option<Ack>,
    ) {
        let _turn = member.turn().await;
        if let Err(refusal) = self.create_room(member, &room, title, private).await {
            return self.answer(socket, ack, Err(refusal)).await;
        }
        self.enter(socket, member, room, None, self.0.limits.page, ack).await;
    }

    async fn create_room(
        &self,
        member: &Member,
        room: &RoomKey,
        title: Option<Box<str>>,
        private: bool,
    ) -> Result<(), Refusal> {
        let taken = || Refusal::new(Code::Conflict, "there is such a room already");
        if *room == self.0.lobby {
            return Err(taken());
        }
        if !member.is_in(room) {
            self.check_rooms(member)?;
        }
        let about = About::made_by(&member.user, title, private);
        let made = self.make(member, room, &about).await?;
        if made { Ok(()) } else { Err(taken()) }
    }

    /// Whether a member may be in one room more.
    fn check_rooms(&self, member: &Member) -> Result<(), Refusal> {
        if member.rooms() < self.0.limits.rooms_per_socket {
            return Ok(());
        }
        Err(Refusal::new(Code::TooLarge, "this connection is in too many rooms"))
    }

    /// Gives a socket, whose turn it is, its place in a room, and answers with what is to be seen
    /// from there.
    async fn enter(
        &self,
        socket: &Socket,
        member: &Member,
        room: RoomKey,
        after: Option<Position>,
        limit: usize,
        ack: Option<Ack>,
    ) {
        let again = member.is_in(&room);
        let Some(mut shown) = self.look(socket, member, &room, after.clone(), limit).await else {
            return;
        };
        if let Ok(Joined { behind: Some(head), .. }) = shown {
            self.catch_up(socket, member, &room, head).await;
            shown = match self.look(socket, member, &room, after, limit).await {
                Some(Ok(Joined { behind: Some(_), .. })) => {
                    Err(Error::Unavailable("this instance lags behind its client".into()))
                }
                Some(shown) => shown,
                None => return,
            };
        }
        let admitted = match &shown {
            _ if again => Admitted::Yes,
            Ok(_) => self.seat(member, &room),
            Err(_) => Admitted::Gone,
        };
        if admitted == Admitted::Gone {
            let room = room.as_str().into();
            self.0.sequencer.leave(socket.key(), member.audience, room).await;
        }
        let text = match shown {
            Ok(shown) => {
                let about = About::of(shown.about.as_deref());
                let entered = Entered {
                    reset: shown.reset,
                    members: self.0.presence.count(room.as_str()),
                    title: about.title.as_deref(),
                };
                render::joined(room.as_str(), &shown.stretch, &entered)
            }
            Err(error) => unreadable(&error).to_answer(),
        };
        let first = ack.map(|ack| ack.into_frame(&[&text])).into_iter().collect();
        self.0.hub.release(socket.key(), first).await;
    }

    /// A place in the room, from where on the socket's frames wait, and what is to be seen there.
    /// `None` where the instance is ending.
    async fn look(
        &self,
        socket: &Socket,
        member: &Member,
        room: &RoomKey,
        after: Option<Position>,
        limit: usize,
    ) -> Option<Result<Joined, Error>> {
        let again = member.is_in(room);
        let place = self.0.sequencer.join(socket.key(), member.audience, room.as_str(), again);
        let head = place.await?.head_of(room.as_str());
        Some(pages::join(&*self.0.broker, room.as_str(), after, limit, head).await)
    }

    /// Gives a place back that lies before what the client knows already, from another instance,
    /// and waits until this one has come as far.
    async fn catch_up(&self, socket: &Socket, member: &Member, room: &RoomKey, after: Head) {
        let key = socket.key();
        if !member.is_in(room) {
            self.0.sequencer.leave(key, member.audience, room.as_str().into()).await;
        }
        self.0.hub.release(key, Vec::new()).await;
        let wanted = [Wanted { room: room.as_str().into(), after }];
        // Who looks again afterwards sees whether it was long enough.
        let _ = timeout(PLACE_WAIT, self.0.sequencer.reach(&wanted)).await;
    }

    /// Notes that a socket is in a room from now on, for all who ask who is there.
    pub(in super::super) fn seat(&self, member: &Member, room: &RoomKey) -> Admitted {
        // Before it is admitted: who goes in this moment must be able to leave it.
        let Member { user, audience, .. } = member;
        self.0.presence.join(room.as_str(), user, &member.name(), *audience);
        let admitted = member.admit(room.clone());
        if admitted == Admitted::Gone {
            self.0.presence.leave(room.as_str(), user, *audience);
        }
        admitted
    }
}
