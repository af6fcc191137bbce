//! The logic that all shared stores have in common, over one that a test controls, on a paused clock.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::reservation::FREED_WITHIN;
use super::*;
use crate::guest::Guest;
use crate::sessions::key::session_key;
use crate::sessions::step::RENEW_EVERY;
use crate::sessions::store::{OwnerToken, SessionCommit, StoreFuture};
use crate::sync::lock;

/// How long an extension takes to get to the store.
const ON_THE_WAY: Duration = Duration::from_millis(50);

/// How the store behaves at present.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Away,
    Hanging,
}

struct Fake {
    mood: Mutex<Mood>,
    held: Mutex<Option<(OwnerToken, bool)>>,
    extended: AtomicUsize,
}

impl Fake {
    fn is(&self, mood: Mood) {
        *lock(&self.mood) = mood;
    }

    fn holder(&self) -> Option<(OwnerToken, bool)> {
        *lock(&self.held)
    }

    fn step<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send) -> BoxFuture<'static, Result<T, Error>> {
        match *lock(&self.mood) {
            Mood::Well => std::future::ready(Ok(work())).boxed(),
            Mood::Away => std::future::ready(Err(too_slow())).boxed(),
            Mood::Hanging => std::future::pending().boxed(),
        }
    }
}

impl SessionStore for Fake {
    fn reserve(&self, _: KeyHash, owner: OwnerToken, _: Duration, _: Instant) -> StoreFuture<'_, bool> {
        self.step(|| {
            let mut held = lock(&self.held);
            held.is_none() && held.replace((owner, false)).is_none()
        })
    }

    /// Takes effect a while after it began; a key that got lost is taken again.
    fn extend(&self, _: KeyHash, owner: OwnerToken, _: Duration, _: Instant) -> StoreFuture<'_, ()> {
        self.extended.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(ON_THE_WAY).await;
            self.step(|| _ = lock(&self.held).get_or_insert((owner, false))).await
        }
        .boxed()
    }

    fn commit(&self, commit: &SessionCommit, _: Instant) -> StoreFuture<'_, ()> {
        self.step(|| *lock(&self.held) = Some((commit.owner, true)))
    }

    fn release(&self, _: KeyHash, owner: OwnerToken, _: Option<Guest>, _: Instant) -> StoreFuture<'_, ()> {
        self.step(|| *lock(&self.held) = self.holder().filter(|(holder, _)| *holder != owner))
    }

    fn invalidate(&self, _: KeyHash, _: Instant) -> StoreFuture<'_, ()> {
        self.step(|| *lock(&self.held) = None)
    }

    fn rotated(&self, _: Rotated, _: Instant) -> StoreFuture<'_, ()> {
        self.step(|| ())
    }

    fn known(&self, _: KeyHash) -> BoxFuture<'_, Option<KnownGuest>> {
        std::future::pending().boxed()
    }

    fn ready(&self, _: Instant) -> StoreFuture<'_, ()> {
        self.step(|| ())
    }

    fn describe(&self) -> StoreMetrics {
        StoreMetrics { kind: "custom", available: true, failures: 0, refused_values: 0, served_locally: 0 }
    }

    fn close(&self) {}
}

/// The store, sessions in it, and what was warned of.
fn set(local: Option<MemorySessions>) -> (Arc<Fake>, Arc<SharedSessions>, Arc<Mutex<Vec<String>>>) {
    let fake = Arc::new(Fake { mood: Mutex::new(Mood::Well), held: Mutex::default(), extended: AtomicUsize::new(0) });
    let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&warnings);
    let warn = Arc::new(move |text| lock(&heard).push(text));
    let sessions = SharedSessions::new(KeyHasher::random(), Arc::clone(&fake) as Arc<dyn SessionStore>, local, warn);
    (fake, Arc::new(sessions), warnings)
}

fn key() -> String {
    session_key(&"jane@example.com".into(), &"web".into()).lossless().to_owned()
}

