//! One connection and one secret, for all that is shared through them.

use super::connection::Redis;
use super::encrypted_store::EncryptedStore;
use super::encryption::KeyMaterial;
use super::settings::RedisSettings;
use crate::secret::Secret;
use crate::sessions::key::KeyHasher;

/// A shared store for the parts of one instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SharedStore {
    pub(super) store: EncryptedStore,
    pub(super) hasher: KeyHasher,
}

impl SharedStore {
    /// Connects at once where there is a runtime: the first call need not wait for that. All processes with the same
    /// secret agree on keys and values.
    pub(crate) fn new(settings: RedisSettings, client_secret: &Secret) -> Self {
        let (material, redis) = (KeyMaterial(client_secret), Redis::new(settings));
        redis.start();
        Self { store: EncryptedStore::new(redis, &material), hasher: hasher(&material) }
    }

    /// Ends the connection; everything fails from now on.
    pub(crate) fn close(&self) {
        self.store.redis().close();
    }
}

/// All processes with the same secret agree on keys.
pub(super) fn hasher(material: &KeyMaterial<'_>) -> KeyHasher {
    KeyHasher::under(&material.derive("names"))
}
