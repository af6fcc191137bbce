//! Sessions in a store of the user's own: four functions, which get all that an entry of that store needs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use super::guest_cache::KnownGuest;
use super::key::KeyHash;
use super::memory::store::MemoryStore;
use super::step::{OnUnavailable, STEP_LIMIT};
use super::store::{OwnerToken, Rotated, SessionCommit, SessionStore, StoreFuture, StoreMetrics};
use crate::error::{Code, Error};
use crate::guest::Guest;

/// A function has this much less time than the store has, so that the error can say which function was too slow.
const MARGIN: Duration = Duration::from_millis(20);

/// A store that somebody else has made.
#[derive(Clone)]
pub struct CustomStore {
    /// What it does.
    pub functions: Arc<dyn StoreFunctions>,
    /// What happens to calls while it fails.
    pub on_unavailable: OnUnavailable,
}

impl fmt::Debug for CustomStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomStore").field("on_unavailable", &self.on_unavailable).finish_non_exhaustive()
    }
}

/// The functions of a store.
pub trait StoreFunctions: Send + Sync {
    /// Calls one of them. It resolves with what `reserve` and `commit` say, and with `true` for the others; it may fail with
    /// [`StoreCall::failed`], and may be dropped before it ends.
    fn call(&self, call: StoreCall) -> BoxFuture<'static, Result<bool, Error>>;
}

/// One call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCall {
    /// Which one.
    pub function: StoreFunction,
    /// The keyed hash of a session key, in hexadecimal digits.
    pub key: String,
    /// The token of the call that holds the key; none where it does not matter who does.
    pub owner: Option<String>,
    /// How long the entry lives from now on; none where it ends.
    pub life: Option<Duration>,
}

/// The functions of a store by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFunction {
    /// Takes a key that nobody holds, or prolongs the owner's reservation; says whether the owner holds it now.
    Reserve,
    /// Turns the owner's reservation into a session; says whether it was still the owner's.
    Commit,
    /// Frees the key if it is the owner's.
    Release,
    /// Frees the key, whoever holds it.
    Invalidate,
}

impl StoreFunction {
    /// As the configuration has it: `reserve`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::Invalidate => "invalidate",
        }
    }

    fn of(self, key: KeyHash) -> StoreCall {
        StoreCall { function: self, key: hex(key.0), owner: None, life: None }
    }
}

impl StoreCall {
    /// The error of a call that did not succeed; `how` completes the sentence "`sessionStore.reserve` …".
    #[must_use]
    pub fn failed(&self, how: impl fmt::Display) -> Error {
        let name = self.function.as_str();
        Error::new(Code::StoreUnavailable, format!("sessionStore.{name} {how}")).with_retryable(true)
    }

    fn by(mut self, owner: OwnerToken) -> Self {
        self.owner = Some(hex(owner.0));
        self
    }

    fn lasting(mut self, life: Duration) -> Self {
        self.life = Some(life);
        self
    }
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// The sessions in such a store.
pub(crate) struct CustomSessions {
    functions: Arc<dyn StoreFunctions>,
    /// Sessions that this process has committed, by the hash of their guest's refresh token.
    by_refresh_token: MemoryStore<(KeyHash, OwnerToken)>,
    available: AtomicBool,
    failures: AtomicU64,
}

impl CustomSessions {
    /// Remembers at most `max_sessions` of its sessions.
    pub(crate) fn new(functions: Arc<dyn StoreFunctions>, max_sessions: usize) -> Self {
        let by_refresh_token = MemoryStore::new(max_sessions);
        Self { functions, by_refresh_token, available: AtomicBool::new(true), failures: AtomicU64::new(0) }
    }

    async fn take(&self, call: StoreCall, until: Instant) -> Result<bool, Error> {
        let late = call.failed(format_args!("did not settle within {} ms", STEP_LIMIT.as_millis()));
        let outcome = timeout_at(until - MARGIN, self.functions.call(call)).await.unwrap_or(Err(late));
        self.available.store(outcome.is_ok(), Ordering::Relaxed);
        if outcome.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    async fn end(&self, call: StoreCall, until: Instant) -> Result<(), Error> {
        self.take(call, until).await.map(drop)
    }
}

impl SessionStore for CustomSessions {
    fn reserve(&self, key: KeyHash, owner: OwnerToken, life: Duration, until: Instant) -> StoreFuture<'_, bool> {
        self.take(StoreFunction::Reserve.of(key).by(owner).lasting(life), until).boxed()
    }

    fn extend(&self, key: KeyHash, owner: OwnerToken, life: Duration, until: Instant) -> StoreFuture<'_, ()> {
        self.end(StoreFunction::Reserve.of(key).by(owner).lasting(life), until).boxed()
    }

    fn commit(&self, commit: &SessionCommit, until: Instant) -> StoreFuture<'_, ()> {
        let life = commit.ends_at.saturating_duration_since(Instant::now());
        if life < Duration::from_millis(1) {
            return async { Ok(()) }.boxed();
        }
        if let Some(refresh_token) = commit.refresh_token {
            self.by_refresh_token.put(refresh_token, life, (commit.key, commit.owner));
        }
        self.end(StoreFunction::Commit.of(commit.key).by(commit.owner).lasting(life), until).boxed()
    }

    fn release(&self, key: KeyHash, owner: OwnerToken, _: Option<Guest>, until: Instant) -> StoreFuture<'_, ()> {
        self.end(StoreFunction::Release.of(key).by(owner), until).boxed()
    }

    fn invalidate(&self, key: KeyHash, until: Instant) -> StoreFuture<'_, ()> {
        self.end(StoreFunction::Invalidate.of(key), until).boxed()
    }

    fn rotated(&self, rotated: Rotated, until: Instant) -> StoreFuture<'_, ()> {
        async move {
            let Some((key, owner)) = self.by_refresh_token.get(rotated.used) else { return Ok(()) };
            let life = rotated.ends_at.saturating_duration_since(Instant::now());
            if self.take(StoreFunction::Commit.of(key).by(owner).lasting(life), until).await? {
                self.by_refresh_token.put(rotated.fresh, life, (key, owner));
            }
            Ok(())
        }
        .boxed()
    }

    /// No guest is kept: such a store does not encrypt what it is given.
    fn known(&self, _: KeyHash) -> BoxFuture<'_, Option<KnownGuest>> {
        async { None }.boxed()
    }

    fn ready(&self, _: Instant) -> StoreFuture<'_, ()> {
        async { Ok(()) }.boxed()
    }

    fn describe(&self) -> StoreMetrics {
        StoreMetrics {
            kind: "custom",
            available: self.available.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            refused_values: 0,
            served_locally: 0,
        }
    }

    fn close(&self) {}
}
