//! A table of session keys that never grows: open addressing with linear probing, 20 bytes a place and nothing beside. (A
//! hashbrown table of as many places has a byte of its own for each, and the allocator rounds the sum up by an eighth.)

use super::Key;

/// 20,480 bytes: a size that allocators have, and few enough entries to move that nobody notices.
const PLACES: usize = 1024;

/// Entries of a full table: seven eighths, so that probes stay short.
pub(super) const TABLE_ENTRIES: usize = PLACES / 8 * 7;

/// Set in the `mark` of a reservation, whose other bits say whose it is. A session's mark is the tick of its expiry.
pub(super) const HELD: u32 = 1 << 31;

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Zero where there is none.
    pub(super) mark: u32,
}

impl Entry {
    const NONE: Self = Self { key: Key([0; 16]), mark: 0 };

    /// A reservation has no expiry: the call that made it ends it.
    pub(super) fn lives(self, now: u32) -> bool {
        self.mark >= HELD || self.mark > now
    }
}

pub(super) struct Table {
    places: Box<[Entry]>,
    pub(super) len: usize,
    /// How many first bits all its keys have in common.
    pub(super) depth: u32,
    /// Nothing in here expires before.
    pub(super) earliest: u32,
}

impl Table {
    pub(super) fn new(depth: u32) -> Self {
        Self { places: empty(), len: 0, depth, earliest: HELD }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == TABLE_ENTRIES
    }

    pub(super) fn find(&mut self, key: Key) -> Option<&mut Entry> {
        let place = self.place_of(key);
        Some(&mut self.places[place]).filter(|entry| entry.mark != 0)
    }

    /// Adds an entry whose key is not in here to a table that is not full.
    pub(super) fn insert(&mut self, entry: Entry) {
        debug_assert!(!self.is_full() && entry.mark != 0);
        let place = self.place_of(entry.key);
        self.places[place] = entry;
        self.len += 1;
    }

    /// Removes a key; says whether it was here, and `matches`.
    pub(super) fn remove(&mut self, key: Key, matches: impl FnOnce(&Entry) -> bool) -> bool {
        let mut hole = self.place_of(key);
        if self.places[hole].mark == 0 || !matches(&self.places[hole]) {
            return false;
        }
        // Whoever was pushed past the hole moves up, so that a search need not go on behind an empty place.
        let mut next = after(hole);
        while self.places[next].mark != 0 {
            if distance(home(self.places[next].key), next) >= distance(hole, next) {
                self.places[hole] = self.places[next];
                hole = next;
            }
            next = after(next);
        }
        self.places[hole] = Entry::NONE;
        self.len -= 1;
        true
    }

    /// Removes what has expired and says how much that was.
    pub(super) fn sweep(&mut self, now: u32) -> usize {
        if self.earliest > now {
            return 0;
        }
        let before = self.len;
        self.extract(|entry| !entry.lives(now));
        let sessions = self.places.iter().filter(|entry| entry.mark != 0 && entry.mark < HELD);
        self.earliest = sessions.map(|entry| entry.mark).min().unwrap_or(HELD);
        before - self.len
    }

    /// The half whose next bit is set moves out.
    pub(super) fn split(&mut self) -> Self {
        let depth = self.depth + 1;
        self.depth = depth;
        let mut other = Self { earliest: self.earliest, ..Self::new(depth) };
        for entry in self.extract(|entry| prefix(entry.key, depth) & 1 == 1) {
            other.insert(entry);
        }
        other
    }

    /// Takes out what is `wanted`; the rest gets a new allocation, in which nobody is pushed aside by what has left.
    fn extract(&mut self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let all = std::mem::replace(&mut self.places, empty());
        self.len = 0;
        let mut extracted = Vec::new();
        for entry in all.into_iter().filter(|entry| entry.mark != 0) {
            if wanted(&entry) {
                extracted.push(entry);
            } else {
                self.insert(entry);
            }
        }
        extracted
    }

    /// Where a key is, or else where it would be. There is always an empty place.
    fn place_of(&self, key: Key) -> usize {
        let mut place = home(key);
        while self.places[place].mark != 0 && self.places[place].key != key {
            place = after(place);
        }
        place
    }
}

fn empty() -> Box<[Entry]> {
    vec![Entry::NONE; PLACES].into_boxed_slice()
}

fn after(place: usize) -> usize {
    (place + 1) % PLACES
}

/// Steps from one place on to another.
fn distance(from: usize, to: usize) -> usize {
    to.wrapping_sub(from) % PLACES
}

/// Keys are random already: one half finds the place in a table, the other the table.
fn home(key: Key) -> usize {
    let half = u64::from_le_bytes(std::array::from_fn(|i| key.0[i]));
    half as usize % PLACES
}

/// The first bits of the half that finds the table.
pub(super) fn prefix(key: Key, bits: u32) -> usize {
    let half = u64::from_le_bytes(std::array::from_fn(|i| key.0[8 + i]));
    half.checked_shr(64 - bits).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Few keys have this home, or the ones beside it, so that they push one another aside and round the end.
    fn crowded(number: u8) -> Key {
        let mut key = Key([number; 16]);
        key.0[..8].copy_from_slice(&(PLACES as u64 - 1 - u64::from(number % 3)).to_le_bytes());
        key
    }

    #[test]
    fn a_table_is_a_map_under_any_mixture_even_where_all_keys_want_one_place() {
        fastrand::seed(11);
        let (mut table, mut map) = (Table::new(0), HashMap::new());
        for _ in 0..20_000 {
            let (key, mark) = (crowded(fastrand::u8(..60)), fastrand::u32(1..HELD));
            let found = table.find(key).map(|entry| entry.mark);
            assert_eq!(found, map.get(&key.0).copied());
            match (fastrand::u8(0..3), found) {
                (0, _) => assert_eq!(table.remove(key, |_| true), map.remove(&key.0).is_some()),
                (1, Some(_)) => assert!(!table.remove(key, |_| false)),
                (_, None) => {
                    table.insert(Entry { key, mark });
                    map.insert(key.0, mark);
                }
                _ => {}
            }
            assert_eq!(table.len, map.len());
        }
    }

    #[test]
    fn splitting_and_sweeping_lose_nothing() {
        let mut table = Table::new(0);
        for i in 0..TABLE_ENTRIES as u64 {
            let key = Key(u128::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes());
            table.insert(Entry { key, mark: if i % 4 == 0 { HELD | 7 } else { 1 + i as u32 } });
        }
        assert!(table.is_full());
        table.earliest = 1;
        let mut other = table.split();
        assert_eq!(table.len + other.len, TABLE_ENTRIES);
        assert!(table.len > TABLE_ENTRIES / 3 && other.len > TABLE_ENTRIES / 3);
        assert!(other.places.iter().all(|entry| entry.mark == 0 || prefix(entry.key, 1) == 1));
        let dead = TABLE_ENTRIES as u32 / 2;
        let swept = table.sweep(dead) + other.sweep(dead);
        assert_eq!(swept, TABLE_ENTRIES / 2 - TABLE_ENTRIES / 8);
        assert_eq!(table.earliest.min(other.earliest), dead + 2);
        assert_eq!((table.sweep(HELD - 1) + other.sweep(HELD - 1)), TABLE_ENTRIES * 3 / 8);
        assert_eq!((table.len + other.len, table.earliest), (TABLE_ENTRIES / 4, HELD));
    }
}
