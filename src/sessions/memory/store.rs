//! Sessions in memory: entries of 20 bytes, no timer, no pause when the store grows, and a hard bound.
//!
//! Extendible hashing: all shards have one size, and a directory that the first bits of a key point into says in which
//! one a key is. A full shard is split in two, which moves at most 1,792 entries. No other shard is touched, and what a
//! split frees is of the size that the next one needs. Expired entries are swept a shard at a time as new ones come in.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::shard::{RESERVED, SessionEntry, Shard, prefix};
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

/// A bounded set of session keys that expire.
pub(super) struct MemoryStore {
    shards: Mutex<Shards>,
    max_sessions: usize,
    start: Instant,
}

/// All shards, and in which of them a key is.
struct Shards {
    /// By the first `depth` bits of a key: the number of its shard.
    directory: Vec<u32>,
    depth: u32,
    all: Vec<Shard>,
    len: usize,
    next_id: u32,
    sweep_next: usize,
}

impl MemoryStore {
    pub(super) fn new(max_sessions: usize) -> Self {
        let shards =
            Shards { directory: vec![0], depth: 0, all: vec![Shard::new(0)], len: 0, next_id: 0, sweep_next: 0 };
        Self { shards: Mutex::new(shards), max_sessions, start: Instant::now() }
    }

    /// Takes a key that nobody holds.
    pub(super) fn reserve(&self, key: KeyHash) -> Result<ReservationId, Error> {
        let now = self.now();
        let mut shards = lock(&self.shards);
        let number = shards.next_id;
        shards.next_id = number.wrapping_add(1);
        let mark = RESERVED | number;
        if number.is_multiple_of(SWEEP_EVERY) {
            shards.sweep_one(now);
        }
        if let Some(entry) = shards.shard_of(key).find(key) {
            if entry.lives(now) {
                return Err(Error::duplicate_session());
            }
            entry.mark = mark;
            return Ok(ReservationId(mark));
        }
        if shards.len >= self.max_sessions && !shards.make_room(now) {
            let message = format!("The session store is full: {} sessions are live (maxSessions)", self.max_sessions);
            return Err(Error::new(Code::SessionCapacity, message).with_retryable(true));
        }
        shards.insert(SessionEntry { key, mark }, now);
        Ok(ReservationId(mark))
    }

    /// Gives a reservation its life.
    pub(super) fn commit(&self, key: KeyHash, id: ReservationId, life: Duration) {
        // Rounded up, and only the sum: a session must not end before its token.
        let expires = ticks(self.start.elapsed().saturating_add(life).as_nanos().div_ceil(NANOS_PER_TICK)).max(1);
        let mut shards = lock(&self.shards);
        let shard = shards.shard_of(key);
        if let Some(entry) = shard.find(key).filter(|entry| entry.mark == id.0) {
            entry.mark = expires;
            shard.earliest = shard.earliest.min(expires);
        }
    }

    /// Gives up a reservation. Somebody else's is left alone.
    pub(super) fn release(&self, key: KeyHash, id: ReservationId) {
        lock(&self.shards).remove(key, |entry| entry.mark == id.0);
    }

    /// Ends a session or a reservation, whoever holds it.
    pub(super) fn invalidate(&self, key: KeyHash) {
        lock(&self.shards).remove(key, |_| true);
    }

    /// Live sessions and reservations.
    pub(super) fn len(&self) -> usize {
        let now = self.now();
        let mut shards = lock(&self.shards);
        let swept: usize = shards.all.iter_mut().map(|shard| shard.sweep(now)).sum();
        shards.len -= swept;
        shards.len
    }

    fn now(&self) -> u32 {
        ticks(self.start.elapsed().as_nanos() / NANOS_PER_TICK)
    }
}

impl Shards {
    fn shard_of(&mut self, key: KeyHash) -> &mut Shard {
        let number = self.directory[prefix(key, self.depth)] as usize;
        &mut self.all[number]
    }

