//! Sessions in a store that several processes share: who owns a reservation, how long it lives, and what happens while
//! the store is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::guard::Hold;
use super::guests::Known;
use super::renewal::Renewals;
use super::{Key, Keys, Sessions};
use crate::error::{Code, Error};
use crate::guest::Guest;
use crate::redis::{HELD_FOR, STEP_LIMIT, random, step};

/// A failed call waits this long until its key is free. What takes longer goes on without it.
const FREED_WITHIN: Duration = Duration::from_millis(200);

/// 122 random bits (a UUID of version 4) that tell one reservation from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(pub(crate) [u8; 16]);

/// What a shared store must do. Each is one step with a deadline; a repeat of one that took effect does no harm.
pub(crate) trait Store: Send + Sync {
    /// Takes a key that nobody holds; says whether it is the owner's now.
    fn reserve(&self, key: Key, owner: Owner, life: Duration, until: Instant) -> BoxFuture<'_, Result<bool, Error>>;

    /// Prolongs the owner's reservation. Lost ones are no error.
    fn extend(&self, key: Key, owner: Owner, life: Duration, until: Instant) -> BoxFuture<'_, Result<(), Error>>;

    /// Turns the owner's reservation into a session. Somebody else's is left alone.
    fn commit(&self, kept: &Kept, until: Instant) -> BoxFuture<'_, Result<(), Error>>;

    /// Frees the key if it is the owner's, reservation or session. `guest` is known all the same.
    fn release(&self, key: Key, owner: Owner, guest: Option<Guest>, until: Instant)
    -> BoxFuture<'_, Result<(), Error>>;

    /// Frees the key, whoever holds it.
    fn invalidate(&self, key: Key, until: Instant) -> BoxFuture<'_, Result<(), Error>>;

    /// The guest whom a process has told of, if the store keeps guests.
    fn known(&self, key: Key) -> BoxFuture<'_, Option<Known>>;

    /// Connects.
    fn ready(&self, until: Instant) -> BoxFuture<'_, Result<(), Error>>;

    /// Its part of the metrics.
    fn describe(&self) -> StoreMetrics;

    /// The end.
    fn close(&self);
}

/// A session to be.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) key: Key,
    pub(crate) owner: Owner,
    pub(crate) ends_at: Instant,
    pub(crate) guest: Option<Guest>,
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
    /// Values that were not what they should be: damaged, moved, or by another hand.
    pub refused_values: u64,
    /// Calls that the memory of this process served meanwhile.
    pub served_locally: u64,
}

/// Tells the owner of an instance that the store is away, or back.
pub(crate) type Warn = Arc<dyn Fn(String) + Send + Sync>;

/// The sessions of an instance in a shared store.
pub(crate) struct SharedSessions {
    keys: Keys,
    store: Arc<dyn Store>,
    /// Stands in while the store is away.
    local: Option<Sessions>,
    warn: Warn,
    is_away: AtomicBool,
    served_locally: AtomicU64,
    renewals: Arc<Renewals>,
    releases: Arc<Releases>,
}

/// Releases that are on their way.
#[derive(Default)]
struct Releases {
    running: AtomicUsize,
    ended: Notify,
}

impl SharedSessions {
    /// `local` stands in while the store is away; without it, calls fail then.
    pub(crate) fn new(keys: Keys, store: Arc<dyn Store>, local: Option<Sessions>, warn: Warn) -> Self {
        Self {
            keys,
            renewals: Renewals::new(Arc::clone(&store)),
            store,
            local,
            warn,
            is_away: AtomicBool::new(false),
            served_locally: AtomicU64::new(0),
            releases: Arc::default(),
        }
    }

    pub(crate) async fn reserve(self: &Arc<Self>, session_key: &str) -> Result<Hold, Error> {
        let key = self.keys.of(session_key);
        // A session of the time when the store was away is nowhere else.
        let here = self.local.as_ref().map(|local| local.reserve(session_key)).transpose()?;
        let mut claim = Claim::new(Arc::clone(self), key);
        let until = step();
        let reserved = self.store.reserve(key, claim.owner, HELD_FOR, until);
        match timeout_at(until, reserved).await.unwrap_or_else(|_| Err(too_slow())) {
            Ok(true) => {
                self.is_back();
                self.renewals.add(key, claim.owner);
                Ok(Hold::Shared(Box::new(claim)))
            }
            Ok(false) => {
                self.is_back();
                claim.holds = false;
                Err(Error::duplicate_session())
            }
            Err(error) => match here {
                Some(here) if error.code() == Code::StoreUnavailable => {
                    self.is_gone(&error);
                    self.served_locally.fetch_add(1, Ordering::Relaxed);
                    Ok(Hold::Local(here))
                }
                _ => Err(error),
            },
        }
    }

