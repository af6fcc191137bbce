//! What the processes of a service share, made from one connection and one secret.

use std::sync::Arc;

use url::Url;

use crate::config::Store;
use crate::gate::SharedGate;
use crate::net::fleet::Fleet;
use crate::redis::settings::OnUnavailable;
use crate::redis::{KeyMaterial, Redis, Settings, Vault};
use crate::secret::Secret;
use crate::sessions::custom::CustomSessions;
use crate::sessions::guard::Guard;
use crate::sessions::redis::RedisSessions;
use crate::sessions::shared::{SharedSessions, Store as SessionStore, Warn};
use crate::sessions::{Keys, Sessions};

/// A shared store for the parts of one instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) vault: Vault,
    pub(crate) keys: Keys,
}

/// The duplicate guard of an instance, and the store for its other parts where they can share it too.
pub(crate) fn open(
    store: Option<Store>,
    client_secret: &Secret,
    max_sessions: usize,
    warn: Warn,
) -> (Guard, Option<Shared>) {
    let guard = |keys: Keys, store: Arc<dyn SessionStore>, on_unavailable| {
        let local = match on_unavailable {
            // Under the same keys: what it learns of guests is found later on.
            OnUnavailable::Local => Some(Sessions::in_memory_under(keys.clone(), max_sessions)),
            OnUnavailable::Reject => None,
        };
        Guard::Shared(Arc::new(SharedSessions::new(keys, store, local, warn)))
    };
    match store {
        None => (Guard::Local(Sessions::in_memory(max_sessions)), None),
        Some(Store::Redis(settings)) => {
            let on_unavailable = settings.on_unavailable;
            let shared = Shared::new(settings, client_secret);
            let store = Arc::new(RedisSessions::new(shared.vault.clone()));
            (guard(shared.keys.clone(), store, on_unavailable), Some(shared))
        }
        Some(Store::Custom(custom)) => {
            let store = Arc::new(CustomSessions::new(custom.functions));
            (guard(keys(&KeyMaterial(client_secret)), store, custom.on_unavailable), None)
        }
    }
}

/// All processes with the same secret agree on keys.
fn keys(material: &KeyMaterial<'_>) -> Keys {
    Keys::under(&material.derive("names"))
}

impl Shared {
    /// Connects at once where there is a runtime: the first call need not wait for that. All processes with the same secret agree on keys and values.
    pub(crate) fn new(settings: Settings, client_secret: &Secret) -> Self {
        let (material, redis) = (KeyMaterial(client_secret), Redis::new(settings));
        redis.start();
        Self { vault: Vault::new(redis, &material), keys: keys(&material) }
    }

    /// The gate of all processes that log in to this API as this client.
    pub(crate) fn gate(&self, api: &Url, client_id: &str, warn: Warn) -> Arc<dyn Fleet> {
        Arc::new(SharedGate::new(&self.vault, &self.keys, api, client_id, warn))
    }
}
