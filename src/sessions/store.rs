//! What a store must do whose sessions several processes share.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::time::Instant;

use super::guest_cache::KnownGuest;
use super::key::KeyHash;
use crate::error::Error;
use crate::guest::Guest;

/// 122 random bits (a UUID of version 4) that tell one reservation from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnerToken(pub(crate) [u8; 16]);

impl OwnerToken {
    pub(crate) fn random() -> Self {
        Self(*uuid::Uuid::new_v4().as_bytes())
    }
}

/// One step of a store.
pub(crate) type StoreFuture<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// A store of sessions. Each function is one step that ends at `until`; to repeat one that took effect does no harm.
pub(crate) trait SessionStore: Send + Sync {
    /// Reserves a key that nobody holds, for `life`. Says whether the owner holds it now.
    fn reserve(&self, key: KeyHash, owner: OwnerToken, life: Duration, until: Instant) -> StoreFuture<'_, bool>;

    /// Prolongs the owner's reservation. It is no error if that was lost.
    fn extend(&self, key: KeyHash, owner: OwnerToken, life: Duration, until: Instant) -> StoreFuture<'_, ()>;

    /// Turns the owner's reservation into a session. Somebody else's is left alone.
    fn commit(&self, commit: &SessionCommit, until: Instant) -> StoreFuture<'_, ()>;

    /// Frees the key if it is the owner's, whether it is a reservation or a session. The store keeps `guest` all the same.
    fn release(&self, key: KeyHash, owner: OwnerToken, guest: Option<Guest>, until: Instant) -> StoreFuture<'_, ()>;

    /// Frees the key, whoever holds it.
    fn invalidate(&self, key: KeyHash, until: Instant) -> StoreFuture<'_, ()>;

    /// A refresh token was traded: the session of its guest lasts as long as the fresh guest token. Nothing happens to one
    /// that is over, or somebody else's by now.
    fn rotated(&self, rotated: Rotated, until: Instant) -> StoreFuture<'_, ()>;

    /// Whether the key's live session is one of the guest with this hash.
    fn is_of(&self, _key: KeyHash, _guest: KeyHash, _until: Instant) -> StoreFuture<'_, bool> {
        Box::pin(async { Ok(false) })
    }

    /// The guest that a process has left with this key, if the store keeps guests.
    fn known(&self, key: KeyHash) -> BoxFuture<'_, Option<KnownGuest>>;

    /// Connects.
    fn ready(&self, until: Instant) -> StoreFuture<'_, ()>;

    /// Its part of the metrics.
    fn describe(&self) -> StoreMetrics;

    /// Disconnects. Nothing else is called after it.
    fn close(&self);
}

/// The session that a reservation becomes.
#[derive(Clone)]
pub(crate) struct SessionCommit {
    pub(crate) key: KeyHash,
    pub(crate) owner: OwnerToken,
    pub(crate) ends_at: Instant,
    pub(crate) guest: Option<Guest>,
    /// The hash of the guest's refresh token, or in web messaging of the guest's id.
    pub(crate) refresh_token: Option<KeyHash>,
}

/// A rotation: the hashes of the used refresh token and of the next, and when the fresh guest token ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotated {
    pub(crate) used: KeyHash,
    pub(crate) fresh: KeyHash,
    pub(crate) ends_at: Instant,
}

/// A shared store for `metrics()`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreMetrics {
    /// `redis` or `custom`.
    pub kind: &'static str,
    /// Whether it can be reached, as far as is known.
    pub available: bool,
    /// Steps that failed because it could not be reached.
    pub failures: u64,
    /// Values that were refused: damaged, moved to another key, or sealed under another secret.
    pub refused_values: u64,
    /// Calls that the memory of this process served meanwhile.
    pub served_locally: u64,
}
