//! Which dead letters there are: where each stands in the file, and how many bytes it takes there.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use super::delivery_order::Sequence;

/// So many removed letters are remembered, so that a caller who reads page by page can go on behind one of them.
const MOST_REMEMBERED: usize = 10_000;

#[derive(Default)]
pub(super) struct DeadLetterIndex {
    letters: BTreeMap<Sequence, Letter>,
    /// By their ids, hashed; also those that were taken away lately.
    places: HashMap<u64, Sequence>,
    taken_away: VecDeque<(u64, Sequence)>,
    bytes: u64,
    hasher: RandomState,
}

struct Letter {
    id: u64,
    size: usize,
}

impl DeadLetterIndex {
    /// Notes a dead letter, or the size of one that is noted already.
    pub(super) fn add(&mut self, sequence: Sequence, id: &str, size: usize) {
        let id = self.hasher.hash_one(id);
        self.bytes += size as u64;
        let before = self.letters.insert(sequence, Letter { id, size });
        self.bytes -= before.map_or(0, |letter| letter.size) as u64;
        self.places.insert(id, sequence);
    }

    /// Notes that there is no such dead letter any more, if there was one.
    pub(super) fn remove(&mut self, sequence: Sequence) {
        let Some(letter) = self.letters.remove(&sequence) else { return };
        self.bytes -= letter.size as u64;
        self.taken_away.push_back((letter.id, sequence));
        if self.taken_away.len() > MOST_REMEMBERED
            && let Some((id, sequence)) = self.taken_away.pop_front()
            && self.places.get(&id) == Some(&sequence)
        {
            self.places.remove(&id);
        }
    }

    /// Where the letter with this id stands, or stood.
    pub(super) fn place(&self, id: &str) -> Option<Sequence> {
        self.places.get(&self.hasher.hash_one(id)).copied()
    }

    /// Where all of them stand, or those with these ids, in order.
    pub(super) fn places(&self, ids: Option<&[String]>) -> Vec<Sequence> {
        let Some(ids) = ids else { return self.letters.keys().copied().collect() };
        let mut places: Vec<_> = ids.iter().filter_map(|id| self.place(id)).collect();
        places.retain(|place| self.letters.contains_key(place));
        places.sort_unstable();
        places.dedup();
        places
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> DeadLetterIndex {
        let mut dead = DeadLetterIndex::default();
        for (place, id, size) in [(7, "g", 10), (3, "c", 20), (5, "e", 30)] {
            dead.add(place, id, size);
        }
        dead
    }

    #[test]
    fn letters_are_found_by_their_ids_in_order() {
        let dead = three();
        assert_eq!((dead.len(), dead.bytes()), (3, 60));
        assert_eq!(dead.places(None), [3, 5, 7]);
        assert_eq!(dead.places(Some(&["g", "c", "x", "g"].map(String::from))), [3, 7]);
    }

    #[test]
    fn one_that_was_taken_away_still_has_its_place() {
        let mut dead = three();
        dead.remove(5);
        dead.remove(5);
        assert_eq!((dead.len(), dead.bytes(), dead.place("e"), dead.place("x")), (2, 30, Some(5), None));
        assert!(dead.places(Some(&["e".to_owned()])).is_empty());
        // Sent again in vain, it stands elsewhere.
        dead.add(9, "e", 1);
        assert_eq!(dead.place("e"), Some(9));
        for place in 100..100 + MOST_REMEMBERED as Sequence {
            dead.add(place, &place.to_string(), 1);
            dead.remove(place);
        }
        assert_eq!((dead.place("e"), dead.place("100")), (Some(9), Some(100)));
        dead.add(20, "t", 1);
        dead.remove(20);
        assert_eq!(dead.place("100"), None);
    }
}
