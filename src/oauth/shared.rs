//! The access token of all processes with the same credentials: one of them fetches it, the others wait.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Credentials, Grant, Life};
use crate::error::Error;
use crate::redis::{Vault, contend};
use crate::secret::Secret;
use crate::shared::Shared;

/// The token in the shared store.
pub(super) struct SharedToken {
    vault: Vault,
    name: String,
    lock: String,
}

impl SharedToken {
    pub(super) fn new(shared: &Shared, credentials: &Credentials) -> Self {
        let Credentials { token_url, client_id, scope, .. } = credentials;
        // Another scope or another server is another token. A line break is in none of the three.
        let id = shared.hasher.hash(&format!("token\n{token_url}\n{client_id}\n{scope}")).0;
        let vault = shared.vault.clone();
        Self { name: vault.name("t", id), lock: vault.name("tl", id), vault }
    }

    /// The token that another process has fetched, or else what `fetch` brings, for all. While the store is away, each
    /// process fetches for itself.
    pub(super) async fn get<F>(
        &self,
        rejected: Option<&Secret>,
        until: Instant,
        fetch: impl Fn() -> F,
    ) -> Result<Grant, Error>
    where
        F: Future<Output = Result<Grant, Error>>,
    {
        while Instant::now() < until {
            let Ok(found) = self.find(rejected).await else { break };
            if let Some(grant) = found {
                return Ok(grant);
            }
            match self.vault.lock(self.lock.clone()).await {
                Ok(Some(lock)) => {
                    // Whoever had the lock until now may have left a token.
                    if let Ok(Some(grant)) = self.find(rejected).await {
                        return Ok(grant);
                    }
                    return lock.during(self.fetch(fetch)).await;
                }
                // When the one who fetches fails or dies, the next one here gets the lock.
                Ok(None) => sleep(contend()).await,
                Err(_) => break,
            }
        }
        fetch().await
    }

    async fn fetch<F>(&self, fetch: impl Fn() -> F) -> Result<Grant, Error>
    where
        F: Future<Output = Result<Grant, Error>>,
    {
        let grant = fetch().await?;
        if let Some(life) = &grant.life {
            let whole = u64::try_from(life.whole.as_millis()).unwrap_or(u64::MAX);
            let value = [whole.to_be_bytes().as_slice(), grant.token.expose().as_bytes()].concat();
            // Where it cannot be shared, it serves here all the same.
            let _ = self.vault.write(&self.name, &value, life.left).await;
        }
        Ok(grant)
    }

    /// A token that needs no renewal yet. One that the API refused is dropped for all.
    async fn find(&self, rejected: Option<&Secret>) -> Result<Option<Grant>, Error> {
        let Some(stored) = self.vault.read(&self.name).await? else { return Ok(None) };
        let Some(grant) = parse(&stored.value, stored.left) else { return Ok(None) };
        if rejected.is_some_and(|rejected| rejected.same_as(&grant.token)) {
            self.vault.drop_stored(&self.name, &stored).await?;
            return Ok(None);
        }
        let needs_renewal = grant.life.as_ref().is_none_or(|life| life.left <= life.margin());
        Ok((!needs_renewal).then_some(grant))
    }
}

fn parse(value: &[u8], left: Duration) -> Option<Grant> {
    let (whole, token) = value.split_first_chunk()?;
    let whole = Duration::from_millis(u64::from_be_bytes(*whole));
    let token = Secret::new(String::from_utf8(token.to_vec()).ok()?);
    Some(Grant { token, life: Some(Life { whole, left }) })
}
