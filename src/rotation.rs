//! Refresh tokens: one refresh for all who ask at once, and what became of those that were used.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::caller::CallContext;
use crate::error::{Code, Error};
use crate::guest::Refreshed;
use crate::guest_api::GuestApi;
use crate::secret::Secret;
use crate::sessions::key::{KeyHash, KeyHasher};
use crate::single_flight::SingleFlight;
use crate::sync::lock;

/// Used refresh tokens that are remembered, so that a second use finds the newest guest token.
const REMEMBERED: usize = 4096;

/// The rotations of all processes.
pub(crate) trait SharedRotations: Send + Sync {
    /// Does the refresh, unless another process does it at this moment: then its result is returned. While nothing can be
    /// shared, each process refreshes for itself.
    fn once<'a>(
        &'a self,
        key: KeyHash,
        until: Instant,
        refresh: BoxFuture<'a, Result<Refreshed, Error>>,
    ) -> BoxFuture<'a, Result<Refreshed, Error>>;

    /// The newest token known for a used one. A successor's own refresh token may have been used as well.
    fn newest(&self, used: KeyHash) -> BoxFuture<'_, Option<Refreshed>>;
}

/// Rotates refresh tokens.
pub(crate) struct Rotation {
    api: Arc<dyn GuestApi>,
    hasher: KeyHasher,
    used: Arc<Mutex<Used>>,
    shared: Option<Arc<dyn SharedRotations>>,
    single_flight: SingleFlight<KeyHash, Refreshed>,
}

#[derive(Default)]
struct Used {
    successors: HashMap<KeyHash, Successor>,
    order: VecDeque<KeyHash>,
}

#[derive(Clone)]
struct Successor {
    fresh: Refreshed,
    expires_at: Instant,
}

impl Rotation {
    /// With `shared`, all processes rotate as one.
    pub(crate) fn new(api: Arc<dyn GuestApi>, hasher: KeyHasher, shared: Option<Arc<dyn SharedRotations>>) -> Self {
        Self { api, hasher, used: Arc::default(), shared, single_flight: SingleFlight::default() }
    }

    /// Forgets what became of used tokens.
    pub(crate) fn reset(&self) {
        *lock(&self.used) = Used::default();
    }

    /// Trades a refresh token. On a 409, which says that it was used before, the newest token known for it is returned.
    pub(crate) async fn rotate(&self, refresh_token: &Secret, context: &CallContext) -> Result<Refreshed, Error> {
        let key = self.hasher.hash(refresh_token.expose());
        let waiter = self.single_flight.join(key, || {
            let (api, used, hasher) = (Arc::clone(&self.api), Arc::clone(&self.used), self.hasher.clone());
            let (shared, refresh_token, context) = (self.shared.clone(), refresh_token.clone(), context.clone());
            async move {
                let refresh = api.refresh(&refresh_token, &context);
                let outcome = match &shared {
                    None => refresh.await,
                    Some(shared) => shared.once(key, context.deadline, refresh).await,
                };
                match outcome {
                    Ok(fresh) => {
                        let expires_at = Instant::now() + fresh.expires_in;
                        lock(&used).remember(key, Successor { fresh: fresh.clone(), expires_at });
                        Ok(fresh)
                    }
                    Err(error) if error.code() == Code::Conflict => {
                        // Another process may have gone further along the chain than this one.
                        let elsewhere = match &shared {
                            None => None,
                            Some(shared) => shared.newest(key).await,
                        };
                        elsewhere.or_else(|| lock(&used).newest(key, &hasher)).ok_or(error)
                    }
                    Err(error) => Err(error),
                }
            }
        });
        waiter.await
    }
}

impl Used {
    fn remember(&mut self, key: KeyHash, successor: Successor) {
        if self.successors.insert(key, successor).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.successors.remove(&oldest);
        }
    }

    /// Follows the chain: a successor's own refresh token may have been used as well.
    fn newest(&self, used: KeyHash, hasher: &KeyHasher) -> Option<Refreshed> {
        let mut newest = self.successors.get(&used)?;
        // A server that hands out a token again could make a circle; no honest chain is longer than the memory.
        for _ in 0..REMEMBERED {
            let next =
                newest.fresh.refresh_token.as_ref().and_then(|token| self.successors.get(&hasher.hash(token.expose())));
            match next {
                Some(successor) if successor.expires_at >= newest.expires_at => newest = successor,
                _ => break,
            }
        }
        let left = newest.expires_at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(Refreshed { expires_in: left, ..newest.fresh.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn successor(token: &str, next: Option<&str>, seconds: u64) -> Successor {
        let expires_in = Duration::from_secs(seconds);
        let fresh = Refreshed { token: Secret::new(token), expires_in, refresh_token: next.map(Secret::new) };
        Successor { fresh, expires_at: Instant::now() + expires_in }
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_token_is_found_through_the_chain() {
        let (hasher, mut used) = (KeyHasher::random(), Used::default());
        used.remember(hasher.hash("r1"), successor("t2", Some("r2"), 60));
        used.remember(hasher.hash("r2"), successor("t3", Some("r3"), 60));
        for start in ["r1", "r2"] {
            assert_eq!(used.newest(hasher.hash(start), &hasher).unwrap().token.expose(), "t3");
        }
        assert!(used.newest(hasher.hash("r3"), &hasher).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_circle_ends_and_an_expired_token_is_not_returned() {
        let (hasher, mut used) = (KeyHasher::random(), Used::default());
        used.remember(hasher.hash("r1"), successor("t1", Some("r1"), 60));
        assert!(used.newest(hasher.hash("r1"), &hasher).is_some());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(used.newest(hasher.hash("r1"), &hasher).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let (hasher, mut used) = (KeyHasher::random(), Used::default());
        for i in 0..REMEMBERED + 10 {
            used.remember(hasher.hash(&i.to_string()), successor("t", None, 60));
        }
        assert_eq!((used.successors.len(), used.order.len()), (REMEMBERED, REMEMBERED));
    }
}