async fn refusal(sessions: &Arc<SharedSessions>) -> Code {
    sessions.reserve(&key()).await.map(drop).unwrap_err().code()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_takes_a_second_at_most() {
    let (fake, sessions, _) = set(None);
    fake.is(Mood::Hanging);
    let started = Instant::now();
    assert_eq!(refusal(&sessions).await, Code::StoreUnavailable);
    assert_eq!(sessions.invalidate(&key()).await.unwrap_err().code(), Code::StoreUnavailable);
    assert!(sessions.known(sessions.hasher().hash("x")).await.is_none());
    assert_eq!(started.elapsed(), STEP_LIMIT * 3);
    sessions.close(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_reservation_is_released_and_closing_waits_for_that() {
    let (fake, sessions, _) = set(None);
    drop(sessions.reserve(&key()).await.unwrap());
    assert!(fake.holder().is_some());
    sessions.close(None).await;
    assert!(fake.holder().is_none());
}

#[tokio::test(start_paused = true)]
async fn closing_waits_no_longer_for_a_hanging_store_than_it_may() {
    let (fake, sessions, _) = set(None);
    let held = sessions.reserve(&key()).await.unwrap();
    fake.is(Mood::Hanging);
    drop(held);
    let started = Instant::now();
    sessions.close(Some(Duration::from_millis(100))).await;
    assert_eq!(started.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_reservation_is_renewed_while_it_is_held_and_not_after() {
    let (fake, sessions, _) = set(None);
    let reservation = sessions.reserve(&key()).await.unwrap();
    tokio::time::sleep(RESERVED_FOR).await;
    assert_eq!(fake.extended.load(Ordering::SeqCst), 3);
    reservation.keep(Instant::now() + Duration::from_secs(60)).await;
    tokio::time::sleep(RESERVED_FOR).await;
    assert_eq!((fake.extended.load(Ordering::SeqCst), sessions.len()), (3, 0));
    assert_eq!(refusal(&sessions).await, Code::DuplicateSession);
}

#[tokio::test(start_paused = true)]
async fn a_reservation_is_not_renewed_once_it_is_being_committed() {
    let (fake, sessions, _) = set(None);
    let reservation = sessions.reserve(&key()).await.unwrap();
    tokio::time::sleep(RENEW_EVERY / 2).await;
    fake.is(Mood::Hanging);
    let keep = reservation.keep(Instant::now() + Duration::from_secs(600));
    tokio::join!(keep, tokio::time::sleep(RENEW_EVERY));
    assert_eq!((fake.extended.load(Ordering::SeqCst), sessions.len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reservation_is_not_renewed_once_it_is_ended() {
    let (fake, sessions, _) = set(None);
    let reservation = sessions.reserve(&key()).await.unwrap();
    sessions.invalidate(&key()).await.unwrap();
    tokio::time::sleep(RESERVED_FOR).await;
    assert_eq!((fake.extended.load(Ordering::SeqCst), sessions.len()), (0, 0));
    drop(reservation);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_under_way_does_not_take_a_key_again_that_is_given_back() {
    for ends_it in [false, true] {
        let (fake, sessions, _) = set(None);
        let reservation = sessions.reserve(&key()).await.unwrap();
        tokio::time::sleep(RENEW_EVERY + ON_THE_WAY / 2).await;
        assert_eq!(fake.extended.load(Ordering::SeqCst), 1);
        if ends_it {
            sessions.invalidate(&key()).await.unwrap();
        } else {
            reservation.free().await;
        }
        assert!(fake.holder().is_none());
        tokio::time::sleep(ON_THE_WAY).await;
        assert!(sessions.reserve(&key()).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_does_not_wait_for_a_store_that_hangs() {
    let (fake, sessions, _) = set(None);
    let reservation = sessions.reserve(&key()).await.unwrap();
    fake.is(Mood::Hanging);
    let started = Instant::now();
    reservation.free().await;
    assert_eq!(started.elapsed(), FREED_WITHIN);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_offered_again_until_the_store_takes_it() {
    let (fake, sessions, _) = set(None);
    let reservation = sessions.reserve(&key()).await.unwrap();
    fake.is(Mood::Away);
    reservation.keep(Instant::now() + Duration::from_secs(600)).await;
    tokio::time::sleep(RESERVED_FOR).await;
    assert!(fake.holder().is_some_and(|(_, is_session)| !is_session));
    fake.is(Mood::Well);
    tokio::time::sleep(RESERVED_FOR).await;
    assert!(fake.holder().is_some_and(|(_, is_session)| is_session));
    assert_eq!(sessions.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn memory_stands_in_and_each_change_is_told_once() {
    let (fake, sessions, warnings) = set(Some(MemorySessions::new(KeyHasher::random(), 10)));
    fake.is(Mood::Away);
    sessions.reserve(&key()).await.unwrap().keep(Instant::now() + Duration::from_secs(600)).await;
    assert_eq!(refusal(&sessions).await, Code::DuplicateSession);
    drop(sessions.reserve("another").await.unwrap());
    assert_eq!((lock(&warnings).len(), sessions.metrics().served_locally), (1, 2));
    fake.is(Mood::Well);
    assert_eq!(refusal(&sessions).await, Code::DuplicateSession);
    for _ in 0..2 {
        drop(sessions.reserve("another").await.unwrap());
        tokio::task::yield_now().await;
    }
    assert_eq!(lock(&warnings).len(), 2);
}
