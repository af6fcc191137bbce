//! Several processes under one limit, against a fake of what they share.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all, pending};
use tokio::time::timeout;

use super::shared::{Allowance, GroupAllowance, GroupUsage, HINT_TIMEOUT, UsageReport, WindowGrant, WindowReport};
use super::*;

const CREATE: RateLimitGroup = RateLimitGroup::new(0);
const NEVER: Duration = Duration::from_secs(3600);
const LATENCY: Duration = Duration::from_millis(2);

type Answer = dyn Fn(&UsageReport) -> Option<Allowance> + Send + Sync;

/// Answers as it is told to, and keeps what it heard.
struct FakeShared {
    answer: Box<Answer>,
    latency: Duration,
    heard: Mutex<Vec<UsageReport>>,
}

impl FakeShared {
    fn new(answer: impl Fn(&UsageReport) -> Option<Allowance> + Send + Sync + 'static) -> Arc<Self> {
        Self::slow(LATENCY, answer)
    }

    fn slow(
        latency: Duration,
        answer: impl Fn(&UsageReport) -> Option<Allowance> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), latency, heard: Mutex::default() })
    }

    fn limiter(self: &Arc<Self>) -> AdaptiveLimiter {
        AdaptiveLimiter::new(Limits { shared: Some(Arc::clone(self) as _), ..Limits::in_flight(256) })
    }

    fn creations(&self) -> Vec<GroupUsage> {
        lock(&self.heard).iter().map(|report| report.groups[CREATE.index()]).collect()
    }
}

impl SharedLimiter for FakeShared {
    fn exchange(&self, report: UsageReport) -> BoxFuture<'static, Option<Allowance>> {
        let allowance = (self.answer)(&report);
        lock(&self.heard).push(report);
        let latency = self.latency;
        async move {
            tokio::time::sleep(latency).await;
            match allowance {
                Some(allowance) => Some(allowance),
                None => pending().await,
            }
        }
        .boxed()
    }

    fn take(&self, _: WindowReport) -> BoxFuture<'static, Option<WindowGrant>> {
        pending().boxed()
    }
}

