//! Sealed values that all processes with the same client secret can read, and locks that keep them from doing the same
//! work at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::runtime::Handle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::command::{Command, script};
use super::connection::Redis;
use super::seal::{KeyMaterial, Sealer};
use crate::error::Error;

/// For all commands that one step needs, reconnection included.
pub(crate) const STEP_LIMIT: Duration = Duration::from_secs(1);

/// A lock outlives its holder by this at most, and a holder's reservation too: long enough for a pause of the process,
/// short enough that nobody who tries again notices a crash.
pub(crate) const HELD_FOR: Duration = Duration::from_secs(5);

/// Three renewals fit into [`HELD_FOR`], so that one may fail.
pub(crate) const RENEW_EVERY: Duration = Duration::from_millis(1500);

script!(
    /// A value and what is left of its life, by the server's own clock.
    READ,
    "local v = redis.call('GET', KEYS[1])
if not v then return false end
return {v, redis.call('PTTL', KEYS[1])}"
);

script!(
    /// Deletes a key that still holds what was read from it.
    DROP,
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0"
);

script!(
    /// Takes a lock, or prolongs one's own.
    LOCK,
    "local v = redis.call('GET', KEYS[1])
if v and v ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"
);

/// Names keys, seals what is put under them, and counts what does not open. Clones share everything.
#[derive(Clone)]
pub(crate) struct Vault(Arc<Inner>);

struct Inner {
    redis: Redis,
    sealer: Sealer,
    refused: AtomicU64,
}

/// A value as it was found.
pub(crate) struct Stored {
    pub(crate) value: Vec<u8>,
    /// What is left of its life.
    pub(crate) left: Duration,
    sealed: Vec<u8>,
}

impl Vault {
    pub(crate) fn new(redis: Redis, material: &KeyMaterial<'_>) -> Self {
        Self(Arc::new(Inner { redis, sealer: Sealer::new(material), refused: AtomicU64::new(0) }))
    }

    pub(crate) fn redis(&self) -> &Redis {
        &self.0.redis
    }

    /// Values that were not what they should be: changed, moved, cut, of another version or by another hand.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// The name of a key. The braces make all that concerns one `id` live on one node of a cluster.
    pub(crate) fn name(&self, kind: &str, id: [u8; 16]) -> String {
        format!("{}{kind}:{{{}}}", self.0.redis.settings().key_prefix, URL_SAFE_NO_PAD.encode(id))
    }

    /// `None` where the system has no random numbers.
    pub(crate) fn seal(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        self.0.sealer.seal(name, value)
    }

    pub(crate) async fn read(&self, name: &str) -> Result<Option<Stored>, Error> {
        let command = |_| Command::script(&READ).key(name);
        let (sealed, left): (Vec<u8>, i64) = match self.0.redis.run(step(), command).await? {
            Some(found) => found,
            None => return Ok(None),
        };
        let Some(value) = self.0.sealer.open(name, &sealed) else {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        };
        // What has no end was not written here.
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        Ok(Some(Stored { value, left, sealed }))
    }

    pub(crate) async fn write(&self, name: &str, value: &[u8], life: Duration) -> Result<(), Error> {
        let Some(sealed) = self.seal(name, value) else { return Ok(()) };
        self.0.redis.run(step(), |_| Command::new("SET").key(name).arg(&sealed).arg("PX").millis(life)).await
    }

    /// Deletes what was read, unless something newer has taken its place.
    pub(crate) async fn drop_stored(&self, name: &str, stored: &Stored) -> Result<(), Error> {
        self.0.redis.run(step(), |_| Command::script(&DROP).key(name).arg(&stored.sealed)).await
    }

    /// A lock that nobody else holds, or nothing.
    pub(crate) async fn lock(&self, name: String) -> Result<Option<Lock>, Error> {
        // Made first: an attempt whose answer got lost may have taken it.
        let mut lock = Lock { vault: self.clone(), name, owner: random(), runtime: Handle::current(), is_held: true };
        lock.is_held = lock.take().await?;
        Ok(lock.is_held.then_some(lock))
    }
}

/// A lock, renewed while its holder works. Dropping it releases it.
pub(crate) struct Lock {
    vault: Vault,
    name: String,
    owner: [u8; 16],
    runtime: Handle,
    is_held: bool,
}

impl Lock {
    async fn take(&self) -> Result<bool, Error> {
        let command = |_| Command::script(&LOCK).key(&self.name).arg(self.owner).millis(HELD_FOR);
        self.vault.0.redis.run(step(), command).await
    }

    /// Does the work; nobody else begins it meanwhile.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let renewals = async {
            let mut ticks = interval(RENEW_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                // Lost, it is lost: the work goes on, and somebody else may do it too.
                let _ = self.take().await;
            }
        };
        tokio::select! {
            done = work => done,
            () = renewals => unreachable!("renewals go on for ever"),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_held {
            let (redis, name, owner) = (self.vault.0.redis.clone(), std::mem::take(&mut self.name), self.owner);
            self.runtime.spawn(async move {
                let command = |_| Command::script(&DROP).key(&name).arg(owner);
                // Not released, it ends by itself.
                let _ = redis.run::<()>(step(), command).await;
            });
        }
    }
}

/// By when a step must be over that begins now.
pub(crate) fn step() -> Instant {
    Instant::now() + STEP_LIMIT
}

/// 122 random bits (a UUID of version 4) that nobody else has: who holds something.
pub(crate) fn random() -> [u8; 16] {
    *uuid::Uuid::new_v4().as_bytes()
}

/// How long to wait for somebody else's lock before the next look: a short moment, for each another one.
pub(crate) fn contend() -> Duration {
    const SHORTEST_MS: u64 = 20;
    const LONGEST_MS: u64 = 60;
    Duration::from_millis(fastrand::u64(SHORTEST_MS..LONGEST_MS))
}
