//! Sessions in memory: 24 bytes each, no timer, no pause when the store grows, and a hard bound.
//!
//! The map is split into many small tables, so that growing one moves a few hundred entries at most. Expired entries
//! are swept a table at a time as new ones come in, and before any table grows.

use std::sync::Mutex;
use std::time::Duration;

use hashbrown::HashTable;
use tokio::time::Instant;

use super::Key;
use crate::error::{Code, Error};
use crate::sync::lock;

/// Three times a power of two: at 1 and at 10 million sessions each table is then well filled, about 40 bytes a session.
const TABLES: usize = 3 * 1024;

/// Every so many reservations one table is swept, whether it is full or not.
const SWEEP_EVERY: u32 = 8;

/// Expiry is kept in sixteenths of a second: fine enough for a token's life, and 32 bits last for eight years.
const TICKS_PER_SECOND: u64 = 16;

/// A reservation has no expiry: the call that made it ends it.
const HELD: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Key,
    expires: u32,
    owner: u32,
}

/// Proof of a reservation: only its holder can commit or release it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holding(u32);

/// A bounded set of session keys with expiry.
pub(crate) struct MemoryStore {
    state: Mutex<State>,
    max_sessions: usize,
    start: Instant,
}

struct State {
    tables: Vec<Table>,
    len: usize,
    next_owner: u32,
    sweep_next: usize,
}

#[derive(Clone)]
struct Table {
    entries: HashTable<Entry>,
    /// Nothing in here expires before.
    earliest: u32,
}

impl Table {
    fn sweep(&mut self, now: u32) -> usize {
        if self.earliest > now {
            return 0;
        }
        let before = self.entries.len();
        let mut earliest = HELD;
        self.entries.retain(|entry| {
            let lives = entry.expires > now;
            if lives {
                earliest = earliest.min(entry.expires);
            }
            lives
        });
        self.earliest = earliest;
        if self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to_fit(|entry| hash(entry.key));
        }
        before - self.entries.len()
    }
}

impl MemoryStore {
    pub(crate) fn new(max_sessions: usize) -> Self {
        let tables = vec![Table { entries: HashTable::new(), earliest: HELD }; TABLES];
        let state = State { tables, len: 0, next_owner: 0, sweep_next: 0 };
        Self { state: Mutex::new(state), max_sessions, start: Instant::now() }
    }

    /// Takes a key that nobody holds.
    pub(crate) fn reserve(&self, key: Key) -> Result<Holding, Error> {
        let now = self.now();
        let mut state = lock(&self.state);
        let owner = state.next_owner;
        state.next_owner = owner.wrapping_add(1);
        if owner.is_multiple_of(SWEEP_EVERY) {
            state.sweep_one(now);
        }
        if let Some(entry) = state.tables[table_of(key)].entries.find_mut(hash(key), |entry| entry.key == key) {
            if entry.expires > now {
                return Err(Error::duplicate_session());
            }
            (entry.expires, entry.owner) = (HELD, owner);
            return Ok(Holding(owner));
        }
        if state.len >= self.max_sessions && !state.make_room(now) {
            let message = format!("The session store is full: {} sessions are live (maxSessions)", self.max_sessions);
            return Err(Error::new(Code::SessionCapacity, message).with_retryable(true));
        }
        let table = &mut state.tables[table_of(key)];
        let swept = if table.entries.len() == table.entries.capacity() { table.sweep(now) } else { 0 };
        table.entries.insert_unique(hash(key), Entry { key, expires: HELD, owner }, |entry| hash(entry.key));
        state.len = state.len + 1 - swept;
        Ok(Holding(owner))
    }

    /// Gives a reservation its life.
    pub(crate) fn commit(&self, key: Key, holding: Holding, life: Duration) {
        let expires = self.now().saturating_add(ticks(life)).min(HELD - 1);
        let mut state = lock(&self.state);
        let table = &mut state.tables[table_of(key)];
        if let Some(entry) = table.entries.find_mut(hash(key), |entry| entry.key == key && entry.owner == holding.0) {
            entry.expires = expires;
            table.earliest = table.earliest.min(expires);
        }
    }

    /// Gives up a reservation. Somebody else's is left alone.
    pub(crate) fn release(&self, key: Key, holding: Holding) {
        lock(&self.state).remove(key, |entry| entry.owner == holding.0);
    }

    /// Ends a session or a reservation, whoever holds it.
    pub(crate) fn invalidate(&self, key: Key) {
        lock(&self.state).remove(key, |_| true);
    }

    /// Live sessions and reservations.
    pub(crate) fn len(&self) -> usize {
        let now = self.now();
        let mut state = lock(&self.state);
        for table in 0..TABLES {
            let swept = state.tables[table].sweep(now);
            state.len -= swept;
        }
        state.len
    }