fn paced(epoch: i64, group: GroupAllowance) -> Allowance {
    let mut allowance = Allowance { epoch, ..Allowance::default() };
    allowance.groups[CREATE.index()] = GroupAllowance { is_paced: true, ..group };
    allowance
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn pass(limiter: &AdaptiveLimiter) {
    limiter.admit(CREATE, limiter.ticket(), Instant::now() + NEVER).await.unwrap().accepted(None);
}

/// How long a call waits to be sent. One that would wait for ever fails.
async fn waited(limiter: &AdaptiveLimiter) -> Duration {
    let start = Instant::now();
    timeout(NEVER, pass(limiter)).await.expect("nobody calls it");
    start.elapsed()
}

/// A call as the authenticator makes it: what others know is asked for while the duplicate guard works.
async fn call(limiter: &AdaptiveLimiter) {
    limiter.refresh();
    tokio::time::sleep(ms(5)).await;
    pass(limiter).await;
}

#[tokio::test(start_paused = true)]
async fn a_429_in_one_process_pauses_the_others() {
    let reopens = Mutex::new(None::<Instant>);
    let fake = FakeShared::new(move |report| {
        let mut reopens = lock(&reopens);
        if let Some((_, pause)) = report.throttled {
            *reopens = Some(Instant::now() + pause);
        }
        let pause = reopens.map_or(Duration::ZERO, |reopens| reopens.saturating_duration_since(Instant::now()));
        Some(Allowance { pause, ..Allowance::default() })
    });
    let (one, other) = (fake.limiter(), fake.limiter());
    let start = Instant::now();
    one.admit(CREATE, one.ticket(), start + NEVER).await.unwrap().throttled(ms(2000));
    tokio::time::sleep(ms(100)).await;
    call(&other).await;
    let waited = start.elapsed();
    assert!((ms(2000)..ms(2010)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_silence_a_call_waits_for_the_news_that_it_asked_for() {
    let reopens = Instant::now() + ms(5000);
    let fake = FakeShared::new(move |report| {
        let is_closed = report.groups[0].sent == 0;
        let pause = if is_closed { reopens.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
        Some(Allowance { pause, ..Allowance::default() })
    });
    let limiter = fake.limiter();
    pass(&limiter).await;
    tokio::time::sleep(ms(1000)).await;
    limiter.refresh();
    pass(&limiter).await;
    assert!(Instant::now() >= reopens);
}

#[tokio::test(start_paused = true)]
async fn under_a_common_pace_calls_go_in_their_slots() {
    let fake = FakeShared::new(|report| {
        let granted = report.groups[0].wanted.min(2);
        Some(paced(1, GroupAllowance { granted, first: ms(100), interval: ms(100), ..GroupAllowance::default() }))
    });
    let (limiter, start) = (fake.limiter(), Instant::now());
    limiter.refresh();
    tokio::time::sleep(ms(10)).await;
    join_all((0..2).map(|_| pass(&limiter))).await;
    let waited = start.elapsed();
    assert!((ms(200)..ms(230)).contains(&waited), "{waited:?}");
    assert_eq!(fake.creations()[1].wanted, 2);
}

#[tokio::test(start_paused = true)]
async fn a_shared_limiter_that_never_answers_delays_nobody() {
    let (limiter, start) = (FakeShared::new(|_| None).limiter(), Instant::now());
    limiter.refresh();
    let calls = join_all((0..FIRST_SHARED_WINDOW as usize).map(|_| pass(&limiter)));
    timeout(NEVER, calls).await.expect("nobody waits for an answer");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_shared_limiter_that_falls_silent_holds_up_one_moment_and_then_nobody() {
    let silent = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    let fake = FakeShared::new(move |report| {
        let granted = report.groups[0].wanted;
        (!is_silent.load(Ordering::Relaxed)).then(|| paced(1, GroupAllowance { granted, ..GroupAllowance::default() }))
    });
    let limiter = fake.limiter();
    call(&limiter).await;
    silent.store(true, Ordering::Relaxed);
    // A slot is asked for, which does not come; after that, none is asked for.
    let first = waited(&limiter).await;
    assert!((HINT_TIMEOUT..HINT_TIMEOUT + ms(5)).contains(&first), "{first:?}");
    assert_eq!(waited(&limiter).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn slots_from_before_a_pause_are_void() {
    let epochs = std::sync::atomic::AtomicI64::new(0);
    let fake = FakeShared::new(move |report| {
        let epoch = epochs.fetch_add(1, Ordering::Relaxed);
        let first = if epoch < 2 { ms(1000) } else { ms(5000) };
        let granted = report.groups[0].wanted;
        Some(paced(epoch.min(2), GroupAllowance { granted, first, ..GroupAllowance::default() }))
    });
    let (limiter, start) = (fake.limiter(), Instant::now());
    limiter.refresh();
    tokio::time::sleep(ms(10)).await;
    // Its slot comes after a second; the answer that is asked for then speaks of another epoch.
    pass(&limiter).await;
    assert!(start.elapsed() > ms(6000), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_slot_comes_too_late_fails_at_once() {
    let fake = FakeShared::new(|report| {
        let first = if report.groups[0].wanted > 0 { ms(90_000) } else { Duration::ZERO };
        Some(paced(1, GroupAllowance { first, ..GroupAllowance::default() }))
    });
    let (limiter, start) = (fake.limiter(), Instant::now());
    limiter.refresh();
    tokio::time::sleep(ms(10)).await;
    let refused = limiter.admit(CREATE, limiter.ticket(), start + ms(60_000)).await;
    assert_eq!(refused.unwrap_err(), TooLate::Paused(ms(90_000)));
    assert!(start.elapsed() < ms(20), "{:?}", start.elapsed());
    assert_eq!(fake.creations()[1].max_wait, ms(59_990));
}

#[tokio::test(start_paused = true)]
async fn reports_are_gathered_and_nothing_is_said_without_traffic() {
    let fake = FakeShared::new(|_| Some(Allowance::default()));
    let limiter = fake.limiter();
    for _ in 0..100 {
        call(&limiter).await;
        tokio::time::sleep(ms(5)).await;
    }
    tokio::time::sleep(NEVER).await;
    let sent: Vec<u32> = fake.creations().iter().map(|group| group.sent).collect();
    assert_eq!(sent.iter().sum::<u32>(), 100);
    assert!(sent.len() <= 6, "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_a_report_is_under_way_is_in_the_next_one() {
    const LATENCY: Duration = Duration::from_millis(50);
    let fake = FakeShared::slow(LATENCY, |report| {
        let granted = report.groups[0].wanted.min(1);
        Some(paced(1, GroupAllowance { granted, ..GroupAllowance::default() }))
    });
    let limiter = fake.limiter();
    limiter.refresh();
    tokio::time::sleep(LATENCY + ms(5)).await;
    pass(&limiter).await;
    // Long enough for another answer to be wanted, not so long that a call waits for it.
    tokio::time::sleep(ms(500)).await;
    let before = fake.creations().len();
    limiter.refresh();
    tokio::time::sleep(LATENCY / 2).await;
    assert_eq!(fake.creations().len(), before + 1, "a report is under way");
    let took = waited(&limiter).await;
    // The first two, not the last two: who is forgotten asks again.
    let wanted: Vec<u32> = fake.creations()[before..].iter().map(|group| group.wanted).collect();
    assert_eq!(wanted[..2], [0, 1], "{wanted:?}");
    // What was left of the report under way, and the next one.
    let least = LATENCY + ms(20);
    assert!((least..least + ms(10)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_running_when_the_limiter_goes() {
    let fake = FakeShared::new(|_| Some(Allowance::default()));
    let limiter = fake.limiter();
    call(&limiter).await;
    drop(limiter);
    tokio::time::sleep(ms(1)).await;
    assert_eq!(Arc::strong_count(&fake), 1);
}
