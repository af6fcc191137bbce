//! Sessions on Redis: one key for each, one for what is known of its guest, and one that leads to it from the guest's refresh
//! token.
//!
//! A session's key holds `r` and the owner while it is a reservation, `s` and the owner when it is a session. Scripts
//! compare before they set, so that nobody frees or prolongs what another one owns.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join};
use tokio::time::Instant;

use super::command::{Command, script};
use super::store::SharedStore;
use crate::error::Error;
use crate::guest::Guest;
use crate::sessions::guest_cache::{KnownGuest, REFRESHABLE_FOR};
use crate::sessions::key::KeyHash;
use crate::sessions::store::{OwnerToken, Rotated, SessionCommit, SessionStore, StoreFuture, StoreMetrics};

/// An invalidated reservation is remembered this long, so that its call does not make a session of it at its end. A call
/// lasts a minute by default.
const ENDED_FOR: Duration = Duration::from_secs(300);

script!(
    /// KEYS session; ARGV reservation, life. For an attempt after one whose answer was lost.
    RESERVE_AGAIN,
    "local v = redis.call('GET', KEYS[1])
if v and v ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"
);

script!(
    /// KEYS session, ended; ARGV reservation, life. One that got lost with the memory of a server is made again.
    EXTEND,
    "local v = redis.call('GET', KEYS[1])
if v and v ~= ARGV[1] then return 0 end
if not v and redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"
);

script!(
    /// KEYS session, ended, guest; ARGV reservation, session, life, and for the guest, if there is one: value, life.
    COMMIT,
    "if ARGV[4] then redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5]) end
local v = redis.call('GET', KEYS[1])
if v and v ~= ARGV[1] and v ~= ARGV[2] then return 0 end
if not v and redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1"
);

script!(
    /// KEYS session; ARGV session, life. Only a session that is still its owner's.
    PROLONG,
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"
);

script!(
    /// KEYS session, guest; ARGV reservation, session, and for the guest, if there is one: value, life.
    RELEASE,
    "if ARGV[3] then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
local v = redis.call('GET', KEYS[1])
if v == ARGV[1] or v == ARGV[2] then return redis.call('DEL', KEYS[1]) end
return 0"
);

script!(
    /// KEYS session, ended; ARGV life of the mark.
    INVALIDATE,
    "local v = redis.call('GET', KEYS[1])
if not v then return 0 end
if string.sub(v, 1, 1) == 'r' then redis.call('SET', KEYS[2], v, 'PX', ARGV[1]) end
return redis.call('DEL', KEYS[1])"
);

/// The sessions of all processes with one client secret.
pub(super) struct RedisSessions(SharedStore);

impl RedisSessions {
    pub(super) fn new(shared: SharedStore) -> Self {
        Self(shared)
    }

    fn session(&self, key: KeyHash) -> String {
        self.0.store.name("s", key.0)
    }

    fn ended(&self, key: KeyHash) -> String {
        self.0.store.name("e", key.0)
    }

    fn guest(&self, key: KeyHash) -> String {
        self.0.store.name("g", key.0)
    }

    /// Where the session of a refresh token's guest is written down.
    fn of_refresh_token(&self, refresh_token: KeyHash) -> String {
        self.0.store.name("rs", refresh_token.0)
    }

    async fn note(&self, refresh_token: KeyHash, session: &[u8], ends_at: Instant, until: Instant) {
        let name = self.of_refresh_token(refresh_token);
        let command = |_| {
            let life = ends_at.saturating_duration_since(Instant::now());
            Command::new("SET").key(&name).arg(session).arg("PX").millis(life)
        };
        // Without it, the session ends with its first token.
        let _: Result<(), Error> = self.0.store.redis().run(until, command).await;
    }

    async fn prolong(&self, rotated: Rotated, until: Instant) -> Result<(), Error> {
        let noted = self.of_refresh_token(rotated.used);
        let found: Option<Vec<u8>> = self.0.store.redis().run(until, |_| Command::new("GET").key(&noted)).await?;
        let Some((found, (key, owner))) = found.and_then(|found| noted_session(&found).map(|noted| (found, noted)))
        else {
            return Ok(());
        };
        let name = self.session(key);
        let command = |_| {
            let life = rotated.ends_at.saturating_duration_since(Instant::now());
            Command::script(&PROLONG).key(&name).arg(session(owner)).millis(life)
        };
        if self.0.store.redis().run(until, command).await? {
            self.note(rotated.fresh, &found, rotated.ends_at, until).await;
        }
        Ok(())
    }

    async fn has_session_of(&self, key: KeyHash, guest: KeyHash, until: Instant) -> Result<bool, Error> {
        let (noted, name) = (self.of_refresh_token(guest), self.session(key));
        let redis = self.0.store.redis();
        let found: Option<Vec<u8>> = redis.run(until, |_| Command::new("GET").key(&noted)).await?;
        let Some(owner) =
            found.and_then(|found| noted_session(&found)).and_then(|(of, owner)| (of == key).then_some(owner))
        else {
            return Ok(false);
        };
        let live: Option<Vec<u8>> = redis.run(until, |_| Command::new("GET").key(&name)).await?;
        Ok(live == Some(session(owner)))
    }

