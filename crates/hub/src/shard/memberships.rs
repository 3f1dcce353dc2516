//! Which topics a socket is in. Nearly every socket is in one or two: those need no memory beside
//! the socket's own.

use super::slots::Place;

/// That a socket is in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    /// Where the roster has the topic.
    pub(super) topic: Place,
    /// Where the topic's list names the socket.
    pub(super) position: u32,
}

/// All memberships of one socket; at most one of each topic.
#[derive(Debug, Default)]
pub(super) enum Memberships {
    #[default]
    None,
    One([Membership; 1]),
    Two([Membership; 2]),
    #[expect(clippy::box_collection, reason = "a vector itself would make every socket larger")]
    Many(Box<Vec<Membership>>),
}

impl Memberships {
    pub(super) fn all(&self) -> &[Membership] {
        match self {
            Self::None => &[],
            Self::One(one) => one,
            Self::Two(two) => two,
            Self::Many(many) => many,
        }
    }

    pub(super) fn add(&mut self, added: Membership) {
        *self = match std::mem::take(self) {
            Self::None => Self::One([added]),
            Self::One([one]) => Self::Two([one, added]),
            Self::Two([one, two]) => Self::Many(Box::new(vec![one, two, added])),
            Self::Many(mut many) => {
                many.push(added);
                Self::Many(many)
            }
        };
    }

    /// Takes out the membership of a topic, if there is one.
    pub(super) fn remove(&mut self, topic: Place) -> Option<Membership> {
        let index = self.all().iter().position(|each| each.topic == topic)?;
        let removed = self.all()[index];
        *self = match std::mem::take(self) {
            Self::None | Self::One(_) => Self::None,
            Self::Two(two) => Self::One([two[1 - index]]),
            Self::Many(mut many) => {
                many.swap_remove(index);
                match many[..] {
                    [one, two] => Self::Two([one, two]),
                    _ => Self::Many(many),
                }
            }
        };
        Some(removed)
    }

    /// Notes the new position in the list of a topic.
    pub(super) fn move_to(&mut self, moved: Membership) {
        let all = match self {
            Self::None => &mut [],
            Self::One(one) => &mut one[..],
            Self::Two(two) => two,
            Self::Many(many) => many,
        };
        if let Some(membership) = all.iter_mut().find(|each| each.topic == moved.topic) {
            *membership = moved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topic: Place) -> Membership {
        Membership { topic, position: topic * 10 }
    }

    #[test]
    fn memberships_come_and_go_in_any_number() {
        assert_eq!(size_of::<Memberships>(), 24);
        for count in 0..6 {
            for gone in 0..count {
                let mut memberships = Memberships::default();
                (0..count).for_each(|topic| memberships.add(of(topic)));
                assert_eq!(memberships.remove(99), None);
                assert_eq!(memberships.remove(gone), Some(of(gone)));
                let mut left: Vec<_> = memberships.all().iter().map(|each| each.topic).collect();
                left.sort_unstable();
                assert_eq!(left, (0..count).filter(|topic| *topic != gone).collect::<Vec<_>>());
                for topic in left {
                    let moved = Membership { topic, position: 1 };
                    memberships.move_to(moved);
                    assert_eq!(memberships.remove(topic), Some(moved));
                }
                assert!(matches!(memberships, Memberships::None), "{memberships:?}");
            }
        }
    }
}
