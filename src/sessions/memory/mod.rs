//! The sessions of one process, in its memory.
//!
//! - [`store`]: which keys are taken, and for how long
//! - [`shard`]: the hash tables that it is made of

mod shard;
pub(super) mod store;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::key::{KeyHash, KeyHasher};
use super::store::Rotated;
use crate::error::Error;
use store::{Expiry, MemoryStore, ReservationId};

/// The sessions of one process. Cheap to clone: clones share everything.
#[derive(Clone)]
pub(crate) struct MemorySessions(Arc<SessionTables>);

struct SessionTables {
    hasher: KeyHasher,
    sessions: MemoryStore,
    max_sessions: usize,
    /// By the hash of its guest's refresh token, or in web messaging of its guest's id: a session, and when it ends if it is still the same. Guards have none.
    by_refresh_token: OnceLock<MemoryStore<(KeyHash, Expiry)>>,
}

impl MemorySessions {
    /// Holds at most `max_sessions` sessions and reservations.
    pub(crate) fn new(hasher: KeyHasher, max_sessions: usize) -> Self {
        let (sessions, by_refresh_token) = (MemoryStore::new(max_sessions), OnceLock::new());
        Self(Arc::new(SessionTables { hasher, sessions, max_sessions, by_refresh_token }))
    }

    pub(crate) fn hasher(&self) -> &KeyHasher {
        &self.0.hasher
    }

    /// Reserves a session key. Fails with `DUPLICATE_SESSION` where it is taken, and with `SESSION_CAPACITY` where there
    /// is no room for it.
    pub(crate) fn reserve(&self, session_key: &str) -> Result<MemoryReservation, Error> {
        let key = self.0.hasher.hash(session_key);
        let id = Some(self.0.sessions.reserve(key)?);
        Ok(MemoryReservation { sessions: Arc::clone(&self.0), key, id, refresh_token: None })
    }

    /// The key, if its live session is one of the guest with this hash.
    pub(crate) fn session_of(&self, session_key: &str, guest: KeyHash) -> Option<KeyHash> {
        let key = self.0.hasher.hash(session_key);
        let (known, end) = self.0.by_refresh_token.get()?.get(guest)?;
        (known == key && self.0.sessions.has(key, end)).then_some(key)
    }

    /// Ends a session or a reservation, whoever made it.
    pub(crate) fn invalidate(&self, session_key: &str) {
        self.0.sessions.invalidate(self.0.hasher.hash(session_key));
    }

    /// Live sessions and reservations.
    pub(crate) fn len(&self) -> usize {
        self.0.sessions.len()
    }

    /// A refresh token was traded: the session of its guest lasts as long as the fresh guest token.
    pub(crate) fn rotated(&self, rotated: Rotated) {
        let Some(known) = self.0.by_refresh_token.get() else { return };
        let Some((key, end)) = known.get(rotated.used) else { return };
        let life = rotated.ends_at.saturating_duration_since(Instant::now());
        if let Some(end) = self.0.sessions.prolong(key, end, life) {
            known.invalidate(rotated.used);
            self.0.remember(rotated.fresh, life, (key, end));
        }
    }

    /// Ends all sessions and reservations.
    pub(crate) fn clear(&self) {
        self.0.sessions.clear();
        if let Some(known) = self.0.by_refresh_token.get() {
            known.clear();
        }
    }
}

impl SessionTables {
    fn remember(&self, refresh_token: KeyHash, life: Duration, session: (KeyHash, Expiry)) {
        let known = self.by_refresh_token.get_or_init(|| MemoryStore::new(self.max_sessions));
        known.put(refresh_token, life, session);
    }
}

/// A session key that one call has reserved in memory. Dropping it releases the key.
pub(crate) struct MemoryReservation {
    sessions: Arc<SessionTables>,
    key: KeyHash,
    id: Option<ReservationId>,
    refresh_token: Option<KeyHash>,
}

impl MemoryReservation {
    pub(crate) fn key(&self) -> KeyHash {
        self.key
    }

