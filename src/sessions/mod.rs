//! The duplicate guard: which e-mail address has a session on which channel, and for how long.
//!
//! - [`key`]: session keys, and the hashes under which everything is kept
//! - [`reservation`]: a key that one call has reserved, in either of the two
//! - [`taken_over`]: a session that its own guest comes back to
//! - [`memory`]: the sessions of one process
//! - [`shared`]: the sessions in a store that several processes share, and what happens while it is away
//! - [`store`]: what such a store must do, and [`step`] in which time; [`custom`] does it with functions of the user's own
//! - [`guest_cache`]: guests of late, kept for the recovery from conflicts

pub mod custom;
pub(crate) mod guest_cache;
pub(crate) mod key;
pub(crate) mod memory;
pub(crate) mod reservation;
pub(crate) mod shared;
pub(crate) mod step;
pub(crate) mod store;
pub(crate) mod taken_over;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::error::Error;
use crate::guest::Refreshed;
use crate::secret::Secret;
use guest_cache::KnownGuest;
use key::{KeyHash, KeyHasher};
use memory::MemorySessions;
use reservation::Reservation;
use shared::SharedSessions;
use store::{Rotated, StoreMetrics};
use taken_over::TakenOver;

/// The sessions of an instance.
#[derive(Clone)]
pub(crate) enum Sessions {
    Memory(MemorySessions),
    Shared(Arc<SharedSessions>),
}

impl Sessions {
    /// Reserves a session key. Fails with `DUPLICATE_SESSION` where it is taken, and with `SESSION_CAPACITY` or
    /// `STORE_UNAVAILABLE` where nothing can be reserved.
    pub(crate) async fn reserve(&self, session_key: &str) -> Result<Reservation, Error> {
        match self {
            Self::Memory(sessions) => sessions.reserve(session_key).map(Reservation::Memory),
            Self::Shared(sessions) => Box::pin(sessions.reserve(session_key)).await,
        }
    }

    /// The same for a guest with this id: its own live session is no duplicate. A store of the user's own cannot tell whose a
    /// session is.
    pub(crate) async fn reserve_for(&self, session_key: &str, guest_id: &str) -> Result<Reservation, Error> {
        let guest = self.hasher().hash(guest_id);
        let own = match self {
            Self::Memory(sessions) => sessions.session_of(session_key, guest),
            Self::Shared(sessions) => Box::pin(sessions.session_of(session_key, guest)).await,
        };
        let Some(key) = own else { return self.reserve(session_key).await };
        let sessions = self.clone();
        let keep = move |ends_at| {
            async move { sessions.prolong(Rotated { used: guest, fresh: guest, ends_at }).await }.boxed()
        };
        Ok(Reservation::TakenOver(TakenOver { key, keep: Box::new(keep) }))
    }

    /// Ends a session or a reservation, whoever made it.
    pub(crate) async fn invalidate(&self, session_key: &str) -> Result<(), Error> {
        match self {
            Self::Memory(sessions) => sessions.invalidate(session_key),
            Self::Shared(sessions) => Box::pin(sessions.invalidate(session_key)).await?,
        }
        Ok(())
    }

    /// A refresh token was traded: the session of its guest lasts as long as the fresh guest token.
    pub(crate) async fn rotated(&self, used: &Secret, fresh: &Refreshed) {
        let hash = |token: &Secret| self.hasher().hash(token.expose());
        // Where the server gives no new one, the old one goes on.
        let (used, next) = (hash(used), hash(fresh.refresh_token.as_ref().unwrap_or(used)));
        self.prolong(Rotated { used, fresh: next, ends_at: Instant::now() + fresh.expires_in }).await;
    }

    async fn prolong(&self, rotated: Rotated) {
        match self {
            Self::Memory(sessions) => sessions.rotated(rotated),
            Self::Shared(sessions) => Box::pin(sessions.rotated(rotated)).await,
        }
    }

    /// The guest that another process has left in a shared store.
    pub(crate) async fn known(&self, key: KeyHash) -> Option<KnownGuest> {
        match self {
            Self::Memory(_) => None,
            Self::Shared(sessions) => Box::pin(sessions.known(key)).await,
        }
    }

    /// Ends all sessions in the memory of this process. Those in a shared store are not this process's alone.
    pub(crate) fn reset(&self) {
        match self {
            Self::Memory(sessions) => sessions.clear(),
            Self::Shared(sessions) => sessions.reset(),
        }
    }

    /// Makes the hashes under which sessions are kept.
    pub(crate) fn hasher(&self) -> &KeyHasher {
        match self {
            Self::Memory(sessions) => sessions.hasher(),
            Self::Shared(sessions) => sessions.hasher(),
        }
    }

    /// Live sessions and reservations in memory; of a shared store, the reservations that this process holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(sessions) => sessions.len(),
            Self::Shared(sessions) => sessions.len(),
        }
    }

    /// The state of a shared store.
    pub(crate) fn metrics(&self) -> Option<StoreMetrics> {
        match self {
            Self::Memory(_) => None,
            Self::Shared(sessions) => Some(sessions.metrics()),
        }
    }

    /// Connects to a shared store.
    pub(crate) async fn ready(&self) {
        if let Self::Shared(sessions) = self {
            sessions.ready().await;
        }
    }

    /// Waits until every key is released that is to be, but no longer than `limit`, and disconnects. No call runs any more.
    pub(crate) async fn close(&self, limit: Option<Duration>) {
        if let Self::Shared(sessions) = self {
            sessions.close(limit).await;
        }
    }
}
