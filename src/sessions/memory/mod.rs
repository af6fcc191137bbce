//! The sessions of one process, in its memory.
//!
//! - [`store`]: which keys are taken, and for how long
//! - [`shard`]: the hash tables that it is made of

mod shard;
mod store;

use std::sync::Arc;
use std::time::Duration;

use super::key::{KeyHash, KeyHasher};
use crate::error::Error;
use store::{MemoryStore, ReservationId};

/// The sessions of one process. Cheap to clone: clones share everything.
#[derive(Clone)]
pub(crate) struct MemorySessions {
    hasher: KeyHasher,
    store: Arc<MemoryStore>,
}

impl MemorySessions {
    /// Holds at most `max_sessions` sessions and reservations.
    pub(crate) fn new(hasher: KeyHasher, max_sessions: usize) -> Self {
        Self { hasher, store: Arc::new(MemoryStore::new(max_sessions)) }
    }

    pub(crate) fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// Reserves a session key. Fails with `DUPLICATE_SESSION` where it is taken, and with `SESSION_CAPACITY` where there
    /// is no room for it.
    pub(crate) fn reserve(&self, session_key: &str) -> Result<MemoryReservation, Error> {
        let key = self.hasher.hash(session_key);
        let id = Some(self.store.reserve(key)?);
        Ok(MemoryReservation { store: Arc::clone(&self.store), key, id })
    }

    /// Ends a session or a reservation, whoever made it.
    pub(crate) fn invalidate(&self, session_key: &str) {
        self.store.invalidate(self.hasher.hash(session_key));
    }

    /// Live sessions and reservations.
    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }
}

/// A session key that one call has reserved in memory. Dropping it releases the key.
pub(crate) struct MemoryReservation {
    store: Arc<MemoryStore>,
    key: KeyHash,
    id: Option<ReservationId>,
}

impl MemoryReservation {
    pub(crate) fn key(&self) -> KeyHash {
        self.key
    }

    /// Turns the reservation into a session that lives as long as its token.
    pub(crate) fn keep(mut self, life: Duration) {
        if let Some(id) = self.id.take() {
            self.store.commit(self.key, id, life);
        }
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.store.release(self.key, id);
        }
    }
}
