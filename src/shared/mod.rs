//! What the processes of a service share through Redis or Valkey, made from one connection and one secret. The rooms that
//! use it say in traits of their own what they need; types of the crate `redis` stay in here.
//!
//! - [`settings`]: where the servers are
//! - [`topology`]: a connection to one server, to the primary that sentinels name, or to a cluster
//! - [`connection`]: makes it, keeps it, makes it again
//! - [`command`]: what is sent
//! - [`fault`]: what a failed command means
//! - [`refusals`]: how often a server that refuses is tried again
//! - [`encryption`]: key names and values that nobody else can read
//! - [`encrypted_store`]: such values in Redis
//! - [`lock`]: keeps processes from doing the same work at once
//! - [`store`]: the connection and the secret, for all that is shared
//! - [`sessions`], [`access_token`], [`rotations`], [`limiter`], [`window`]: what is shared

mod access_token;
mod command;
mod connection;
mod encrypted_store;
mod encryption;
mod fault;
pub(crate) mod limiter;
mod lock;
mod refusals;
mod rotations;
mod sessions;
pub mod settings;
mod store;
mod topology;
pub(crate) mod window;

use std::sync::Arc;

use url::Url;

use crate::net::limiter::SharedLimiter;
use crate::oauth::{Credentials, SharedAccessToken};
use crate::rotation::SharedRotations;
use crate::secret::Secret;
use crate::sessions::Sessions;
use crate::sessions::custom::CustomSessions;
use crate::sessions::key::KeyHasher;
use crate::sessions::memory::MemorySessions;
use crate::sessions::shared::{SharedSessions, Warn};
use crate::sessions::step::OnUnavailable;
use crate::sessions::store::SessionStore;
use access_token::RedisAccessToken;
use encryption::KeyMaterial;
use limiter::RedisLimiter;
use rotations::RedisRotations;
use sessions::RedisSessions;
use settings::SessionStoreSettings;
pub(crate) use store::SharedStore;
use store::hasher;

/// The duplicate guard of an instance, and the store for its other parts where they can share it too.
pub(crate) fn open(
    settings: Option<SessionStoreSettings>,
    client_secret: &Secret,
    max_sessions: usize,
    warn: Warn,
) -> (Sessions, Option<SharedStore>) {
    let sessions = |hasher: KeyHasher, store: Arc<dyn SessionStore>, on_unavailable| {
        let local = match on_unavailable {
            // The memory uses the same hashes of keys, so that guests it learns of are found in the store's time too.
            OnUnavailable::Local => Some(MemorySessions::new(hasher.clone(), max_sessions)),
            OnUnavailable::Reject => None,
        };
        Sessions::Shared(Arc::new(SharedSessions::new(hasher, store, local, warn)))
    };
    match settings {
        None => (Sessions::Memory(MemorySessions::new(KeyHasher::random(), max_sessions)), None),
        Some(SessionStoreSettings::Redis(settings)) => {
            let on_unavailable = settings.on_unavailable;
            let shared = SharedStore::new(settings, client_secret);
            let store = Arc::new(RedisSessions::new(shared.clone()));
            (sessions(shared.hasher.clone(), store, on_unavailable), Some(shared))
        }
        Some(SessionStoreSettings::Custom(custom)) => {
            let store = Arc::new(CustomSessions::new(custom.functions, max_sessions));
            (sessions(hasher(&KeyMaterial(client_secret)), store, custom.on_unavailable), None)
        }
    }
}

impl SharedStore {
    /// The access token of all processes with these credentials.
    pub(crate) fn access_token(&self, credentials: &Credentials) -> Box<dyn SharedAccessToken> {
        Box::new(RedisAccessToken::new(self, credentials))
    }

    /// The rotations of all processes.
    pub(crate) fn rotations(&self) -> Arc<dyn SharedRotations> {
        Arc::new(RedisRotations::new(self))
    }

    /// The limiter of all processes that log in to this API as this client.
    pub(crate) fn limiter(&self, api: &Url, client_id: &str, warn: Warn) -> Arc<dyn SharedLimiter> {
        Arc::new(RedisLimiter::new(self, api, client_id, warn))
    }
}
