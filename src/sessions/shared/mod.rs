//! The sessions in a store that several processes share, and what happens while that store is away.
//!
//! - [`reservation`]: a key that one call has reserved
//! - [`renewal`]: keeps the reservations alive while their calls run

mod renewal;
pub(crate) mod reservation;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{timeout, timeout_at};

use super::guest_cache::KnownGuest;
use super::key::{KeyHash, KeyHasher};
use super::memory::MemorySessions;
use super::reservation::Reservation;
use super::step::{RESERVED_FOR, STEP_LIMIT, step_deadline};
use super::store::{Rotated, SessionStore, StoreMetrics};
use crate::error::{Code, Error};
use renewal::Renewals;
use reservation::{Releases, SharedReservation};

/// Tells the owner of an instance that the store is away, or back.
pub(crate) type Warn = Arc<dyn Fn(String) + Send + Sync>;

/// The sessions of an instance in a shared store.
pub(crate) struct SharedSessions {
    hasher: KeyHasher,
    store: Arc<dyn SessionStore>,
    /// Stands in while the store is away.
    local: Option<MemorySessions>,
    warn: Warn,
    is_away: AtomicBool,
    served_locally: AtomicU64,
    renewals: Arc<Renewals>,
    releases: Arc<Releases>,
}

impl SharedSessions {
    /// `local` stands in while the store is away; without it, calls fail then.
    pub(crate) fn new(
        hasher: KeyHasher,
        store: Arc<dyn SessionStore>,
        local: Option<MemorySessions>,
        warn: Warn,
    ) -> Self {
        Self {
            hasher,
            renewals: Renewals::new(Arc::clone(&store)),
            store,
            local,
            warn,
            is_away: AtomicBool::new(false),
            served_locally: AtomicU64::new(0),
            releases: Arc::default(),
        }
    }

    pub(crate) async fn reserve(&self, session_key: &str) -> Result<Reservation, Error> {
        let key = self.hasher.hash(session_key);
        // A session of the time when the store was away is nowhere else.
        let here = self.local.as_ref().map(|local| local.reserve(session_key)).transpose()?;
        let mut reservation = SharedReservation::new(key, &self.store, &self.renewals, &self.releases);
        let until = step_deadline();
        let reserved = self.store.reserve(key, reservation.owner, RESERVED_FOR, until);
        match timeout_at(until, reserved).await.unwrap_or_else(|_| Err(too_slow())) {
            Ok(true) => {
                self.is_back();
                self.renewals.add(key, reservation.owner);
                Ok(Reservation::Shared(Box::new(reservation)))
            }
            Ok(false) => {
                self.is_back();
                reservation.is_held = false;
                Err(Error::duplicate_session())
            }
            Err(error) => match here {
                Some(here) if error.code() == Code::StoreUnavailable => {
                    self.is_gone(&error);
                    self.served_locally.fetch_add(1, Ordering::Relaxed);
                    Ok(Reservation::Memory(here))
                }
                _ => Err(error),
            },
        }
    }

    /// The key, if its live session is one of the guest with this hash. What cannot be told is reserved, or refused.
    pub(crate) async fn session_of(&self, session_key: &str, guest: KeyHash) -> Option<KeyHash> {
        if let Some(key) = self.local.as_ref().and_then(|local| local.session_of(session_key, guest)) {
            return Some(key);
        }
        let (key, until) = (self.hasher.hash(session_key), step_deadline());
        let is_own = timeout_at(until, self.store.is_of(key, guest, until)).await;
        matches!(is_own, Ok(Ok(true))).then_some(key)
    }

    pub(crate) async fn invalidate(&self, session_key: &str) -> Result<(), Error> {
        if let Some(local) = &self.local {
            local.invalidate(session_key);
        }
        let key = self.hasher.hash(session_key);
        // A renewal would take the key again for a call that is to lose it.
        self.renewals.forget(key);
        let until = step_deadline();
        let invalidated = async {
            self.renewals.settled().await;
            self.store.invalidate(key, until).await
        };
        match timeout_at(until, invalidated).await.unwrap_or_else(|_| Err(too_slow())) {
            Err(error) if self.local.is_some() => {
                self.is_gone(&error);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// A session that cannot be prolonged now ends with its first token: the server refuses a second guest all the same.
    pub(crate) async fn rotated(&self, rotated: Rotated) {
        if let Some(local) = &self.local {
            local.rotated(rotated);
        }
        let until = step_deadline();
        let _ = timeout_at(until, self.store.rotated(rotated, until)).await;
    }

    pub(crate) async fn known(&self, key: KeyHash) -> Option<KnownGuest> {
        timeout(STEP_LIMIT, self.store.known(key)).await.ok().flatten()
    }

    /// Ends what stands in for the store.
    pub(crate) fn reset(&self) {
        if let Some(local) = &self.local {
            local.clear();
        }
    }

    pub(crate) fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    pub(crate) fn len(&self) -> usize {
        self.renewals.len() + self.local.as_ref().map_or(0, MemorySessions::len)
    }

    pub(crate) fn metrics(&self) -> StoreMetrics {
        StoreMetrics { served_locally: self.served_locally.load(Ordering::Relaxed), ..self.store.describe() }
    }

    pub(crate) async fn ready(&self) {
        // What is wrong, the first call will say.
        let _ = self.store.ready(step_deadline()).await;
    }

    /// What is not done within `limit` ends by itself.
    pub(crate) async fn close(&self, limit: Option<Duration>) {
        let ended = async {
            // Each release has its own limit.
            let _ = timeout(STEP_LIMIT * 2, self.releases.all_ended()).await;
            self.renewals.finish().await;
        };
        let _ = timeout(limit.unwrap_or(STEP_LIMIT * 3), ended).await;
        self.store.close();
    }

    fn is_gone(&self, error: &Error) {
        if !self.is_away.swap(true, Ordering::SeqCst) {
            let message = &error.details().message;
            (self.warn)(format!("{message}. Sessions are kept in the memory of this process meanwhile."));
        }
    }

    fn is_back(&self) {
        if self.is_away.load(Ordering::Relaxed) && self.is_away.swap(false, Ordering::SeqCst) {
            (self.warn)("The session store is back. Sessions are shared again.".to_owned());
        }
    }
}

fn too_slow() -> Error {
    let limit = STEP_LIMIT.as_millis();
    Error::new(Code::StoreUnavailable, format!("The session store did not answer within {limit} ms"))
        .with_retryable(true)
}

#[cfg(test)]
mod tests;
