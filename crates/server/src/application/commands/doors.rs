//! Who may enter a room and read it: one that is private its members only, one that doesn't exist
//! nobody, unless joining makes it.

use broker::{Range, RoomPage};
use chat::{Code, Refusal, RoomKey, about::About};

use super::{
    super::{Chat, member::Member, pages},
    unavailable, unreadable,
};

/// How often a room is looked at anew that others make or lose at the same moment.
const LOOKS: usize = 3;

impl Chat {
    /// Whether a member may read a room of which the log says this.
    pub(super) fn check_door(
        &self,
        member: &Member,
        room: &RoomKey,
        exists: bool,
        about: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        // The lobby is there from the start, and everybody's.
        if *room == self.0.lobby {
            return Ok(());
        }
        if !exists {
            return Err(Refusal::new(Code::NotFound, "there is no such room"));
        }
        if !About::of(about).admits(&member.user) {
            return Err(Refusal::new(Code::Forbidden, "this room is private"));
        }
        Ok(())
    }

    /// Whether a member may look at a room: it is in it, or may enter it.
    pub(super) async fn look_in(&self, member: &Member, room: &RoomKey) -> Result<(), Refusal> {
        if member.is_in(room) || *room == self.0.lobby {
            return Ok(());
        }
        let page = self.look_at(room).await?;
        self.check_door(member, room, pages::exists(&page), page.about.as_deref())
    }

    /// Whether a member may enter a room, which is made where it doesn't exist and may be.
    pub(super) async fn open_door(&self, member: &Member, room: &RoomKey) -> Result<(), Refusal> {
        if *room == self.0.lobby {
            return Ok(());
        }
        for _ in 0..LOOKS {
            let page = self.look_at(room).await?;
            let exists = pages::exists(&page);
            if exists || !self.0.open_rooms {
                return self.check_door(member, room, exists, page.about.as_deref());
            }
            if self.make(member, room, &About::default()).await? {
                return Ok(());
            }
        }
        Err(unavailable("the room comes and goes; try again"))
    }

    /// Makes a room; `false` where it exists.
    pub(super) async fn make(
        &self,
        member: &Member,
        room: &RoomKey,
        about: &About,
    ) -> Result<bool, Refusal> {
        member.may_make_room(self.0.limits.rooms_made, self.0.presence.now())?;
        let made = self.0.broker.create_room(room.as_str(), about.encode()).await;
        made.map_err(|error| {
            tracing::warn!(%error, "a room could not be made");
            unavailable("the log can't be reached; the room may have been made")
        })
    }

    async fn look_at(&self, room: &RoomKey) -> Result<RoomPage, Refusal> {
        let page = self.0.broker.read_room(room.as_str(), Range::Newest, 1).await;
        page.map_err(|error| unreadable(&error))
    }
}
