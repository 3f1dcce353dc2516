//! Values side by side in memory, each at a place that it keeps until it is removed.

/// A place among [`Slots`].
pub(super) type Place = u32;

/// Places that were left are taken again. When the last value is gone all memory is given back.
#[derive(Debug)]
pub(super) struct Slots<T> {
    places: Vec<Option<T>>,
    free: Vec<Place>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    pub(super) fn insert(&mut self, value: T) -> Place {
        if let Some(place) = self.free.pop() {
            self.places[place as usize] = Some(value);
            return place;
        }
        self.places.push(Some(value));
        Place::try_from(self.places.len() - 1).expect("fewer than fit into memory")
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<T> {
        let value = self.places.get_mut(place as usize)?.take()?;
        self.free.push(place);
        if self.free.len() == self.places.len() {
            *self = Self::default();
        }
        Some(value)
    }

    pub(super) fn get(&self, place: Place) -> Option<&T> {
        self.places.get(place as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.places.get_mut(place as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_places_and_left_ones_are_taken_again() {
        let mut slots = Slots::default();
        let places: Vec<_> = ('a'..='d').map(|value| slots.insert(value)).collect();
        assert_eq!(slots.remove(places[1]), Some('b'));
        assert_eq!(slots.remove(places[1]), None);
        assert_eq!(slots.insert('e'), places[1]);
        let values: Vec<_> = places.iter().filter_map(|place| slots.get(*place)).collect();
        assert_eq!(values, [&'a', &'e', &'c', &'d']);
        assert_eq!(slots.get_mut(99), None);
        for place in places {
            slots.remove(place);
        }
        assert_eq!((slots.places.capacity(), slots.free.capacity()), (0, 0));
    }
}
