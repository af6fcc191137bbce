//! Rotation across processes: one refresh for each token, whose result the others find.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::encrypted_store::{EncryptedStore, Stored};
use super::lock::{Lock, lock_retry_delay};
use super::store::SharedStore;
use crate::error::Error;
use crate::guest::Refreshed;
use crate::json::{Members, quote};
use crate::rotation::SharedRotations;
use crate::secret::Secret;
use crate::sessions::key::{KeyHash, KeyHasher};

/// How many successors of a token are followed; each costs a command.
const LONGEST_CHAIN: u32 = 32;

/// Used refresh tokens in Redis.
pub(super) struct RedisRotations {
    store: EncryptedStore,
    hasher: KeyHasher,
}

impl RedisRotations {
    pub(super) fn new(shared: &SharedStore) -> Self {
        Self { store: shared.store.clone(), hasher: shared.hasher.clone() }
    }

    async fn refresh_once(
        &self,
        key: KeyHash,
        until: Instant,
        refresh: BoxFuture<'_, Result<Refreshed, Error>>,
    ) -> Result<Refreshed, Error> {
        let mut has_waited = false;
        while Instant::now() < until {
            let name = self.store.name("rl", key.0);
            let Ok(lock) = Lock::try_acquire(self.store.redis(), name).await else { break };
            // Only a rotation made meanwhile counts: a refresh token that can be used again brings a new token each time.
            if has_waited && let Some(fresh) = self.find_newest(key).await {
                return Ok(fresh);
            }
            if let Some(lock) = lock {
                return lock.during(self.refresh(key, refresh)).await;
            }
            has_waited = true;
            sleep(lock_retry_delay()).await;
        }
        refresh.await
    }

    async fn refresh(
        &self,
        key: KeyHash,
        refresh: BoxFuture<'_, Result<Refreshed, Error>>,
    ) -> Result<Refreshed, Error> {
        let fresh = refresh.await?;
        let refresh_token = fresh.refresh_token.as_ref().map_or_else(|| "null".to_owned(), |one| quote(one.expose()));
        let record = format!("{{\"token\":{},\"refreshToken\":{refresh_token}}}", quote(fresh.token.expose()));
        let _ = self.store.write(&self.store.name("r", key.0), record.as_bytes(), fresh.expires_in).await;
        Ok(fresh)
    }

    async fn find_newest(&self, used: KeyHash) -> Option<Refreshed> {
        let mut newest = self.successor(used).await?;
        for _ in 0..LONGEST_CHAIN {
            let Some(token) = &newest.refresh_token else { break };
            match self.successor(self.hasher.hash(token.expose())).await {
                Some(next) if next.expires_in >= newest.expires_in => newest = next,
                _ => break,
            }
        }
        (!newest.expires_in.is_zero()).then_some(newest)
    }

    async fn successor(&self, used: KeyHash) -> Option<Refreshed> {
        let Stored { value, left, .. } = self.store.read(&self.store.name("r", used.0)).await.ok().flatten()?;
        let text = String::from_utf8(value).ok()?;
        let record = Members::parse(&text)?;
        Some(Refreshed {
            token: Secret::new(record.string("token")?),
            expires_in: left,
            refresh_token: record.string("refreshToken").map(Secret::new),
        })
    }
}

impl SharedRotations for RedisRotations {
    fn once<'a>(
        &'a self,
        key: KeyHash,
        until: Instant,
        refresh: BoxFuture<'a, Result<Refreshed, Error>>,
    ) -> BoxFuture<'a, Result<Refreshed, Error>> {
        self.refresh_once(key, until, refresh).boxed()
    }

    fn newest(&self, used: KeyHash) -> BoxFuture<'_, Option<Refreshed>> {
        self.find_newest(used).boxed()
    }
}
