//! The guests that were authenticated last, for the recovery from conflicts. Of too many, the oldest leave first.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::key::KeyHash;
use crate::guest::{Guest, Refreshed};
use crate::secret::Secret;
use crate::sync::lock;

/// Guests that are kept, about 1 KiB each. The server says "conflict" for a guest whose session has been ended here only.
/// That happens soon after the guest was created, or never.
const MOST_GUESTS: usize = 4096;

/// How long a refresh token is good for after its guest token has expired. A day is Genesys' default.
pub(crate) const REFRESHABLE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Guests by the hash of their session key.
#[derive(Default)]
pub(crate) struct GuestCache(Mutex<CachedGuests>);

#[derive(Default)]
struct CachedGuests {
    by_key: HashMap<KeyHash, CachedGuest>,
    order: VecDeque<(KeyHash, u64)>,
    next: u64,
}

struct CachedGuest {
    guest: Guest,
    number: u64,
}

/// A guest whom this package has created before, and whom the server will not create again.
#[derive(Debug)]
pub(crate) enum KnownGuest {
    /// The guest token is still good.
    Live(Guest),
    /// The guest token has expired; the refresh token may get another one.
    Refreshable(Guest, Secret),
}

impl KnownGuest {
    /// A guest whose token is good for as long as `left`. None where nothing of him can be used any more.
    pub(crate) fn of(guest: Guest, left: Duration) -> Option<Self> {
        if left < Duration::from_secs(1) {
            let refresh_token = guest.refresh_token.clone()?;
            return Some(Self::Refreshable(guest, refresh_token));
        }
        let now_left = Refreshed { token: guest.token.clone(), expires_in: left, refresh_token: None };
        Some(Self::Live(guest.renewed(&now_left).unwrap_or(guest)))
    }
}

impl GuestCache {
    /// Keeps a guest. It replaces an older one with the same key.
    pub(crate) fn put(&self, key: KeyHash, guest: Guest) {
        let mut guests = lock(&self.0);
        let number = guests.next;
        guests.next += 1;
        guests.by_key.insert(key, CachedGuest { guest, number });
        guests.order.push_back((key, number));
        while guests.order.len() > MOST_GUESTS {
            if let Some((oldest, number)) = guests.order.pop_front() {
                // A guest that has been put again since then stays.
                if guests.by_key.get(&oldest).is_some_and(|cached| cached.number == number) {
                    guests.by_key.remove(&oldest);
                }
            }
        }
    }

    /// The guest with this key, as far as he can still be used.
    pub(crate) fn get(&self, key: KeyHash) -> Option<KnownGuest> {
        let mut guests = lock(&self.0);
        let cached = guests.by_key.get(&key)?;
        let now = Instant::now();
        let expires_at = cached.guest.expires_at;
        let known = (now < expires_at + REFRESHABLE_FOR)
            .then(|| KnownGuest::of(cached.guest.clone(), expires_at.saturating_duration_since(now)))
            .flatten();
        if known.is_none() {
            guests.by_key.remove(&key);
        }
        known
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self) {
        *lock(&self.0) = CachedGuests::default();
    }

    /// A refresh has used up a refresh token: the guest that had it gets the fresh tokens.
    pub(crate) fn refreshed(&self, used: &Secret, fresh: &Refreshed) {
        let mut guests = lock(&self.0);
        let holder = guests
            .by_key
            .values_mut()
            .find(|cached| cached.guest.refresh_token.as_ref().is_some_and(|token| token.same_as(used)));
        if let Some(cached) = holder
            && let Some(guest) = cached.guest.renewed(fresh)
        {
            cached.guest = guest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::exchange::Answer;
    use crate::sessions::key::KeyHasher;

    fn guest(id: &str) -> Guest {
        let body = format!(r#"{{"guestId":"{id}","token":"t-{id}","expiresIn":60,"refreshToken":"r-{id}"}}"#);
        Guest::parse(&Answer { status: 200, headers: http::HeaderMap::new(), body: body.into() }).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_guest_comes_back_with_what_is_left_of_its_life() {
        let (cache, key) = (GuestCache::default(), KeyHasher::random().hash("a"));
        cache.put(key, guest("1"));
        tokio::time::advance(Duration::from_secs(20)).await;
        let Some(KnownGuest::Live(guest)) = cache.get(key) else { panic!("not live") };
        assert_eq!(guest.json.expose(), r#"{"guestId":"1","token":"t-1","expiresIn":40,"refreshToken":"r-1"}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_guest_can_be_refreshed_for_a_day() {
        let (cache, key) = (GuestCache::default(), KeyHasher::random().hash("a"));
        cache.put(key, guest("1"));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(matches!(cache.get(key), Some(KnownGuest::Refreshable(_, token)) if token.expose() == "r-1"));
        tokio::time::advance(REFRESHABLE_FOR).await;
        assert!(cache.get(key).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_renews_the_guest() {
        let (cache, key) = (GuestCache::default(), KeyHasher::random().hash("a"));
        cache.put(key, guest("1"));
        let fresh = Refreshed {
            token: Secret::new("t-2"),
            expires_in: Duration::from_secs(90),
            refresh_token: Some(Secret::new("r-2")),
        };
        cache.refreshed(&Secret::new("r-1"), &fresh);
        tokio::time::advance(Duration::from_secs(70)).await;
        assert!(matches!(cache.get(key), Some(KnownGuest::Live(guest)) if guest.token.expose() == "t-2"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_leave_first_and_renewed_ones_stay() {
        let (cache, hasher) = (GuestCache::default(), KeyHasher::random());
        cache.put(hasher.hash("first"), guest("1"));
        cache.put(hasher.hash("second"), guest("2"));
        for i in 0..MOST_GUESTS - 2 {
            cache.put(hasher.hash(&i.to_string()), guest("n"));
        }
        cache.put(hasher.hash("first"), guest("1b"));
        cache.put(hasher.hash("last"), guest("3"));
        assert!(cache.get(hasher.hash("second")).is_none());
        assert!(matches!(cache.get(hasher.hash("first")), Some(KnownGuest::Live(guest)) if guest.id == "1b"));
        assert!(lock(&cache.0).by_key.len() <= MOST_GUESTS);
    }
}