    pub(crate) async fn invalidate(&self, session_key: &str) -> Result<(), Error> {
        if let Some(local) = &self.local {
            local.invalidate(session_key);
        }
        let key = self.keys.of(session_key);
        // A renewal would take the key again for a call that is to lose it.
        self.renewals.forget(key);
        let until = step();
        let invalidated = async {
            self.renewals.settled().await;
            self.store.invalidate(key, until).await
        };
        match timeout_at(until, invalidated).await.unwrap_or_else(|_| Err(too_slow())) {
            Err(error) if self.local.is_some() => {
                self.is_gone(&error);
                Ok(())
            }
            outcome => outcome,
        }
    }

    pub(crate) async fn known(&self, key: Key) -> Option<Known> {
        timeout(STEP_LIMIT, self.store.known(key)).await.ok().flatten()
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(crate) fn len(&self) -> usize {
        self.renewals.len() + self.local.as_ref().map_or(0, Sessions::len)
    }

    pub(crate) fn metrics(&self) -> StoreMetrics {
        StoreMetrics { served_locally: self.served_locally.load(Ordering::Relaxed), ..self.store.describe() }
    }

    pub(crate) async fn ready(&self) {
        // What is wrong, the first call will say.
        let _ = self.store.ready(step()).await;
    }

    pub(crate) async fn close(&self) {
        let released = async {
            loop {
                let ended = self.releases.ended.notified();
                if self.releases.running.load(Ordering::SeqCst) == 0 {
                    return;
                }
                ended.await;
            }
        };
        // Each has its own limit. What could not be released ends by itself.
        let _ = timeout(STEP_LIMIT * 2, released).await;
        self.renewals.finish().await;
        self.store.close();
    }

    fn is_gone(&self, error: &Error) {
        if !self.is_away.swap(true, Ordering::SeqCst) {
            let message = &error.details().message;
            (self.warn)(format!("{message}. Sessions are kept in the memory of this process meanwhile."));
        }
    }

    fn is_back(&self) {
        if self.is_away.load(Ordering::Relaxed) && self.is_away.swap(false, Ordering::SeqCst) {
            (self.warn)("The session store is back. Sessions are shared again.".to_owned());
        }
    }
}

fn too_slow() -> Error {
    let limit = STEP_LIMIT.as_millis();
    Error::new(Code::StoreUnavailable, format!("The session store did not answer within {limit} ms"))
        .with_retryable(true)
}

/// A key held, or asked for, by one call. Dropping it releases the key: also when the answer to its reservation was lost.
pub(crate) struct Claim {
    sessions: Arc<SharedSessions>,
    key: Key,
    owner: Owner,
    guest: Option<Guest>,
    holds: bool,
    /// A call may be dropped by a thread that has no runtime.
    runtime: Handle,
}

impl Claim {
    fn new(sessions: Arc<SharedSessions>, key: Key) -> Self {
        Self { sessions, key, owner: Owner(random()), guest: None, holds: true, runtime: Handle::current() }
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn belongs_to(&mut self, guest: &Guest) {
        self.guest = Some(guest.clone());
    }

    pub(crate) async fn keep(mut self, life: Duration) {
        // What can be no session any more is none.
        if life.is_zero() {
            return;
        }
        let kept = Kept { key: self.key, owner: self.owner, ends_at: Instant::now() + life, guest: self.guest.take() };
        // A renewal that comes after it could cut the session short.
        self.sessions.renewals.remove(self.key, self.owner);
        let until = step();
        let committed = timeout_at(until, self.sessions.store.commit(&kept, until)).await;
        self.holds = false;
        if !matches!(committed, Ok(Ok(()))) {
            self.sessions.renewals.commit_later(kept);
        }
    }

    pub(crate) async fn free(mut self) {
        self.holds = false;
        let _ = timeout(FREED_WITHIN, self.release()).await;
    }

    /// Releases the key in a task of its own, which the end of the call does not end.
    fn release(&mut self) -> JoinHandle<()> {
        let (key, owner, guest) = (self.key, self.owner, self.guest.take());
        self.sessions.renewals.remove(key, owner);
        let (store, renewals) = (Arc::clone(&self.sessions.store), Arc::clone(&self.sessions.renewals));
        let release = Release::begin(&self.sessions.releases);
        self.runtime.spawn(async move {
            let _release = release;
            let until = step();
            let released = async {
                // A renewal that comes after it would take the key again.
                renewals.settled().await;
                store.release(key, owner, guest, until).await
            };
            let _ = timeout_at(until, released).await;
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.holds {
            drop(self.release());
        }
    }
}

struct Release(Arc<Releases>);

impl Release {
    fn begin(releases: &Arc<Releases>) -> Self {
        releases.running.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(releases))
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
