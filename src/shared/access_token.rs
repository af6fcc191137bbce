//! The access token of all processes with the same credentials: one of them fetches it, the others wait.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};

use super::encrypted_store::EncryptedStore;
use super::lock::{Lock, lock_retry_delay};
use super::store::SharedStore;
use crate::error::Error;
use crate::oauth::{Credentials, Grant, Life, SharedAccessToken};
use crate::secret::Secret;

/// The token in Redis.
pub(super) struct RedisAccessToken {
    store: EncryptedStore,
    name: String,
    lock: String,
    /// How long one attempt to fetch it may take.
    attempt_limit: Duration,
}

impl RedisAccessToken {
    pub(super) fn new(shared: &SharedStore, credentials: &Credentials) -> Self {
        let Credentials { token_url, client_id, scope, timeout, .. } = credentials;
        // Another scope or another server is another token. A line break is in none of the three.
        let scope = scope.as_deref().unwrap_or_default();
        let id = shared.hasher.hash(&format!("token\n{token_url}\n{client_id}\n{scope}")).0;
        let store = shared.store.clone();
        Self { name: store.name("t", id), lock: store.name("tl", id), store, attempt_limit: *timeout }
    }

    async fn get_or_fetch(
        &self,
        rejected: Option<&Secret>,
        until: Instant,
        fetch: BoxFuture<'_, Result<Grant, Error>>,
    ) -> Result<Grant, Error> {
        while Instant::now() < until {
            let Ok(found) = self.find(rejected).await else { break };
            if let Some(grant) = found {
                return Ok(grant);
            }
            match Lock::try_acquire(self.store.redis(), self.lock.clone()).await {
                Ok(Some(lock)) => {
                    // Whoever had the lock until now may have left a token.
                    if let Ok(Some(grant)) = self.find(rejected).await {
                        return Ok(grant);
                    }
                    return self.fetch_locked(lock, rejected, fetch).await;
                }
                // When the one who fetches fails, hangs or dies, the next one here gets the lock.
                Ok(None) => sleep(lock_retry_delay()).await,
                Err(_) => break,
            }
        }
        fetch.await
    }

    /// Holds the lock for one attempt only: a process whose login host hangs must not hold up the others while it repeats.
    /// Meanwhile, a token that another process has fetched serves here too.
    async fn fetch_locked(
        &self,
        lock: Lock,
        rejected: Option<&Secret>,
        fetch: BoxFuture<'_, Result<Grant, Error>>,
    ) -> Result<Grant, Error> {
        let mut fetch = pin!(self.fetch(fetch));
        if let Ok(fetched) = timeout(self.attempt_limit, lock.during(fetch.as_mut())).await {
            return fetched;
        }
        drop(lock);
        tokio::select! {
            fetched = fetch => fetched,
            grant = self.fetched_elsewhere(rejected) => Ok(grant),
        }
    }

    async fn fetched_elsewhere(&self, rejected: Option<&Secret>) -> Grant {
        loop {
            sleep(lock_retry_delay()).await;
            if let Ok(Some(grant)) = self.find(rejected).await {
                return grant;
            }
        }
    }

    async fn fetch(&self, fetch: BoxFuture<'_, Result<Grant, Error>>) -> Result<Grant, Error> {
        let grant = fetch.await?;
        if let Some(life) = &grant.life {
            let whole = u64::try_from(life.whole.as_millis()).unwrap_or(u64::MAX);
            let value = [whole.to_be_bytes().as_slice(), grant.token.expose().as_bytes()].concat();
            // A token that cannot be shared still serves this process.
            let _ = self.store.write(&self.name, &value, life.left).await;
        }
        Ok(grant)
    }

    /// A token that needs no renewal yet. One that the API refused is deleted for all.
    async fn find(&self, rejected: Option<&Secret>) -> Result<Option<Grant>, Error> {
        let Some(stored) = self.store.read(&self.name).await? else { return Ok(None) };
        let Some(grant) = parse(&stored.value, stored.left) else { return Ok(None) };
        if rejected.is_some_and(|rejected| rejected.same_as(&grant.token)) {
            self.store.delete(&self.name, &stored).await?;
            return Ok(None);
        }
        let needs_renewal = grant.life.as_ref().is_none_or(|life| life.left <= life.margin());
        Ok((!needs_renewal).then_some(grant))
    }
}

impl SharedAccessToken for RedisAccessToken {
    fn get<'a>(
        &'a self,
        rejected: Option<&'a Secret>,
        until: Instant,
        fetch: BoxFuture<'a, Result<Grant, Error>>,
    ) -> BoxFuture<'a, Result<Grant, Error>> {
        self.get_or_fetch(rejected, until, fetch).boxed()
    }
}

fn parse(value: &[u8], left: Duration) -> Option<Grant> {
    let (whole, token) = value.split_first_chunk()?;
    let whole = Duration::from_millis(u64::from_be_bytes(*whole));
    let token = Secret::new(String::from_utf8(token.to_vec()).ok()?);
    Some(Grant { token, life: Some(Life { whole, left }) })
}