    fn insert(&mut self, entry: SessionEntry, now: u32) {
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

    fn remove(&mut self, key: KeyHash, matches: impl Fn(&SessionEntry) -> bool) {
        if self.shard_of(key).remove(key, matches) {
            self.len -= 1;
        }
    }
}

fn ticks(count: u128) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).min(RESERVED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::key::KeyHasher;
    use crate::sessions::memory::shard::SHARD_CAPACITY;

    const HOUR: Duration = Duration::from_secs(3600);

    fn commit(store: &MemoryStore, key: KeyHash, life: Duration) {
        let id = store.reserve(key).unwrap();
        store.commit(key, id, life);
    }

    #[tokio::test(start_paused = true)]
    async fn a_life_without_an_end_overflows_nothing() {
        let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("x"));
        tokio::time::advance(HOUR).await;
        commit(&store, key, Duration::MAX);
        tokio::time::advance(HOUR).await;
        assert!(store.reserve(key).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_blocks_its_key_until_its_token_expires() {
        let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("a"));
        commit(&store, key, Duration::from_millis(1500));
        tokio::time::advance(Duration::from_millis(1499)).await;
        assert_eq!(store.reserve(key).unwrap_err().code(), Code::DuplicateSession);
        tokio::time::advance(Duration::from_millis(64)).await;
        assert!(store.reserve(key).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_does_not_end_before_its_token_wherever_in_a_tick_it_began() {
        let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("a"));
        for life in [2000, 1999, 63, 1] {
            for begun in [1, 31, 61, 62] {
                tokio::time::advance(Duration::from_millis(begun)).await;
                commit(&store, key, Duration::from_millis(life));
                tokio::time::advance(Duration::from_millis(life - 1)).await;
                assert!(store.reserve(key).is_err(), "{life} ms that began after {begun} ms");
                tokio::time::advance(Duration::from_millis(64)).await;
                store.release(key, store.reserve(key).unwrap());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reservation_does_not_expire_and_can_be_released_by_its_holder_alone() {
        let (store, key) = (MemoryStore::new(10), KeyHasher::random().hash("a"));
        let first = store.reserve(key).unwrap();
        tokio::time::advance(HOUR * 24 * 365).await;
        assert!(store.reserve(key).is_err());
        store.invalidate(key);
        let second = store.reserve(key).unwrap();
        store.release(key, first);
        store.commit(key, first, Duration::ZERO);
        assert!(store.reserve(key).is_err());
        store.release(key, second);
        assert!(store.reserve(key).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_refuses_until_something_expires() {
        let (store, hasher) = (MemoryStore::new(1000), KeyHasher::random());
        for i in 0..1000 {
            commit(&store, hasher.hash(&i.to_string()), if i == 500 { Duration::from_secs(1) } else { HOUR });
        }
        assert_eq!(store.reserve(hasher.hash("x")).unwrap_err().code(), Code::SessionCapacity);
        tokio::time::advance(Duration::from_secs(2)).await;
        let id = store.reserve(hasher.hash("x")).unwrap();
        assert_eq!(store.reserve(hasher.hash("y")).unwrap_err().code(), Code::SessionCapacity);
        store.release(hasher.hash("x"), id);
        assert_eq!(store.len(), 999);
    }

    #[tokio::test(start_paused = true)]
    async fn expired_sessions_leave_by_themselves() {
        let (store, hasher) = (MemoryStore::new(1_000_000), KeyHasher::random());
        for round in 0..20 {
            for i in 0..20_000 {
                commit(&store, hasher.hash(&format!("{round}-{i}")), Duration::from_secs(10));
            }
            tokio::time::advance(Duration::from_secs(11)).await;
        }
        let held = lock(&store.shards).len;
        assert!(held <= 40_000, "{held} of 400,000 are still held");
        assert_eq!(store.len(), 0);
        (0..=SWEEP_EVERY).for_each(|_| drop(store.reserve(hasher.hash("x"))));
        store.invalidate(hasher.hash("x"));
        (0..=SWEEP_EVERY).for_each(|i| drop(store.reserve(hasher.hash(&i.to_string()))));
        assert_eq!(lock(&store.shards).all.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn every_key_is_found_again_after_the_shards_were_split() {
        let (store, hasher) = (MemoryStore::new(1_000_000), KeyHasher::random());
        for i in 0..50_000 {
            commit(&store, hasher.hash(&i.to_string()), HOUR);
        }
        assert!((0..50_000).all(|i| store.reserve(hasher.hash(&i.to_string())).is_err()));
        assert_eq!(store.len(), 50_000);
        let shards = lock(&store.shards);
        let fill = 50_000.0 / (shards.all.len() * SHARD_CAPACITY) as f64;
        assert!(fill > 0.5, "{fill}");
    }

    #[tokio::test(start_paused = true)]
    async fn counts_agree_with_the_shards_after_any_mixture() {
        let (store, hasher) = (MemoryStore::new(300), KeyHasher::random());
        fastrand::seed(7);
        for _ in 0..20_000 {
            let key = hasher.hash(&fastrand::u32(0..500).to_string());
            match (fastrand::u8(0..4), store.reserve(key)) {
                (0, Ok(id)) => store.release(key, id),
                (1, _) => store.invalidate(key),
                (_, Ok(id)) => store.commit(key, id, Duration::from_secs(fastrand::u64(0..20))),
                (_, Err(_)) => tokio::time::advance(Duration::from_millis(fastrand::u64(0..200))).await,
            }
            let shards = lock(&store.shards);
            assert_eq!(shards.len, shards.all.iter().map(Shard::len).sum::<usize>());
            assert!(shards.len <= 300);
        }
    }
}
