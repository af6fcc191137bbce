use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::*;

const CREATE: RateLimitGroup = RateLimitGroup::new(0);
const UPDATE: RateLimitGroup = RateLimitGroup::new(1);
const NEVER: Duration = Duration::from_secs(3600);

/// A server with a token bucket and `Retry-After: 1`.
struct Server {
    bucket: Mutex<(f64, Instant)>,
    per_second: f64,
    burst: f64,
    accepted: AtomicU32,
    refused: AtomicU32,
}

impl Server {
    fn new(per_second: f64, burst: f64) -> Self {
        Self {
            bucket: Mutex::new((burst, Instant::now())),
            per_second,
            burst,
            accepted: AtomicU32::new(0),
            refused: AtomicU32::new(0),
        }
    }

    async fn answer(&self, round_trip: Duration) -> bool {
        tokio::time::sleep(round_trip / 2).await;
        let taken = {
            let mut bucket = lock(&self.bucket);
            let now = Instant::now();
            bucket.0 = (bucket.0 + (now - bucket.1).as_secs_f64() * self.per_second).min(self.burst);
            bucket.1 = now;
            let taken = bucket.0 >= 1.0;
            bucket.0 -= f64::from(u8::from(taken));
            taken
        };
        let counter = if taken { &self.accepted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(round_trip / 2).await;
        taken
    }
}

async fn call(limiter: &AdaptiveLimiter, server: &Server, round_trip: Duration) -> u32 {
    let ticket = limiter.ticket();
    for attempt in 0.. {
        let permit = limiter.admit(CREATE, ticket, Instant::now() + NEVER).await.unwrap();
        if server.answer(round_trip).await {
            permit.accepted(None);
            return attempt;
        }
        permit.throttled(Duration::from_secs(1));
    }
    unreachable!()
}

/// Seconds taken, share of requests refused, most retries of one call.
async fn burst(calls: u32, round_trip: Duration) -> (f64, f64, u32) {
    let (limiter, server, start) =
        (AdaptiveLimiter::new(Limits::in_flight(256)), Server::new(100.0, 100.0), Instant::now());
    let retries = futures_util::future::join_all((0..calls).map(|_| call(&limiter, &server, round_trip))).await;
    let refused = f64::from(server.refused.into_inner());
    (start.elapsed().as_secs_f64(), refused / (refused + f64::from(calls)), retries.into_iter().max().unwrap())
}

#[tokio::test(start_paused = true)]
async fn bursts_over_the_limit_waste_little_and_lose_no_time() {
    for (calls, ideal) in [(500, 4.0), (1000, 9.0)] {
        for round_trip in [1, 5, 20, 50] {
            let (seconds, waste, retries) = burst(calls, Duration::from_millis(round_trip)).await;
            assert!(seconds < 1.4 * ideal, "{calls} calls, {round_trip} ms: {seconds} s");
            assert!(waste < 0.08, "{calls} calls, {round_trip} ms: {waste}");
            assert!(retries <= 3, "{calls} calls, {round_trip} ms: {retries}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_others_emptied_is_no_reason_to_crawl() {
    let (limiter, server, start) =
        (AdaptiveLimiter::new(Limits::in_flight(256)), Server::new(100.0, 100.0), Instant::now());
    lock(&server.bucket).0 = 0.0;
    futures_util::future::join_all((0..300).map(|_| call(&limiter, &server, Duration::from_millis(5)))).await;
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_429_does_not_slow_down_a_quiet_instance() {
    let (limiter, server, start) =
        (AdaptiveLimiter::new(Limits::in_flight(256)), Server::new(1e9, 1e9), Instant::now());
    let far = start + NEVER;
    for quiet in 0..3 {
        for _ in 0..quiet {
            call(&limiter, &server, Duration::from_millis(5)).await;
        }
        limiter.admit(CREATE, limiter.ticket(), far).await.unwrap().throttled(Duration::from_secs(1));
        let reopened = Instant::now() + Duration::from_secs(1);
        for _ in 0..10 {
            call(&limiter, &server, Duration::from_millis(5)).await;
        }
        assert!(reopened.elapsed() < Duration::from_millis(500), "{quiet}: {:?}", reopened.elapsed());
        tokio::time::advance(Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nothing_waits_for_a_clock() {
    let (limiter, server, start) =
        (AdaptiveLimiter::new(Limits::in_flight(256)), Server::new(1e9, 1e9), Instant::now());
    futures_util::future::join_all((0..64).map(|_| call(&limiter, &server, Duration::ZERO))).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn calls_go_in_the_order_in_which_they_came_and_a_refused_one_keeps_its_place() {
    let (limiter, order) = (AdaptiveLimiter::new(Limits::in_flight(1)), Mutex::new(Vec::new()));
    let far = Instant::now() + NEVER;
    let first = limiter.ticket();
    let permit = limiter.admit(CREATE, first, far).await.unwrap();
    let later = (1..=3).map(|name| {
        let ticket = limiter.ticket();
        let (limiter, order) = (&limiter, &order);
        async move {
            let permit = limiter.admit(CREATE, ticket, far).await.unwrap();
            lock(order).push(name);
            permit.accepted(None);
        }
    });
    let retried = async {
        tokio::task::yield_now().await;
        permit.throttled(Duration::from_secs(1));
        let permit = limiter.admit(CREATE, first, far).await.unwrap();
        lock(&order).push(0);
        permit.accepted(None);
    };
    futures_util::future::join(futures_util::future::join_all(later), retried).await;
    assert_eq!(*lock(&order), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_every_group() {
    let (limiter, start) = (AdaptiveLimiter::new(Limits::in_flight(8)), Instant::now());
    limiter.admit(CREATE, limiter.ticket(), start + NEVER).await.unwrap().throttled(Duration::from_secs(2));
    limiter.admit(UPDATE, limiter.ticket(), start + NEVER).await.unwrap().accepted(None);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_wait_fails_at_once() {
    let (limiter, start) = (AdaptiveLimiter::new(Limits::in_flight(8)), Instant::now());
    limiter.admit(CREATE, limiter.ticket(), start + NEVER).await.unwrap().throttled(Duration::from_secs(30));
    let refused = limiter.admit(CREATE, limiter.ticket(), start + Duration::from_secs(10)).await;
    assert_eq!(refused.unwrap_err(), TooLate::Paused(Duration::from_secs(30)));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_is_dropped_leaves_the_line() {
    let limiter = AdaptiveLimiter::new(Limits::in_flight(1));
    let far = Instant::now() + NEVER;
    let held = limiter.admit(CREATE, limiter.ticket(), far).await.unwrap();
    {
        let waiting = limiter.admit(CREATE, limiter.ticket(), far);
        assert!(tokio::time::timeout(Duration::from_secs(1), waiting).await.is_err());
    }
    assert_eq!(limiter.load(), (1, 0));
    let next = limiter.admit(CREATE, limiter.ticket(), far);
    drop(held);
    drop(next.await.unwrap());
    assert_eq!(limiter.load(), (0, 0));
}
