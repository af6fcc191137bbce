//! The duplicate guard: who holds which e-mail and channel, and for how long.
//!
//! - [`memory`]: the store of one process, made of [`shard`]s
//! - [`shared`]: a store that several processes share; [`redis`] is one, and [`custom`] whatever the user has
//! - [`renewal`]: keeps the reservations in it alive
//! - [`guard`]: either of the two
//! - [`guests`]: authenticated guests, kept for the recovery from conflicts

pub mod custom;
pub(crate) mod guard;
pub(crate) mod guests;
pub(crate) mod memory;
pub(crate) mod redis;
mod renewal;
mod shard;
pub(crate) mod shared;

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::Error;
use crate::text::Text;
use memory::{Holding, MemoryStore};

/// A keyed hash of a session key: addresses are chosen by strangers, and none is held in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) [u8; 16]);

/// Makes [`Key`]s under a secret of this process, or of all that share a store.
#[derive(Clone)]
pub(crate) struct Keys(Hmac<Sha256>);

impl Keys {
    pub(crate) fn random() -> Self {
        let mut secret = [0; 32];
        // Without entropy the map still works; only the protection against chosen collisions is gone.
        let _ = getrandom::fill(&mut secret);
        Self::under(&secret)
    }

    pub(crate) fn under(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes any key")))
    }

    pub(crate) fn of(&self, text: &str) -> Key {
        let digest = self.0.clone().chain_update(text).finalize().into_bytes();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Key(key)
    }
}

/// `${email.toLowerCase()}::${channelId}`; as a JSON text where half a character in it would be lost else.
#[must_use]
pub(crate) fn session_key(email: &str, channel_id: &Text) -> String {
    channel_id.after(&format!("{}::", email.to_lowercase())).lossless().to_owned()
}

/// The sessions of one process.
#[derive(Clone)]
pub(crate) struct Sessions {
    keys: Keys,
    store: Arc<MemoryStore>,
}

impl Sessions {
    /// Holds at most `max_sessions` live ones.
    pub(crate) fn in_memory(max_sessions: usize) -> Self {
        Self::in_memory_under(Keys::random(), max_sessions)
    }

    /// The same, under keys that others know too.
    pub(crate) fn in_memory_under(keys: Keys, max_sessions: usize) -> Self {
        Self { keys, store: Arc::new(MemoryStore::new(max_sessions)) }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Reserves a session key; taken ones are an error. The reservation ends with the value returned, unless it is kept.
    pub(crate) fn reserve(&self, session_key: &str) -> Result<Reservation, Error> {
        let key = self.keys.of(session_key);
        let holding = self.store.reserve(key)?;
        Ok(Reservation { store: Arc::clone(&self.store), key, holding: Some(holding) })
    }

    /// Ends a session, whoever holds it.
    pub(crate) fn invalidate(&self, session_key: &str) {
        self.store.invalidate(self.keys.of(session_key));
    }

    /// Live sessions and reservations.
    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }
}

/// A session key held by one call. Dropping it releases the key.
pub(crate) struct Reservation {
    store: Arc<MemoryStore>,
    key: Key,
    holding: Option<Holding>,
}

impl Reservation {
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Turns the reservation into a session that lives as long as its token.
    pub(crate) fn keep(mut self, life: Duration) {
        if let Some(holding) = self.holding.take() {
            self.store.commit(self.key, holding, life);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(holding) = self.holding.take() {
            self.store.release(self.key, holding);
        }
    }
}
