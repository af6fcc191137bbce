//! A limit that is known, against a server that counts exactly and a network that takes its time.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use tokio::time::{sleep, timeout};

use super::*;

const CREATE: RateLimitGroup = RateLimitGroup::new(0);
const UPDATE: RateLimitGroup = RateLimitGroup::new(2);
const NEVER: Duration = Duration::from_secs(36_000);
const PERIOD: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn limiter(requests: u32) -> AdaptiveLimiter {
    let rate_limit = Some(RateLimit { requests, period: PERIOD });
    AdaptiveLimiter::new(Limits { rate_limit, ..Limits::in_flight(256) })
}

async fn permit(limiter: &AdaptiveLimiter, group: RateLimitGroup) -> Permit<'_> {
    limiter.admit(group, limiter.ticket(), Instant::now() + NEVER).await.unwrap()
}

/// An answer that says what it was told to.
fn announced(count: u32, allowed: u32, reset: Duration) -> Announcement {
    Announcement { count, allowed, reset }
}

/// One request: when its call begins, how long it is on its way, and when it is answered after that; given up in between
/// where it has no answer.
#[derive(Debug, Clone)]
struct Trip {
    begins: u64,
    there: u64,
    back: Option<u64>,
    updates: bool,
}

fn trip() -> impl Strategy<Value = Trip> {
    let there = prop_oneof![0..20_u64, 0..900_u64];
    let back = proptest::option::weighted(0.9, prop_oneof![0..20_u64, 0..3_000_u64]);
    (0..4_000_u64, there, back, any::<bool>()).prop_map(|(begins, there, back, updates)| Trip {
        begins,
        there,
        back,
        updates,
    })
}

