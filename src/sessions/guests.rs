//! Authenticated guests of late, for the recovery from conflicts: bounded, oldest out first.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::Key;
use crate::guest::{Guest, Refreshed};
use crate::secret::Secret;
use crate::sync::lock;

/// Guests that are kept, about 1 KiB each. A conflict concerns a guest whose session was ended here but lives on at the
/// server, and that happens soon after its creation or never.
const MOST_GUESTS: usize = 4096;

/// A refresh token outlives its guest token by far; a day is Genesys' default.
pub(super) const REFRESHABLE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Guests by session key.
#[derive(Default)]
pub(crate) struct Guests(Mutex<State>);

#[derive(Default)]
struct State {
    by_key: HashMap<Key, Cached>,
    order: VecDeque<(Key, u64)>,
    next: u64,
}

struct Cached {
    guest: Guest,
    expires_at: Instant,
    number: u64,
}

/// What is known of a guest that the server says exists already.
#[derive(Debug)]
pub(crate) enum Known {
    /// Its token lives.
    Live(Guest),
    /// Its token expired, but this may get another one.
    Refreshable(Guest, Secret),
}

impl Known {
    /// What a guest is worth whose token has so much of its life left.
    pub(super) fn of(guest: Guest, left: Duration) -> Option<Self> {
        if left < Duration::from_secs(1) {
            let refresh_token = guest.refresh_token.clone()?;
            return Some(Self::Refreshable(guest, refresh_token));
        }
        let now_left = Refreshed { token: guest.token.clone(), expires_in: left, refresh_token: None };
        Some(Self::Live(guest.renewed(&now_left).unwrap_or(guest)))
    }
}

impl Guests {
    /// Keeps a guest, in the place of an older one for the same key.
    pub(crate) fn put(&self, key: Key, guest: Guest) {
        let mut state = lock(&self.0);
        let number = state.next;
        state.next += 1;
        let expires_at = Instant::now() + guest.expires_in;
        state.by_key.insert(key, Cached { guest, expires_at, number });
        state.order.push_back((key, number));
        while state.order.len() > MOST_GUESTS {
            if let Some((oldest, number)) = state.order.pop_front() {
                // A guest that was put again since then stays.
                if state.by_key.get(&oldest).is_some_and(|cached| cached.number == number) {
                    state.by_key.remove(&oldest);
                }
            }
        }
    }

    /// What is known for a key.
    pub(crate) fn get(&self, key: Key) -> Option<Known> {
        let mut state = lock(&self.0);
        let cached = state.by_key.get(&key)?;
        let now = Instant::now();
        let known = (now < cached.expires_at + REFRESHABLE_FOR)
            .then(|| Known::of(cached.guest.clone(), cached.expires_at.saturating_duration_since(now)))
            .flatten();
        if known.is_none() {
            state.by_key.remove(&key);
        }
        known
    }

    /// A refresh made `used` worthless: the guest that had it gets the fresh token.
    pub(crate) fn refreshed(&self, used: &Secret, fresh: &Refreshed) {
        let mut state = lock(&self.0);
        let holder = state
            .by_key
            .values_mut()
            .find(|cached| cached.guest.refresh_token.as_ref().is_some_and(|token| token.same_as(used)));
        if let Some(cached) = holder
            && let Some(guest) = cached.guest.renewed(fresh)
        {
            cached.guest = guest;
            cached.expires_at = Instant::now() + fresh.expires_in;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::exchange::Answer;
    use crate::sessions::Keys;

    fn guest(id: &str) -> Guest {
        let body = format!(r#"{{"guestId":"{id}","token":"t-{id}","expiresIn":60,"refreshToken":"r-{id}"}}"#);
        Guest::parse(&Answer { status: 200, headers: http::HeaderMap::new(), body: body.into() }).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_guest_comes_back_with_what_is_left_of_its_life() {
        let (guests, key) = (Guests::default(), Keys::random().of("a"));
        guests.put(key, guest("1"));
        tokio::time::advance(Duration::from_secs(20)).await;
        let Some(Known::Live(guest)) = guests.get(key) else { panic!("not live") };
        assert_eq!(guest.json.expose(), r#"{"guestId":"1","token":"t-1","expiresIn":40,"refreshToken":"r-1"}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_guest_can_be_refreshed_for_a_day() {
        let (guests, key) = (Guests::default(), Keys::random().of("a"));
        guests.put(key, guest("1"));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(matches!(guests.get(key), Some(Known::Refreshable(_, token)) if token.expose() == "r-1"));
        tokio::time::advance(REFRESHABLE_FOR).await;
        assert!(guests.get(key).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_renews_the_guest() {
        let (guests, key) = (Guests::default(), Keys::random().of("a"));
        guests.put(key, guest("1"));
        let fresh = Refreshed {
            token: Secret::new("t-2"),
            expires_in: Duration::from_secs(90),
            refresh_token: Some(Secret::new("r-2")),
        };
        guests.refreshed(&Secret::new("r-1"), &fresh);
        tokio::time::advance(Duration::from_secs(70)).await;
        assert!(matches!(guests.get(key), Some(Known::Live(guest)) if guest.token.expose() == "t-2"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_leave_first_and_renewed_ones_stay() {
        let (guests, keys) = (Guests::default(), Keys::random());
        guests.put(keys.of("first"), guest("1"));
        guests.put(keys.of("second"), guest("2"));
        for i in 0..MOST_GUESTS - 2 {
            guests.put(keys.of(&i.to_string()), guest("n"));
        }
        guests.put(keys.of("first"), guest("1b"));
        guests.put(keys.of("last"), guest("3"));
        assert!(guests.get(keys.of("second")).is_none());
        assert!(matches!(guests.get(keys.of("first")), Some(Known::Live(guest)) if guest.id == "1b"));
        assert!(lock(&guests.0).by_key.len() <= MOST_GUESTS);
    }
}