    /// Tells the hash of the refresh token that its guest has, or of its guest's id.
    pub(crate) fn belongs_to(&mut self, refresh_token: Option<KeyHash>) {
        self.refresh_token = refresh_token;
    }

    /// Turns the reservation into a session that lives as long as its token.
    pub(crate) fn keep(mut self, life: Duration) {
        let Some(id) = self.id.take() else { return };
        let end = self.sessions.sessions.commit(self.key, id, life);
        if let (Some(end), Some(refresh_token)) = (end, self.refresh_token) {
            self.sessions.remember(refresh_token, life, (self.key, end));
        }
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.sessions.sessions.release(self.key, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Sessions with one for "jane" and the refresh token "r1", an hour long.
    fn jane() -> MemorySessions {
        let sessions = MemorySessions::new(KeyHasher::random(), 10);
        take(&sessions, "r1");
        sessions
    }

    fn take(sessions: &MemorySessions, refresh_token: &str) {
        let mut reservation = sessions.reserve("jane").unwrap();
        reservation.belongs_to(Some(sessions.hasher().hash(refresh_token)));
        reservation.keep(HOUR);
    }

    fn rotate(sessions: &MemorySessions, used: &str, fresh: &str, life: Duration) {
        let hash = |token| sessions.hasher().hash(token);
        sessions.rotated(Rotated { used: hash(used), fresh: hash(fresh), ends_at: Instant::now() + life });
    }

    /// Whether the session ends an hour from now.
    async fn ends_in_an_hour(sessions: &MemorySessions) -> bool {
        tokio::time::advance(Duration::from_secs(3599)).await;
        let lived = sessions.reserve("jane").is_err();
        tokio::time::advance(Duration::from_secs(2)).await;
        lived && sessions.reserve("jane").is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_lasts_as_long_as_the_newest_token_of_its_guest() {
        let sessions = jane();
        for (used, fresh) in [("r1", "r2"), ("r2", "r3"), ("r3", "r3"), ("r3", "r4")] {
            tokio::time::advance(HOUR / 2).await;
            rotate(&sessions, used, fresh, HOUR);
        }
        assert!(ends_in_an_hour(&sessions).await);
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_of_strangers_prolong_nothing() {
        let sessions = jane();
        rotate(&sessions, "r9", "r10", HOUR * 9);
        rotate(&sessions, "r10", "r1", HOUR * 9);
        assert!(ends_in_an_hour(&sessions).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_was_ended_is_neither_revived_nor_its_successor_prolonged() {
        let sessions = jane();
        sessions.invalidate("jane");
        rotate(&sessions, "r1", "r2", HOUR * 9);
        tokio::time::advance(HOUR / 2).await;
        take(&sessions, "s1");
        rotate(&sessions, "r1", "r2", HOUR * 9);
        assert!(ends_in_an_hour(&sessions).await);
        rotate(&sessions, "s1", "s2", HOUR * 9);
        assert!(sessions.reserve("jane").is_ok(), "it is over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_guest_comes_back_to_its_own_live_session_alone() {
        let sessions = jane();
        let hash = |guest| sessions.hasher().hash(guest);
        assert!(sessions.session_of("jane", hash("r9")).is_none() && sessions.session_of("ada", hash("r1")).is_none());
        assert_eq!(sessions.session_of("jane", hash("r1")), Some(hash("jane")));
        tokio::time::advance(HOUR / 2).await;
        rotate(&sessions, "r1", "r1", HOUR);
        assert!(sessions.session_of("jane", hash("r1")).is_some());
        sessions.invalidate("jane");
        assert!(sessions.session_of("jane", hash("r1")).is_none());
        rotate(&sessions, "r1", "r1", HOUR);
        drop(sessions.reserve("jane").unwrap());
        // Sessions of one key are told apart by when they end.
        tokio::time::advance(Duration::from_secs(1)).await;
        take(&sessions, "r2");
        assert!(sessions.session_of("jane", hash("r1")).is_none());
        tokio::time::advance(HOUR).await;
        assert!(sessions.session_of("jane", hash("r2")).is_none());
    }
}