    /// The guest, encrypted, and how long the store keeps him.
    fn encrypted(&self, key: KeyHash, guest: &Guest) -> Option<(Vec<u8>, Duration)> {
        let is_refreshable = guest.refresh_token.is_some();
        let value = [&[u8::from(is_refreshable)], guest.json.expose().as_bytes()].concat();
        let life = guest.expires_at.saturating_duration_since(Instant::now())
            + if is_refreshable { REFRESHABLE_FOR } else { Duration::ZERO };
        Some((self.0.store.encrypt(&self.guest(key), &value)?, life))
    }

    async fn find(&self, key: KeyHash) -> Option<KnownGuest> {
        let stored = self.0.store.read(&self.guest(key)).await.ok().flatten()?;
        let (is_refreshable, json) = stored.value.split_first()?;
        let refreshable_for = if *is_refreshable == 1 { REFRESHABLE_FOR } else { Duration::ZERO };
        let guest = Guest::from_json(String::from_utf8(json.to_vec()).ok()?)?;
        KnownGuest::of(guest, stored.left.saturating_sub(refreshable_for))
    }
}

fn reservation(owner: OwnerToken) -> Vec<u8> {
    [b"r".as_slice(), &owner.0].concat()
}

fn session(owner: OwnerToken) -> Vec<u8> {
    [b"s".as_slice(), &owner.0].concat()
}

/// What is noted of a session: its key, and its owner.
fn note_of(key: KeyHash, owner: OwnerToken) -> Vec<u8> {
    [key.0, owner.0].concat()
}

fn noted_session(note: &[u8]) -> Option<(KeyHash, OwnerToken)> {
    let (key, owner) = note.split_first_chunk()?;
    Some((KeyHash(*key), OwnerToken(owner.try_into().ok()?)))
}

fn with_guest(command: Command, guest: Option<&(Vec<u8>, Duration)>) -> Command {
    match guest {
        Some((value, life)) => command.arg(value).millis(*life),
        None => command,
    }
}

impl SessionStore for RedisSessions {
    fn reserve(&self, key: KeyHash, owner: OwnerToken, life: Duration, until: Instant) -> StoreFuture<'_, bool> {
        let name = self.session(key);
        let command = move |attempt| {
            if attempt == 0 {
                Command::new("SET").key(&name).arg(reservation(owner)).arg("NX").arg("PX").millis(life)
            } else {
                Command::script(&RESERVE_AGAIN).key(&name).arg(reservation(owner)).millis(life)
            }
        };
        self.0.store.redis().run(until, command).boxed()
    }

    fn extend(&self, key: KeyHash, owner: OwnerToken, life: Duration, until: Instant) -> StoreFuture<'_, ()> {
        let (name, ended) = (self.session(key), self.ended(key));
        let command = move |_| Command::script(&EXTEND).key(&name).key(&ended).arg(reservation(owner)).millis(life);
        self.0.store.redis().run(until, command).boxed()
    }

    fn commit(&self, commit: &SessionCommit, until: Instant) -> StoreFuture<'_, ()> {
        let SessionCommit { key, owner, ends_at, guest, refresh_token } = commit.clone();
        let (name, ended, whom) = (self.session(key), self.ended(key), self.guest(key));
        let guest = guest.and_then(|guest| self.encrypted(key, &guest));
        let command = move |_| {
            let life = ends_at.saturating_duration_since(Instant::now());
            let command = Command::script(&COMMIT).key(&name).key(&ended).key(&whom);
            with_guest(command.arg(reservation(owner)).arg(session(owner)).millis(life), guest.as_ref())
        };
        let committed = self.0.store.redis().run(until, command);
        let noted = async move {
            if let Some(refresh_token) = refresh_token {
                self.note(refresh_token, &note_of(key, owner), ends_at, until).await;
            }
        };
        // In another slot of a cluster: two commands, on their way together.
        join(committed, noted).map(|(committed, ())| committed).boxed()
    }

    fn release(&self, key: KeyHash, owner: OwnerToken, guest: Option<Guest>, until: Instant) -> StoreFuture<'_, ()> {
        let (name, whom) = (self.session(key), self.guest(key));
        let guest = guest.and_then(|guest| self.encrypted(key, &guest));
        let command = move |_| {
            let command = Command::script(&RELEASE).key(&name).key(&whom);
            with_guest(command.arg(reservation(owner)).arg(session(owner)), guest.as_ref())
        };
        self.0.store.redis().run(until, command).boxed()
    }

    fn invalidate(&self, key: KeyHash, until: Instant) -> StoreFuture<'_, ()> {
        let (name, ended) = (self.session(key), self.ended(key));
        let command = move |_| Command::script(&INVALIDATE).key(&name).key(&ended).millis(ENDED_FOR);
        self.0.store.redis().run(until, command).boxed()
    }

    fn rotated(&self, rotated: Rotated, until: Instant) -> StoreFuture<'_, ()> {
        self.prolong(rotated, until).boxed()
    }

    fn is_of(&self, key: KeyHash, guest: KeyHash, until: Instant) -> StoreFuture<'_, bool> {
        self.has_session_of(key, guest, until).boxed()
    }

    fn known(&self, key: KeyHash) -> BoxFuture<'_, Option<KnownGuest>> {
        self.find(key).boxed()
    }

    fn ready(&self, until: Instant) -> StoreFuture<'_, ()> {
        self.0.store.redis().ready(until).boxed()
    }

    fn describe(&self) -> StoreMetrics {
        StoreMetrics {
            kind: "redis",
            available: self.0.store.redis().is_available(),
            failures: self.0.store.redis().failures(),
            refused_values: self.0.store.refused(),
            served_locally: 0,
        }
    }

    fn close(&self) {
        self.0.close();
    }
}
