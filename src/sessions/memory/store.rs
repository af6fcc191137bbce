//! Sessions in memory: entries of 20 bytes, no timer, no pause when the store grows, and a hard bound.
//!
//! Extendible hashing: all shards have one size, and a directory that the first bits of a key point into says in which
//! one a key is. A full shard is split in two, which moves at most 1,792 entries. No other shard is touched, and what a
//! split frees is of the size that the next one needs. Expired entries are swept a shard at a time as new ones come in.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::shard::{RESERVED, Shard, StoreEntry, prefix};
use crate::error::{Code, Error};
use crate::sessions::key::KeyHash;
use crate::sync::lock;

/// Every so many reservations one shard is swept, whether it is full or not.
const SWEEP_EVERY: u32 = 8;

/// Expiry is kept in sixteenths of a second: fine enough for a token's life, and 31 bits last for four years.
const NANOS_PER_TICK: u128 = 1_000_000_000 / 16;

/// Tells a reservation from all others: only the call that made it can commit or release it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReservationId(u32);

/// A bounded set of keys that expire, each with a value: session keys have none.
pub(in crate::sessions) struct MemoryStore<V = ()> {
    shards: Mutex<Shards<V>>,
    max_entries: usize,
    start: Instant,
}

/// All shards, and in which of them a key is.
struct Shards<V> {
    /// By the first `depth` bits of a key: the number of its shard.
    directory: Vec<u32>,
    depth: u32,
    all: Vec<Shard<V>>,
    len: usize,
    next_id: u32,
    sweep_next: usize,
}

/// The end of an entry, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry(u32);

impl<V: Copy> MemoryStore<V> {
    pub(in crate::sessions) fn new(max_entries: usize) -> Self {
        Self { shards: Mutex::new(Shards::empty()), max_entries, start: Instant::now() }
    }

    /// Keeps a value for as long as `life`, in the place of an older one. Where there is no room it is left out.
    pub(in crate::sessions) fn put(&self, key: KeyHash, life: Duration, value: V) {
        let (now, Expiry(mark)) = (self.now(), self.expiry(life));
        let entry = StoreEntry { key, mark, value };
        let mut shards = lock(&self.shards);
        shards.count_one(now);
        if let Some(old) = shards.shard_of(key).find(key) {
            *old = entry;
        } else if shards.has_room(self.max_entries, now) {
            shards.insert(entry, now);
        }
        let shard = shards.shard_of(key);
        shard.earliest = shard.earliest.min(mark);
    }

    /// The value of a key, unless it has expired.
    pub(in crate::sessions) fn get(&self, key: KeyHash) -> Option<V> {
        let now = self.now();
        let mut shards = lock(&self.shards);
        shards.shard_of(key).find(key).filter(|entry| entry.lives(now)).map(|entry| entry.value)
    }

    /// Forgets a key: ends a session or a reservation, whoever holds it.
    pub(super) fn invalidate(&self, key: KeyHash) {
        lock(&self.shards).remove(key, |_| true);
    }

    /// Forgets everything.
    pub(in crate::sessions) fn clear(&self) {
        let mut shards = lock(&self.shards);
        // Reservations of calls under way have numbers from before, which must not be given again.
        *shards = Shards { next_id: shards.next_id, ..Shards::empty() };
    }

    fn expiry(&self, life: Duration) -> Expiry {
        // Rounded up, and only the sum: a session must not end before its token.
        let end = self.start.elapsed().saturating_add(life);
        Expiry(ticks(end.as_nanos().div_ceil(NANOS_PER_TICK)).max(1))
    }

    fn now(&self) -> u32 {
        ticks(self.start.elapsed().as_nanos() / NANOS_PER_TICK)
    }
}

impl MemoryStore {
    /// Takes a key that nobody holds.
    pub(super) fn reserve(&self, key: KeyHash) -> Result<ReservationId, Error> {
        let now = self.now();
        let mut shards = lock(&self.shards);
        let mark = RESERVED | shards.count_one(now);
        if let Some(entry) = shards.shard_of(key).find(key) {
            if entry.lives(now) {
                return Err(Error::duplicate_session());
            }
            entry.mark = mark;
            return Ok(ReservationId(mark));
        }
        if !shards.has_room(self.max_entries, now) {
            let message = format!("The session store is full: {} sessions are live (maxSessions)", self.max_entries);
            return Err(Error::new(Code::SessionCapacity, message).with_retryable(true));
        }
        shards.insert(StoreEntry { key, mark, value: () }, now);
        Ok(ReservationId(mark))
    }

