//! Rotation across processes: one refresh for each token, whose result the others find.

use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::guest::Refreshed;
use crate::json::{Members, quote};
use crate::redis::{Stored, Vault, contend};
use crate::secret::Secret;
use crate::sessions::key::{KeyHash, KeyHasher};
use crate::shared::Shared;

/// Successors of successors that are followed; each costs a question to the store.
const LONGEST_CHAIN: u32 = 32;

/// Used refresh tokens in the shared store.
pub(super) struct SharedRotation {
    vault: Vault,
    hasher: KeyHasher,
}

impl SharedRotation {
    pub(super) fn new(shared: Shared) -> Self {
        Self { vault: shared.vault, hasher: shared.hasher }
    }

    /// Does the refresh, unless another process does it at this moment: then its result is returned. While the store is
    /// away, each process refreshes for itself.
    pub(super) async fn once<F>(
        &self,
        key: KeyHash,
        until: Instant,
        refresh: impl Fn() -> F,
    ) -> Result<Refreshed, Error>
    where
        F: Future<Output = Result<Refreshed, Error>>,
    {
        let mut has_waited = false;
        while Instant::now() < until {
            let Ok(lock) = self.vault.lock(self.vault.name("rl", key.0)).await else { break };
            // Only what was rotated meanwhile: a token that may be used again shall bring a new one each time.
            if has_waited && let Some(fresh) = self.newest(key).await {
                return Ok(fresh);
            }
            if let Some(lock) = lock {
                return lock.during(self.refresh(key, refresh)).await;
            }
            has_waited = true;
            sleep(contend()).await;
        }
        refresh().await
    }

    async fn refresh<F>(&self, key: KeyHash, refresh: impl Fn() -> F) -> Result<Refreshed, Error>
    where
        F: Future<Output = Result<Refreshed, Error>>,
    {
        let fresh = refresh().await?;
        let refresh_token = fresh.refresh_token.as_ref().map_or_else(|| "null".to_owned(), |one| quote(one.expose()));
        let record = format!("{{\"token\":{},\"refreshToken\":{refresh_token}}}", quote(fresh.token.expose()));
        let _ = self.vault.write(&self.vault.name("r", key.0), record.as_bytes(), fresh.expires_in).await;
        Ok(fresh)
    }

    /// The newest token known for a used one. A successor's own refresh token may have been used as well.
    pub(super) async fn newest(&self, used: KeyHash) -> Option<Refreshed> {
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
        let Stored { value, left, .. } = self.vault.read(&self.vault.name("r", used.0)).await.ok().flatten()?;
        let text = String::from_utf8(value).ok()?;
        let record = Members::parse(&text)?;
        Some(Refreshed {
            token: Secret::new(record.string("token")?),
            expires_in: left,
            refresh_token: record.string("refreshToken").map(Secret::new),
        })
    }
}
