//! Keeps the reservations in a shared store alive while their calls run, and commits late what could not be committed in
//! time. One task does it for all of them, as long as there are any.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep, timeout_at};

use crate::sessions::key::KeyHash;
use crate::sessions::step::{RENEW_EVERY, RESERVED_FOR, step_deadline};
use crate::sessions::store::{OwnerToken, SessionCommit, SessionStore};
use crate::sync::lock;

/// How long a commit is repeated while the store is away. After that, only the server's own refusal prevents a second
/// guest.
const COMMIT_WITHIN: Duration = Duration::from_secs(60);

/// The reservations that an instance holds in a store.
pub(super) struct Renewals {
    store: Arc<dyn SessionStore>,
    renewed: Mutex<Renewed>,
    /// Written while extensions are under way.
    extending: RwLock<()>,
}

#[derive(Default)]
struct Renewed {
    by_key: HashMap<KeyHash, Renewal>,
    is_running: bool,
}

struct Renewal {
    owner: OwnerToken,
    since: Instant,
    /// What the store has not committed yet, and when this is given up.
    commit: Option<(SessionCommit, Instant)>,
}

impl Renewals {
    pub(super) fn new(store: Arc<dyn SessionStore>) -> Arc<Self> {
        Arc::new(Self { store, renewed: Mutex::default(), extending: RwLock::default() })
    }

    /// Renews a reservation from now on.
    pub(super) fn add(self: &Arc<Self>, key: KeyHash, owner: OwnerToken) {
        self.insert(key, Renewal { owner, since: Instant::now(), commit: None });
    }

    /// Commits a session as soon as the store can be reached.
    pub(super) fn commit_later(self: &Arc<Self>, commit: SessionCommit) {
        let (key, owner, now) = (commit.key, commit.owner, Instant::now());
        let give_up_at = commit.ends_at.min(now + COMMIT_WITHIN);
        self.insert(key, Renewal { owner, since: now, commit: Some((commit, give_up_at)) });
    }

    /// Stops what is done for the owner of a key.
    pub(super) fn remove(&self, key: KeyHash, owner: OwnerToken) {
        let mut renewed = lock(&self.renewed);
        if renewed.by_key.get(&key).is_some_and(|renewal| renewal.owner == owner) {
            renewed.by_key.remove(&key);
        }
    }

    /// Stops what is done for a key, whoever holds it.
    pub(super) fn forget(&self, key: KeyHash) {
        lock(&self.renewed).by_key.remove(&key);
    }

    /// Waits for the extensions that are under way. One that arrives after its key was freed would take the key again.
    pub(super) async fn settled(&self) {
        drop(self.extending.read().await);
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.renewed).by_key.len()
    }

    /// Tries all late commits once more, and stops.
    pub(super) async fn finish(&self) {
        lock(&self.renewed).by_key.retain(|_, renewal| renewal.commit.is_some());
        self.renew(Duration::ZERO).await;
        lock(&self.renewed).by_key.clear();
    }

    fn insert(self: &Arc<Self>, key: KeyHash, renewal: Renewal) {
        let mut renewed = lock(&self.renewed);
        renewed.by_key.insert(key, renewal);
        if !renewed.is_running {
            renewed.is_running = true;
            tokio::spawn(run(Arc::downgrade(self)));
        }
    }

    /// Extends the reservations that are at least as old as `age`, and tries the late commits. All commands are sent at
    /// once and share the connection.
    async fn renew(&self, age: Duration) {
        let extending = self.extending.write().await;
        let now = Instant::now();
        let until = step_deadline();
        let (mut extensions, mut commits) = (Vec::new(), Vec::new());
        for (key, renewal) in &lock(&self.renewed).by_key {
            match &renewal.commit {
                Some(commit) => commits.push(commit.clone()),
                None if now - renewal.since >= age => extensions.push((*key, renewal.owner)),
                None => {}
            }
        }
        // A reservation that could not be extended may be lost. Its call goes on: the server refuses a second guest.
        let extensions = extensions.into_iter().map(|(key, owner)| self.store.extend(key, owner, RESERVED_FOR, until));
        let commits = commits.into_iter().map(|(commit, give_up_at)| async move {
            let is_done = self.store.commit(&commit, until).await.is_ok() || now >= give_up_at;
            is_done.then_some((commit.key, commit.owner))
        });
        let extensions = async {
            join_all(extensions).await;
            drop(extending);
        };
        let both = async { tokio::join!(extensions, join_all(commits)).1 };
        let Ok(done) = timeout_at(until, both).await else { return };
        for (key, owner) in done.into_iter().flatten() {
            self.remove(key, owner);
        }
    }

    /// Whether there is nothing left to renew. If so, the next insertion starts a new task.
    fn is_over(&self) -> bool {
        let mut renewed = lock(&self.renewed);
        renewed.is_running = !renewed.by_key.is_empty();
        !renewed.is_running
    }
}

async fn run(renewals: Weak<Renewals>) {
    loop {
        sleep(RENEW_EVERY).await;
        let Some(renewals) = renewals.upgrade() else { return };
        if renewals.is_over() {
            return;
        }
        // A younger reservation has at least two more chances.
        renewals.renew(RENEW_EVERY / 2).await;
    }
}