    /// Gives a reservation its life.
    pub(super) fn commit(&self, key: KeyHash, ReservationId(mark): ReservationId, life: Duration) -> Option<Expiry> {
        self.set_end(key, mark, life)
    }

    /// Gives a session that ends at `end` another life from now on; says when it ends then.
    pub(super) fn prolong(&self, key: KeyHash, end: Expiry, life: Duration) -> Option<Expiry> {
        if end.0 > self.now() { self.set_end(key, end.0, life) } else { None }
    }

    /// Whether a session is there that ends at `end`, later than now.
    pub(super) fn has(&self, key: KeyHash, end: Expiry) -> bool {
        let now = self.now();
        lock(&self.shards).shard_of(key).find(key).is_some_and(|entry| entry.mark == end.0 && entry.lives(now))
    }

    fn set_end(&self, key: KeyHash, mark: u32, life: Duration) -> Option<Expiry> {
        let expiry = self.expiry(life);
        let mut shards = lock(&self.shards);
        let shard = shards.shard_of(key);
        shard.find(key).filter(|entry| entry.mark == mark)?.mark = expiry.0;
        shard.earliest = shard.earliest.min(expiry.0);
        Some(expiry)
    }

    /// Gives up a reservation. Somebody else's is left alone.
    pub(super) fn release(&self, key: KeyHash, id: ReservationId) {
        lock(&self.shards).remove(key, |entry| entry.mark == id.0);
    }

    /// Live sessions and reservations.
    pub(super) fn len(&self) -> usize {
        let now = self.now();
        let mut shards = lock(&self.shards);
        let swept: usize = shards.all.iter_mut().map(|shard| shard.sweep(now)).sum();
        shards.len -= swept;
        shards.len
    }
}

impl<V: Copy> Shards<V> {
    fn empty() -> Self {
        Self { directory: vec![0], depth: 0, all: vec![Shard::new(0)], len: 0, next_id: 0, sweep_next: 0 }
    }

    /// A number for an entry; every so many of them a shard is swept.
    fn count_one(&mut self, now: u32) -> u32 {
        let number = self.next_id;
        self.next_id = number.wrapping_add(1);
        if number.is_multiple_of(SWEEP_EVERY) {
            self.sweep_one(now);
        }
        number
    }

    fn has_room(&mut self, max_entries: usize, now: u32) -> bool {
        self.len < max_entries || self.make_room(now)
    }

    fn shard_of(&mut self, key: KeyHash) -> &mut Shard<V> {
        let number = self.directory[prefix(key, self.depth)] as usize;
        &mut self.all[number]
    }

    fn insert(&mut self, entry: StoreEntry<V>, now: u32) {
        while self.shard_of(entry.key).is_full() {
            let shard = self.shard_of(entry.key);
            let swept = shard.sweep(now);
            if shard.is_worth_a_split() {
                self.split(entry.key);
            } else {
                shard.rebuild();
            }
            self.len -= swept;
        }
        self.shard_of(entry.key).insert(entry);
        self.len += 1;
    }

    /// Splits the shard of a key; the directory doubles where it does not tell the halves apart.
    fn split(&mut self, key: KeyHash) {
        if self.shard_of(key).depth == self.depth {
            self.directory = self.directory.iter().flat_map(|number| [*number, *number]).collect();
            self.depth += 1;
        }
        let shard = self.shard_of(key);
        let other = shard.split();
        // Where the directory points to the half that moved: all that share its bits, whatever follows them.
        let ones = prefix(key, other.depth) | 1;
        let rest = self.depth - other.depth;
        let number = self.all.len() as u32;
        self.directory[ones << rest..(ones + 1) << rest].fill(number);
        self.all.push(other);
    }

    fn sweep_one(&mut self, now: u32) {
        let swept = self.all[self.sweep_next].sweep(now);
        self.len -= swept;
        self.sweep_next = (self.sweep_next + 1) % self.all.len();
        // Splits are for good, but an empty store need not keep what a busy day has left.
        if self.len == 0 && self.all.len() > 1 {
            (self.directory, self.depth, self.all, self.sweep_next) = (vec![0], 0, vec![Shard::new(0)], 0);
        }
    }

    /// Looks for expired entries until some are found; shards whose entries all live are passed over unread.
    fn make_room(&mut self, now: u32) -> bool {
        for _ in 0..self.all.len() {
            let before = self.len;
            self.sweep_one(now);
            if self.len < before {
                return true;
            }
        }
        false
    }

    fn remove(&mut self, key: KeyHash, matches: impl Fn(&StoreEntry<V>) -> bool) {
        if self.shard_of(key).remove(key, matches) {
            self.len -= 1;
        }
    }
}

fn ticks(count: u128) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).min(RESERVED - 1)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
