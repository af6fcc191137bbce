//! Keeps reservations alive while their calls run: one task for all of them, while there are any.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep, timeout_at};

use super::Key;
use super::shared::{Kept, Owner, Store};
use crate::redis::{HELD_FOR, RENEW_EVERY, step};
use crate::sync::lock;

/// How long a session is offered to a store that is away. Later on, the server's own refusal of a second guest is what
/// prevents him.
const COMMIT_WITHIN: Duration = Duration::from_secs(60);

/// The reservations of an instance.
pub(crate) struct Renewals {
    store: Arc<dyn Store>,
    state: Mutex<State>,
    /// Written while extensions are under way.
    extending: RwLock<()>,
}

#[derive(Default)]
struct State {
    held: HashMap<Key, Held>,
    is_running: bool,
}

struct Held {
    owner: Owner,
    since: Instant,
    /// A session that the store has not taken yet.
    late: Option<(Kept, Instant)>,
}

impl Renewals {
    pub(crate) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, state: Mutex::default(), extending: RwLock::default() })
    }

    /// Renews a reservation from now on.
    pub(crate) fn add(self: &Arc<Self>, key: Key, owner: Owner) {
        self.insert(key, Held { owner, since: Instant::now(), late: None });
    }

    /// Commits a session as soon as the store takes it.
    pub(crate) fn commit_later(self: &Arc<Self>, kept: Kept) {
        let (key, owner, now) = (kept.key, kept.owner, Instant::now());
        let give_up_at = kept.ends_at.min(now + COMMIT_WITHIN);
        self.insert(key, Held { owner, since: now, late: Some((kept, give_up_at)) });
    }

    pub(crate) fn remove(&self, key: Key, owner: Owner) {
        let mut state = lock(&self.state);
        if state.held.get(&key).is_some_and(|held| held.owner == owner) {
            state.held.remove(&key);
        }
    }

    /// Whoever holds the key, and whatever waits.
    pub(crate) fn forget(&self, key: Key) {
        lock(&self.state).held.remove(&key);
    }

    /// Waits for extensions that began before a key was taken off: they could make it again once it is free.
    pub(crate) async fn settled(&self) {
        drop(self.extending.read().await);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.state).held.len()
    }

    /// The end: sessions that wait are offered once more, the rest is let go.
    pub(crate) async fn finish(&self) {
        lock(&self.state).held.retain(|_, held| held.late.is_some());
        self.renew(Duration::ZERO).await;
        lock(&self.state).held.clear();
    }

    fn insert(self: &Arc<Self>, key: Key, held: Held) {
        let mut state = lock(&self.state);
        state.held.insert(key, held);
        if !state.is_running {
            state.is_running = true;
            tokio::spawn(run(Arc::downgrade(self)));
        }
    }

    /// Renews what has been held for `age`, commits what waits. All commands go out at once and share the connection.
    async fn renew(&self, age: Duration) {
        let extending = self.extending.write().await;
        let now = Instant::now();
        let until = step();
        let (mut extended, mut late) = (Vec::new(), Vec::new());
        for (key, held) in &lock(&self.state).held {
            match &held.late {
                Some((kept, give_up_at)) => late.push((kept.clone(), *give_up_at)),
                None if now - held.since >= age => extended.push((*key, held.owner)),
                None => {}
            }
        }
        // A reservation that could not be renewed may be lost, and its call goes on: the server refuses a second guest.
        let extensions = extended.into_iter().map(|(key, owner)| self.store.extend(key, owner, HELD_FOR, until));
        let commits = late.into_iter().map(|(kept, give_up_at)| async move {
            let is_done = self.store.commit(&kept, until).await.is_ok() || now >= give_up_at;
            is_done.then_some((kept.key, kept.owner))
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

    fn is_over(&self) -> bool {
        let mut state = lock(&self.state);
        state.is_running = !state.held.is_empty();
        !state.is_running
    }
}

async fn run(renewals: Weak<Renewals>) {
    loop {
        sleep(RENEW_EVERY).await;
        let Some(renewals) = renewals.upgrade() else { return };
        if renewals.is_over() {
            return;
        }
        // Younger ones have more than two more chances.
        renewals.renew(RENEW_EVERY / 2).await;
    }
}
