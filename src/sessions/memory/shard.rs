//! A part of a memory store: a hash table of one size, and when the first entry in it expires.

use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;

use crate::sessions::key::KeyHash;

/// Entries of a full shard. hashbrown spreads them over 2048 places of 20 bytes and a control byte each, which fills ten
/// and a half pages of 4 KiB. A shard of half the size would leave a seventh of its memory unused, and one of twice the
/// size takes twice as long to split. Where an allocator rounds up further, it adds pages that are never touched.
pub(super) const SHARD_CAPACITY: usize = 1792;

/// A full shard is split if it has at least this many live entries. With fewer, it is made anew in the same size.
const WORTH_A_SPLIT: usize = SHARD_CAPACITY / 8 * 7;

/// Set in the `mark` of a reservation, whose other bits say whose it is. A session's mark is the tick of its expiry.
pub(super) const RESERVED: u32 = 1 << 31;

#[derive(Debug, Clone, Copy)]
pub(super) struct StoreEntry<V> {
    pub(super) key: KeyHash,
    pub(super) mark: u32,
    pub(super) value: V,
}

impl<V> StoreEntry<V> {
    /// A reservation has no expiry: the call that made it ends it.
    pub(super) fn lives(&self, now: u32) -> bool {
        self.mark >= RESERVED || self.mark > now
    }
}

pub(super) struct Shard<V> {
    entries: HashTable<StoreEntry<V>>,
    /// How many first bits all its keys have in common.
    pub(super) depth: u32,
    /// Nothing in here expires before.
    pub(super) earliest: u32,
}

impl<V> Shard<V> {
    pub(super) fn new(depth: u32) -> Self {
        Self { entries: HashTable::with_capacity(SHARD_CAPACITY), depth, earliest: RESERVED }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the table would grow with the next entry, because all places are taken or marked as removed.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() == self.entries.capacity()
    }

    pub(super) fn is_worth_a_split(&self) -> bool {
        self.entries.len() > WORTH_A_SPLIT
    }

    pub(super) fn find(&mut self, key: KeyHash) -> Option<&mut StoreEntry<V>> {
        self.entries.find_mut(hash(key), |entry| entry.key == key)
    }

    /// Adds an entry whose key is not in here to a shard that is not full.
    pub(super) fn insert(&mut self, entry: StoreEntry<V>) {
        debug_assert!(!self.is_full());
        self.entries.insert_unique(hash(entry.key), entry, |entry| hash(entry.key));
    }

    /// Removes a key; says whether it was here, and `matches`.
    pub(super) fn remove(&mut self, key: KeyHash, matches: impl Fn(&StoreEntry<V>) -> bool) -> bool {
        let found = self.entries.find_entry(hash(key), |entry| entry.key == key && matches(entry));
        found.map(OccupiedEntry::remove).is_ok()
    }

    /// Removes what has expired and says how much that was.
    pub(super) fn sweep(&mut self, now: u32) -> usize {
        if self.earliest > now {
            return 0;
        }
        let before = self.len();
        self.earliest = RESERVED;
        self.entries.retain(|entry| {
            let lives = entry.lives(now);
            if lives {
                self.earliest = self.earliest.min(entry.mark);
            }
            lives
        });
        before - self.len()
    }

    /// The half whose next bit is set moves out.
    pub(super) fn split(&mut self) -> Self {
        let depth = self.depth + 1;
        self.depth = depth;
        let mut other = Self { earliest: self.earliest, ..Self::new(depth) };
        self.entries.extract_if(|entry| prefix(entry.key, depth) & 1 == 1).for_each(|entry| other.insert(entry));
        self.rebuild();
        other
    }

    /// A new table of the same size, without the marks that removed entries leave in the way of searches.
    pub(super) fn rebuild(&mut self) {
        let new = Self { earliest: self.earliest, ..Self::new(self.depth) };
        std::mem::replace(self, new).entries.into_iter().for_each(|entry| self.insert(entry));
    }
}

/// Keys are random already: one half finds the place in a shard, the other the shard.
fn hash(key: KeyHash) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| key.0[i]))
}

/// The first bits of the half that finds the shard.
pub(super) fn prefix(key: KeyHash, bits: u32) -> usize {
    let half = u64::from_le_bytes(std::array::from_fn(|i| key.0[8 + i]));
    half.checked_shr(64 - bits).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_and_sweeping_lose_nothing() {
        let mut shard = Shard::new(0);
        for i in 0..SHARD_CAPACITY as u64 {
            let key = KeyHash(u128::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes());
            shard.insert(StoreEntry { key, mark: if i % 4 == 0 { RESERVED | 7 } else { 1 + i as u32 }, value: () });
        }
        assert!(shard.is_full());
        shard.earliest = 1;
        let mut other = shard.split();
        assert_eq!(shard.len() + other.len(), SHARD_CAPACITY);
        assert!(shard.len() > SHARD_CAPACITY / 3 && other.len() > SHARD_CAPACITY / 3);
        assert!(other.entries.iter().all(|entry| prefix(entry.key, 1) == 1));
        let dead = SHARD_CAPACITY as u32 / 2;
        let swept = shard.sweep(dead) + other.sweep(dead);
        assert_eq!(swept, SHARD_CAPACITY / 2 - SHARD_CAPACITY / 8);
        assert_eq!(shard.earliest.min(other.earliest), dead + 2);
        assert_eq!((shard.sweep(RESERVED - 1) + other.sweep(RESERVED - 1)), SHARD_CAPACITY * 3 / 8);
        assert_eq!((shard.len() + other.len(), shard.earliest), (SHARD_CAPACITY / 4, RESERVED));
    }

    #[test]
    fn a_shard_keeps_its_size_whatever_comes_and_goes() {
        fastrand::seed(5);
        let keys: Vec<KeyHash> = (0..100_000).map(|_| KeyHash(fastrand::u128(..).to_le_bytes())).collect();
        let mut shard = Shard::new(0);
        let (size, mut rebuilt) = (shard.entries.allocation_size(), 0);
        for (i, &key) in keys.iter().enumerate() {
            if shard.is_full() {
                assert!(!shard.is_worth_a_split());
                shard.rebuild();
                rebuilt += 1;
            }
            shard.insert(StoreEntry { key, mark: RESERVED, value: () });
            assert!(i < WORTH_A_SPLIT || shard.remove(keys[i - WORTH_A_SPLIT], |_| true));
        }
        assert_eq!((shard.len(), shard.entries.allocation_size()), (WORTH_A_SPLIT, size));
        assert!((1..=keys.len() / (SHARD_CAPACITY - WORTH_A_SPLIT)).contains(&rebuilt), "{rebuilt} times");
    }
}
