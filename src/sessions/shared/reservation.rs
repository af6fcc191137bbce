//! A session key that one call has reserved in a shared store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::renewal::Renewals;
use crate::guest::Guest;
use crate::sessions::key::KeyHash;
use crate::sessions::step::step_deadline;
use crate::sessions::store::{OwnerToken, SessionCommit, SessionStore};

/// A failed call waits this long until its key is free. A release that takes longer goes on without it.
pub(super) const FREED_WITHIN: Duration = Duration::from_millis(200);

/// A session key that one call has reserved, or asked for. Dropping it releases the key, also where the answer of the
/// store was lost.
pub(crate) struct SharedReservation {
    store: Arc<dyn SessionStore>,
    renewals: Arc<Renewals>,
    releases: Arc<Releases>,
    pub(super) key: KeyHash,
    pub(super) owner: OwnerToken,
    guest: Option<Guest>,
    refresh_token: Option<KeyHash>,
    /// Whether there is something to release.
    pub(super) is_held: bool,
    /// A call may be dropped by a thread that has no runtime.
    runtime: Handle,
}

impl SharedReservation {
    pub(super) fn new(
        key: KeyHash,
        store: &Arc<dyn SessionStore>,
        renewals: &Arc<Renewals>,
        releases: &Arc<Releases>,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            renewals: Arc::clone(renewals),
            releases: Arc::clone(releases),
            key,
            owner: OwnerToken::random(),
            guest: None,
            refresh_token: None,
            is_held: true,
            runtime: Handle::current(),
        }
    }

    pub(crate) fn key(&self) -> KeyHash {
        self.key
    }

    pub(crate) fn belongs_to(&mut self, guest: Option<&Guest>, refresh_token: Option<KeyHash>) {
        (self.guest, self.refresh_token) = (guest.cloned(), refresh_token);
    }

    pub(crate) async fn keep(mut self, ends_at: Instant) {
        let (key, owner, refresh_token) = (self.key, self.owner, self.refresh_token);
        let commit = SessionCommit { key, owner, ends_at, guest: self.guest.take(), refresh_token };
        // A renewal that arrives after the commit could cut the session short.
        self.renewals.remove(self.key, self.owner);
        let until = step_deadline();
        let committed = timeout_at(until, self.store.commit(&commit, until)).await;
        self.is_held = false;
        if !matches!(committed, Ok(Ok(()))) {
            self.renewals.commit_later(commit);
        }
    }

    pub(crate) async fn free(mut self) {
        self.is_held = false;
        let _ = timeout(FREED_WITHIN, self.release()).await;
    }

    /// Releases the key in a task of its own, which outlives the call.
    fn release(&mut self) -> JoinHandle<()> {
        let (key, owner, guest) = (self.key, self.owner, self.guest.take());
        let (store, renewals) = (Arc::clone(&self.store), Arc::clone(&self.renewals));
        renewals.remove(key, owner);
        let release = Release::begin(&self.releases);
        self.runtime.spawn(async move {
            let _release = release;
            let until = step_deadline();
            let released = async {
                // A renewal that arrives after the release would take the key again.
                renewals.settled().await;
                store.release(key, owner, guest, until).await
            };
            // What could not be released ends by itself.
            let _ = timeout_at(until, released).await;
        })
    }
}

impl Drop for SharedReservation {
    fn drop(&mut self) {
        if self.is_held {
            drop(self.release());
        }
    }
}

/// Counts the releases that are under way.
#[derive(Default)]
pub(super) struct Releases {
    running: AtomicUsize,
    ended: Notify,
}

impl Releases {
    /// Waits until none is under way.
    pub(super) async fn all_ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One release that is under way, until it is dropped.
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
