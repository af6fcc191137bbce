//! Several processes under one known limit, against a twin of the script that Redis runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all, pending, ready};
use proptest::prelude::*;
use tokio::time::sleep;

use super::super::shared::{Allowance, SharedLimiter, UsageReport};
use super::super::{AdaptiveLimiter, Limits, RateLimit, RateLimitGroup, TooLate};
use super::*;
use crate::shared::window::{window_arguments, window_grant};
use crate::sync::lock;
use window_twin::WindowTwin;

#[path = "../../../tests/sandboxed/shared/window_twin.rs"]
mod window_twin;

const CREATE: RateLimitGroup = RateLimitGroup::new(0);
const NEVER: Duration = Duration::from_secs(36_000);
/// The twin's clock when a test begins.
const BEGINNING: i64 = 1_700_000_000_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Redis, with a network before it.
struct Hub {
    twin: Mutex<WindowTwin>,
    start: Instant,
    /// To Redis, and the same back; by the number of the exchange.
    latencies: Vec<u64>,
    /// Exchanges whose answers are lost.
    loses: fn(u32) -> bool,
    exchanges: AtomicU32,
    is_away: AtomicBool,
    wanted: Mutex<Vec<u32>>,
}

impl Hub {
    fn new(latencies: Vec<u64>, loses: fn(u32) -> bool) -> Arc<Self> {
        Arc::new(Self {
            twin: Mutex::default(),
            start: Instant::now(),
            latencies,
            loses,
            exchanges: AtomicU32::new(0),
            is_away: AtomicBool::new(false),
            wanted: Mutex::default(),
        })
    }

    fn limiter(self: &Arc<Self>, requests: u32) -> AdaptiveLimiter {
        let rate_limit = Some(RateLimit { requests, period: ms(1000) });
        AdaptiveLimiter::new(Limits {
            rate_limit,
            shared: Some(Arc::new(Process(Arc::clone(self)))),
            max_in_flight: 256,
        })
    }

    fn forget(&self) {
        *lock(&self.twin) = WindowTwin::default();
    }
}

struct Process(Arc<Hub>);

impl SharedLimiter for Process {
    fn exchange(&self, _: UsageReport) -> BoxFuture<'static, Option<Allowance>> {
        ready(Some(Allowance::default())).boxed()
    }

    fn take(&self, report: WindowReport) -> BoxFuture<'static, Option<WindowGrant>> {
        let hub = Arc::clone(&self.0);
        async move {
            if hub.is_away.load(std::sync::atomic::Ordering::Relaxed) {
                return None;
            }
            let number = hub.exchanges.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            lock(&hub.wanted).push(report.wanted);
            let latency = ms(hub.latencies[number as usize % hub.latencies.len()]);
            sleep(latency).await;
            let now = BEGINNING + hub.start.elapsed().as_millis() as i64;
            let answer = lock(&hub.twin).exchange(now, &window_arguments(&report));
            sleep(latency).await;
            if (hub.loses)(number) { pending().await } else { window_grant(&report, &answer) }
        }
        .boxed()
    }
}

/// When the server counted each request, in milliseconds. All calls begin at once.
async fn arrivals(limiters: &[AdaptiveLimiter], calls: usize, there: &[u64], back: u64) -> Vec<u64> {
    let (start, arrived) = (Instant::now(), Mutex::new(Vec::new()));
    let arrived_at = &arrived;
    join_all(limiters.iter().flat_map(|limiter| {
        (0..calls).map(move |call| {
            let there = there[call % there.len()];
            async move {
                limiter.refresh();
                let permit = limiter.admit(CREATE, limiter.ticket(), Instant::now() + NEVER).await.unwrap();
                lock(arrived_at).push((start.elapsed() + ms(there)).as_millis() as u64);
                sleep(ms(there + back)).await;
                permit.accepted(None);
            }
        })
    }))
    .await;
    let mut arrived = arrived.into_inner().unwrap();
    arrived.sort_unstable();
    arrived
}