    fn now(&self) -> u32 {
        let elapsed = Instant::now() - self.start;
        u32::try_from(
            elapsed.as_secs() * TICKS_PER_SECOND + u64::from(elapsed.subsec_nanos()) * TICKS_PER_SECOND / 1_000_000_000,
        )
        .unwrap_or(HELD - 1)
    }
}

impl State {
    fn sweep_one(&mut self, now: u32) {
        let swept = self.tables[self.sweep_next].sweep(now);
        self.len -= swept;
        self.sweep_next = (self.sweep_next + 1) % TABLES;
    }

    /// Looks for expired entries until some are found; tables whose entries all live are passed over unread.
    fn make_room(&mut self, now: u32) -> bool {
        for _ in 0..TABLES {
            let before = self.len;
            self.sweep_one(now);
            if self.len < before {
                return true;
            }
        }
        false
    }

    fn remove(&mut self, key: Key, matches: impl Fn(&Entry) -> bool) {
        let found =
            self.tables[table_of(key)].entries.find_entry(hash(key), |entry| entry.key == key && matches(entry));
        if let Ok(entry) = found {
            entry.remove();
            self.len -= 1;
        }
    }
}

/// Keys are random already: one half finds the place in a table, the other the table.
fn hash(key: Key) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| key.0[i]))
}

fn table_of(key: Key) -> usize {
    (u64::from_le_bytes(std::array::from_fn(|i| key.0[8 + i])) % TABLES as u64) as usize
}

/// Rounded up: a session must not end before its token.
fn ticks(life: Duration) -> u32 {
    u32::try_from((life.as_millis().saturating_mul(TICKS_PER_SECOND.into())).div_ceil(1000)).unwrap_or(HELD - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::Keys;

    const HOUR: Duration = Duration::from_secs(3600);

    fn commit(store: &MemoryStore, key: Key, life: Duration) {
        let holding = store.reserve(key).unwrap();
        store.commit(key, holding, life);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_blocks_its_key_until_its_token_expires() {
        let (store, key) = (MemoryStore::new(10), Keys::random().of("a"));
        commit(&store, key, Duration::from_millis(1500));
        tokio::time::advance(Duration::from_millis(1499)).await;
        assert_eq!(store.reserve(key).unwrap_err().code(), Code::DuplicateSession);
        tokio::time::advance(Duration::from_millis(64)).await;
        assert!(store.reserve(key).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reservation_does_not_expire_and_can_be_released_by_its_holder_alone() {
        let (store, key) = (MemoryStore::new(10), Keys::random().of("a"));
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
        let (store, keys) = (MemoryStore::new(1000), Keys::random());
        for i in 0..1000 {
            commit(&store, keys.of(&i.to_string()), if i == 500 { Duration::from_secs(1) } else { HOUR });
        }
        assert_eq!(store.reserve(keys.of("x")).unwrap_err().code(), Code::SessionCapacity);
        tokio::time::advance(Duration::from_secs(2)).await;
        let holding = store.reserve(keys.of("x")).unwrap();
        assert_eq!(store.reserve(keys.of("y")).unwrap_err().code(), Code::SessionCapacity);
        store.release(keys.of("x"), holding);
        assert_eq!(store.len(), 999);
    }

    #[tokio::test(start_paused = true)]
    async fn expired_sessions_leave_by_themselves() {
        let (store, keys) = (MemoryStore::new(1_000_000), Keys::random());
        for round in 0..20 {
            for i in 0..20_000 {
                commit(&store, keys.of(&format!("{round}-{i}")), Duration::from_secs(10));
            }
            tokio::time::advance(Duration::from_secs(11)).await;
        }
        let held = lock(&store.state).len;
        assert!(held <= 40_000, "{held} of 400,000 are still held");
        assert_eq!(store.len(), 0);
        let capacity: usize = lock(&store.state).tables.iter().map(|table| table.entries.capacity()).sum();
        assert_eq!(capacity, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn counts_agree_with_the_tables_after_any_mixture() {
        let (store, keys) = (MemoryStore::new(300), Keys::random());
        fastrand::seed(7);
        for _ in 0..20_000 {
            let key = keys.of(&fastrand::u32(0..500).to_string());
            match (fastrand::u8(0..4), store.reserve(key)) {
                (0, Ok(holding)) => store.release(key, holding),
                (1, _) => store.invalidate(key),
                (_, Ok(holding)) => store.commit(key, holding, Duration::from_secs(fastrand::u64(0..20))),
                (_, Err(_)) => tokio::time::advance(Duration::from_millis(fastrand::u64(0..200))).await,
            }
            let state = lock(&store.state);
            assert_eq!(state.len, state.tables.iter().map(|table| table.entries.len()).sum::<usize>());
            assert!(state.len <= 300);
        }
    }
}
