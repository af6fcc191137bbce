//! Encrypted values that all processes with the same client secret can read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::command::{Command, script};
use super::connection::Redis;
use super::encryption::{Encryption, KeyMaterial};
use crate::error::Error;
use crate::sessions::step::step_deadline;

script!(
    /// A value and what is left of its life, by the server's own clock.
    READ,
    "local v = redis.call('GET', KEYS[1])
if not v then return false end
return {v, redis.call('PTTL', KEYS[1])}"
);

script!(
    /// Deletes a key that still holds what was read from it.
    DELETE_UNCHANGED,
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0"
);

/// Names keys, encrypts what is put under them, and counts what cannot be decrypted. Clones share everything.
#[derive(Clone)]
pub(crate) struct EncryptedStore(Arc<Inner>);

struct Inner {
    redis: Redis,
    encryption: Encryption,
    refused: AtomicU64,
}

/// A value as it was found.
pub(super) struct Stored {
    pub(super) value: Vec<u8>,
    /// What is left of its life.
    pub(super) left: Duration,
    encrypted: Vec<u8>,
}

impl EncryptedStore {
    pub(super) fn new(redis: Redis, material: &KeyMaterial<'_>) -> Self {
        Self(Arc::new(Inner { redis, encryption: Encryption::new(material), refused: AtomicU64::new(0) }))
    }

    pub(super) fn redis(&self) -> &Redis {
        &self.0.redis
    }

    /// Values that were not what they should be: changed, moved, cut, of another version or by another hand.
    pub(super) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// The name of a key. The braces make all that concerns one `id` live on one node of a cluster.
    pub(super) fn name(&self, kind: &str, id: [u8; 16]) -> String {
        format!("{}{kind}:{{{}}}", self.0.redis.settings().key_prefix, URL_SAFE_NO_PAD.encode(id))
    }

    /// `None` where the system has no random numbers.
    pub(super) fn encrypt(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        self.0.encryption.encrypt(name, value)
    }

    pub(super) async fn read(&self, name: &str) -> Result<Option<Stored>, Error> {
        let command = |_| Command::script(&READ).key(name);
        let (encrypted, left): (Vec<u8>, i64) = match self.0.redis.run(step_deadline(), command).await? {
            Some(found) => found,
            None => return Ok(None),
        };
        let Some(value) = self.0.encryption.decrypt(name, &encrypted) else {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        };
        // What has no end was not written here.
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        Ok(Some(Stored { value, left, encrypted }))
    }

    pub(super) async fn write(&self, name: &str, value: &[u8], life: Duration) -> Result<(), Error> {
        let Some(encrypted) = self.encrypt(name, value) else { return Ok(()) };
        let command = |_| Command::new("SET").key(name).arg(&encrypted).arg("PX").millis(life);
        self.0.redis.run(step_deadline(), command).await
    }

    /// Deletes what was read, unless something newer has taken its place.
    pub(super) async fn delete(&self, name: &str, stored: &Stored) -> Result<(), Error> {
        delete_unchanged(&self.0.redis, name, &stored.encrypted).await
    }
}

/// Deletes a key that still holds `value`.
pub(super) async fn delete_unchanged(redis: &Redis, name: &str, value: &[u8]) -> Result<(), Error> {
    redis.run(step_deadline(), |_| Command::script(&DELETE_UNCHANGED).key(name).arg(value)).await
}