/// When the server counted the requests, in milliseconds.
async fn arrivals(requests: u32, trips: &[Trip]) -> Vec<u64> {
    let (limiter, start, arrived) = (limiter(requests), Instant::now(), RefCell::new(Vec::new()));
    let calls = trips.iter().map(|trip| async {
        sleep(ms(trip.begins)).await;
        let permit = permit(&limiter, if trip.updates { UPDATE } else { CREATE }).await;
        arrived.borrow_mut().push((start.elapsed().as_micros() as u64 + trip.there * 1000).div_ceil(1000));
        match trip.back {
            Some(back) => {
                sleep(ms(trip.there + back)).await;
                permit.accepted(None);
            }
            // Given up at once, and still under way.
            None => drop(permit),
        }
    });
    join_all(calls).await;
    let mut arrived = arrived.into_inner();
    arrived.sort_unstable();
    arrived
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_period_of_the_server_holds_more_than_the_limit(
        requests in 1..12_u32,
        trips in proptest::collection::vec(trip(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let arrived = runtime.block_on(arrivals(requests, &trips));
        prop_assert_eq!(arrived.len(), trips.len());
        // One too many arrives a whole period after the first of them.
        for pair in arrived.windows(requests as usize + 1) {
            prop_assert!(pair[requests as usize] - pair[0] >= 1000, "{pair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bursts_are_allowed_and_hardly_any_time_is_lost() {
    let (limiter, start) = (limiter(100), Instant::now());
    let sent = join_all((0..900).map(|_| async {
        let permit = permit(&limiter, CREATE).await;
        let sent = start.elapsed();
        sleep(ms(5)).await;
        permit.accepted(None);
        sent
    }))
    .await;
    assert_eq!(sent[99], Duration::ZERO);
    // Eight periods and eight answers.
    assert!((ms(8040)..ms(8100)).contains(&sent[899]), "{:?}", sent[899]);
    assert!(sent.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn what_finishes_a_call_goes_before_what_begins_another_one() {
    let (limiter, start, order) = (limiter(1), Instant::now(), Mutex::new(Vec::new()));
    permit(&limiter, CREATE).await.accepted(None);
    let waits = async |group, name, deadline| {
        let permit = limiter.admit(group, limiter.ticket(), start + deadline).await.unwrap();
        lock(&order).push(name);
        permit.accepted(None);
    };
    let later = Duration::from_secs(1);
    tokio::join!(waits(CREATE, "second", NEVER + later), waits(UPDATE, "first", NEVER));
    assert_eq!(*lock(&order), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_place_comes_too_late_fails_at_once() {
    let (limiter, start) = (limiter(2), Instant::now());
    for _ in 0..2 {
        permit(&limiter, CREATE).await.accepted(None);
    }
    let ask = |group, wait| limiter.admit(group, limiter.ticket(), start + wait);
    let waiting = join_all((0..2).map(|_| ask(CREATE, ms(1500))));
    let hopeless = async {
        tokio::task::yield_now().await;
        let refused = ask(UPDATE, ms(1600)).await;
        assert_eq!(refused.unwrap_err(), TooLate::LimitReached(ms(2002)));
        assert_eq!(ask(UPDATE, ms(900)).await.unwrap_err(), TooLate::LimitReached(ms(1001)));
        assert_eq!(start.elapsed(), Duration::ZERO);
    };
    let (admitted, ()) = tokio::join!(waiting, hopeless);
    assert!(admitted.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_is_dropped_frees_its_place_in_line() {
    let (limiter, start) = (limiter(1), Instant::now());
    permit(&limiter, CREATE).await.accepted(None);
    let first = timeout(ms(500), permit(&limiter, CREATE));
    let second = async {
        permit(&limiter, UPDATE).await.accepted(None);
        start.elapsed()
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_err());
    assert_eq!(second, ms(1001));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_left_gives_its_place_to_the_next() {
    let (limiter, start) = (limiter(1), Instant::now());
    let held = permit(&limiter, CREATE).await;
    let next = permit(&limiter, UPDATE);
    let unsent = async {
        sleep(ms(20)).await;
        held.unsent();
    };
    let (_permit, ()) = tokio::join!(next, unsent);
    assert_eq!(start.elapsed(), ms(20));
}

#[tokio::test(start_paused = true)]
async fn a_smaller_limit_of_the_server_wins() {
    let (limiter, start) = (limiter(100), Instant::now());
    permit(&limiter, CREATE).await.accepted(Some(announced(1, 3, PERIOD)));
    join_all((0..3).map(|_| async { permit(&limiter, CREATE).await.accepted(None) })).await;
    assert_eq!(start.elapsed(), ms(1001));
}

/// A server with a fixed period that tells its limit.
struct Telling {
    limit: u32,
    period: RefCell<(Instant, u32)>,
    refused: RefCell<u32>,
}

impl Telling {
    async fn call(&self, limiter: &AdaptiveLimiter, group: RateLimitGroup) {
        let ticket = limiter.ticket();
        loop {
            let permit = limiter.admit(group, ticket, Instant::now() + NEVER).await.unwrap();
            sleep(ms(10)).await;
            let (count, reset) = {
                let mut period = self.period.borrow_mut();
                if period.0.elapsed() >= Duration::from_secs(60) {
                    *period = (Instant::now(), 0);
                }
                period.1 += 1;
                (period.1, Duration::from_secs(60 - period.0.elapsed().as_secs()))
            };
            sleep(ms(10)).await;
            if count <= self.limit {
                return permit.accepted(Some(announced(count, self.limit, reset)));
            }
            *self.refused.borrow_mut() += 1;
            permit.throttled(reset);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_answers_tell_is_never_overrun() {
    let server = Telling { limit: 100, period: RefCell::new((Instant::now(), 0)), refused: RefCell::default() };
    let (limiter, start) = (AdaptiveLimiter::new(Limits::in_flight(256)), Instant::now());
    join_all((0..350).map(|call| server.call(&limiter, [CREATE, UPDATE][call % 2]))).await;
    assert_eq!(server.refused.into_inner(), 0);
    // Three whole periods, and a part of the fourth.
    assert!((180..185).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_carries_no_access_token_does_not_count() {
    let (limiter, start) = (limiter(1), Instant::now());
    let _held = permit(&limiter, CREATE).await;
    let free = UPDATE.without_access_token();
    let permits = join_all((0..10).map(|_| permit(&limiter, free))).await;
    for permit in permits {
        permit.accepted(Some(announced(10, 1, PERIOD)));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}
