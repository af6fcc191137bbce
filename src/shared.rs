//! What the processes of a service share, made from one connection and one secret.

use std::sync::Arc;

use url::Url;

use crate::gate::SharedGate;
use crate::net::fleet::Fleet;
use crate::redis::settings::OnUnavailable;
use crate::redis::{KeyMaterial, Redis, Settings, Vault};
use crate::secret::Secret;
use crate::sessions::guard::Guard;
use crate::sessions::redis::RedisSessions;
use crate::sessions::shared::{SharedSessions, Warn};
use crate::sessions::{Keys, Sessions};

/// A shared store for the parts of one instance. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) vault: Vault,
    pub(crate) keys: Keys,
}

impl Shared {
    /// Nothing is sent before the first use. All processes with the same secret agree on keys and values.
    pub(crate) fn new(settings: Settings, client_secret: &Secret) -> Self {
        let material = KeyMaterial(client_secret);
        let keys = Keys::under(&material.derive("names"));
        Self { vault: Vault::new(Redis::new(settings), &material), keys }
    }

    /// The gate of all processes that log in to this API as this client.
    pub(crate) fn gate(&self, api: &Url, client_id: &str) -> Arc<dyn Fleet> {
        Arc::new(SharedGate::new(&self.vault, &self.keys, api, client_id))
    }

    /// The duplicate guard: in the shared store, or in memory without one.
    pub(crate) fn sessions(shared: Option<&Self>, max_sessions: usize, warn: Warn) -> Guard {
        let Some(Self { vault, keys }) = shared else { return Guard::Local(Sessions::in_memory(max_sessions)) };
        let local = match vault.redis().settings().on_unavailable {
            // Under the same keys: what it learns of guests is found later on.
            OnUnavailable::Local => Some(Sessions::in_memory_under(keys.clone(), max_sessions)),
            OnUnavailable::Reject => None,
        };
        let store = Arc::new(RedisSessions::new(vault.clone()));
        Guard::Shared(Arc::new(SharedSessions::new(keys.clone(), store, local, warn)))
    }
}