/// Most that the server counted in one of its periods.
fn most(arrived: &[u64]) -> usize {
    let within = |first: &u64| arrived.iter().filter(|at| (*first..first + 1000).contains(at)).count();
    arrived.iter().map(within).max().unwrap_or(0)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_period_of_the_server_holds_more_than_the_limit(
        processes in 1..6_usize,
        requests in 1..40_u32,
        calls in 1..30_usize,
        there in proptest::collection::vec(0..700_u64, 1..8),
        back in 0..500_u64,
        latencies in proptest::collection::vec(0..45_u64, 1..8),
        loses in any::<bool>(),
    ) {
        let arrived = runtime().block_on(async {
            let hub = Hub::new(latencies, if loses { |number| number % 5 == 4 } else { |_| false });
            let limiters: Vec<_> = (0..processes).map(|_| hub.limiter(requests)).collect();
            arrivals(&limiters, calls, &there, back).await
        });
        prop_assert_eq!(arrived.len(), processes * calls);
        prop_assert!(most(&arrived) <= requests as usize, "{arrived:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn eight_processes_use_the_whole_limit_with_few_exchanges() {
    let hub = Hub::new(vec![1], |_| false);
    let limiters: Vec<_> = (0..8).map(|_| hub.limiter(80)).collect();
    let arrived = arrivals(&limiters, 50, &[3], 3).await;
    assert_eq!(most(&arrived), 80);
    // Four periods pass before the last 80 of 400.
    let took = arrived.last().unwrap() - arrived[0];
    assert!((4000..4300).contains(&took), "{took} ms");
    let exchanges = hub.exchanges.load(std::sync::atomic::Ordering::Relaxed);
    assert!(exchanges < 400, "{exchanges} exchanges for 400 requests");
}

#[tokio::test(start_paused = true)]
async fn a_process_with_many_calls_starves_nobody() {
    let hub = Hub::new(vec![1], |_| false);
    let (busy, quiet) = (hub.limiter(20), hub.limiter(20));
    let crowd = join_all((0..200).map(|_| async {
        busy.admit(CREATE, busy.ticket(), Instant::now() + NEVER).await.unwrap().accepted(None);
    }));
    let few = async {
        sleep(ms(1500)).await;
        let start = Instant::now();
        arrivals(std::slice::from_ref(&quiet), 5, &[3], 3).await;
        start.elapsed()
    };
    tokio::select! {
        _ = crowd => panic!("the crowd must wait"),
        took = few => assert!(took < ms(700), "{took:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_forgets_makes_nobody_exceed_the_limit() {
    let hub = Hub::new(vec![1], |_| false);
    let limiters: Vec<_> = (0..4).map(|_| hub.limiter(40)).collect();
    let forgets = async {
        sleep(ms(1500)).await;
        hub.forget();
    };
    let (arrived, ()) = tokio::join!(arrivals(&limiters, 40, &[3], 3), forgets);
    assert!(most(&arrived) <= 40, "{arrived:?}");
}

#[tokio::test(start_paused = true)]
async fn without_redis_each_process_has_its_share() {
    let hub = Hub::new(vec![1], |_| false);
    let limiters: Vec<_> = (0..4).map(|_| hub.limiter(40)).collect();
    arrivals(&limiters, 5, &[3], 3).await;
    // Two seconds: all have heard of one another.
    sleep(ms(2500)).await;
    hub.is_away.store(true, std::sync::atomic::Ordering::Relaxed);
    let start = Instant::now();
    let arrived = arrivals(&limiters, 25, &[3], 3).await;
    assert!(most(&arrived) <= 40, "{arrived:?}");
    // A second until they go alone, and two periods before the last five of 25, ten at a time.
    let took = start.elapsed();
    assert!((ms(3000)..ms(3400)).contains(&took), "{took:?}");
    hub.is_away.store(false, std::sync::atomic::Ordering::Relaxed);
    sleep(ms(2500)).await;
    let arrived = arrivals(&limiters[..1], 40, &[3], 3).await;
    assert_eq!(most(&arrived), 40, "one may use all of it again");
}

/// The window was closed for three seconds whenever a process had begun before it reached Redis.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_alone_at_first_holds_nobody_up() {
    let hub = Hub::new(vec![1], |_| false);
    let [one, other] = [hub.limiter(20), hub.limiter(20)];
    hub.is_away.store(true, std::sync::atomic::Ordering::Relaxed);
    arrivals(std::slice::from_ref(&one), 5, &[3], 3).await;
    sleep(GATHERING * 2).await;
    arrivals(std::slice::from_ref(&one), 5, &[3], 3).await;
    hub.is_away.store(false, std::sync::atomic::Ordering::Relaxed);
    // It has reported what it sent meanwhile.
    sleep(HEARTBEAT).await;
    let start = Instant::now();
    arrivals(std::slice::from_ref(&other), 5, &[3], 3).await;
    assert!(start.elapsed() < ms(100), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_place_comes_too_late_fails_at_once() {
    let hub = Hub::new(vec![1], |_| false);
    let (one, other) = (hub.limiter(2), hub.limiter(2));
    arrivals(std::slice::from_ref(&one), 2, &[3], 3).await;
    sleep(ms(300)).await;
    let start = Instant::now();
    let refused = other.admit(CREATE, other.ticket(), start + ms(500)).await;
    let Err(TooLate::LimitReached(wait)) = refused else { panic!("{refused:?}") };
    assert!((ms(500)..ms(720)).contains(&wait) && start.elapsed() < ms(5), "{wait:?} after {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_place_that_nobody_took_is_given_back() {
    let hub = Hub::new(vec![1], |_| false);
    let (one, other) = (hub.limiter(1), hub.limiter(1));
    one.refresh();
    sleep(ms(10)).await;
    let start = Instant::now();
    arrivals(std::slice::from_ref(&other), 1, &[3], 3).await;
    assert!(start.elapsed() < ms(1100), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_without_traffic() {
    let hub = Hub::new(vec![1], |_| false);
    let limiter = hub.limiter(10);
    sleep(NEVER).await;
    arrivals(std::slice::from_ref(&limiter), 3, &[3], 3).await;
    sleep(ms(10_000)).await;
    let said = lock(&hub.wanted).len();
    assert!(said <= 6, "{:?}", lock(&hub.wanted));
    sleep(NEVER).await;
    assert_eq!(lock(&hub.wanted).len(), said);
}
