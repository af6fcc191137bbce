//! What the processes of a service share, made from one connection and one secret.

use std::sync::Arc;

use url::Url;

use crate::config::Store;
use crate::gate::SharedGate;
use crate::net::fleet::Fleet;
use crate::redis::settings::OnUnavailable;
use crate::redis::{KeyMaterial, Redis, Settings, Vault};
use crate::secret::Secret;
use crate::sessions::Sessions;
use crate::sessions::custom::CustomSessions;
use crate::sessions::key::KeyHasher;
use crate::sessions::memory::MemorySessions;
use crate::sessions::redis::RedisSessions;
use crate::sessions::shared::{SharedSessions, Warn};
use crate::sessions::store::SessionStore;

/// A shared store for the parts of one instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) vault: Vault,
    pub(crate) hasher: KeyHasher,
}

/// The duplicate guard of an instance, and the store for its other parts where they can share it too.
pub(crate) fn open(
    store: Option<Store>,
    client_secret: &Secret,
    max_sessions: usize,
    warn: Warn,
) -> (Sessions, Option<Shared>) {
    let sessions = |hasher: KeyHasher, store: Arc<dyn SessionStore>, on_unavailable| {
        let local = match on_unavailable {
            // Under the same keys: what it learns of guests is found later on.
            OnUnavailable::Local => Some(MemorySessions::new(hasher.clone(), max_sessions)),
            OnUnavailable::Reject => None,
        };
        Sessions::Shared(Arc::new(SharedSessions::new(hasher, store, local, warn)))
    };
    match store {
        None => (Sessions::Memory(MemorySessions::new(KeyHasher::random(), max_sessions)), None),
        Some(Store::Redis(settings)) => {
            let on_unavailable = settings.on_unavailable;
            let shared = Shared::new(settings, client_secret);
            let store = Arc::new(RedisSessions::new(shared.vault.clone()));
            (sessions(shared.hasher.clone(), store, on_unavailable), Some(shared))
        }
        Some(Store::Custom(custom)) => {
            let store = Arc::new(CustomSessions::new(custom.functions));
            (sessions(hasher(&KeyMaterial(client_secret)), store, custom.on_unavailable), None)
        }
    }
}

/// All processes with the same secret agree on keys.
fn hasher(material: &KeyMaterial<'_>) -> KeyHasher {
    KeyHasher::under(&material.derive("names"))
}

impl Shared {
    /// Connects at once where there is a runtime: the first call need not wait for that. All processes with the same secret agree on keys and values.
    pub(crate) fn new(settings: Settings, client_secret: &Secret) -> Self {
        let (material, redis) = (KeyMaterial(client_secret), Redis::new(settings));
        redis.start();
        Self { vault: Vault::new(redis, &material), hasher: hasher(&material) }
    }

    /// The gate of all processes that log in to this API as this client.
    pub(crate) fn gate(&self, api: &Url, client_id: &str, warn: Warn) -> Arc<dyn Fleet> {
        Arc::new(SharedGate::new(&self.vault, &self.hasher, api, client_id, warn))
    }
}
