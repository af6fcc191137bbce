use std::collections::VecDeque;
use std::future::pending;
use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::error::Code;
use crate::net::cause::{Cause, Kind};
use crate::net::limiter::{RateLimit, RateLimitGroup};
use crate::net::operation::{BodyStyle, ConnectionPool};
use crate::net::settings::Settings;
use crate::sync::lock;

const CREATE: RateLimitGroup = RateLimitGroup::new(0);

#[expect(clippy::unnecessary_wraps, reason = "a line of a script, among others that are faults")]
fn answer(status: u16, retry_after: Option<&'static str>) -> Result<Answer, Fault> {
    let mut headers = HeaderMap::new();
    if let Some(value) = retry_after {
        headers.insert("retry-after", HeaderValue::from_static(value));
    }
    Ok(Answer { status, headers, body: Bytes::new() })
}

fn unreached() -> Result<Answer, Fault> {
    Err(Fault::Unreached { host: "h".into(), cause: Cause::new(Kind::Refused, "refused") })
}

fn timed_out() -> Result<Answer, Fault> {
    Err(Fault::TimedOut { host: "h".into(), after: Duration::from_secs(1) })
}

fn sender() -> Sender {
    sender_within(Limits::in_flight(256))
}

fn sender_within(limits: Limits) -> Sender {
    let policy = Policy {
        max_retries: 3,
        base_delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(20),
        max_retry_after: Duration::from_secs(60),
    };
    Sender::new(Http::new(Settings::default()), policy, limits)
}

fn options(retry: RetrySafety, limit: Option<RateLimitGroup>) -> SendOptions {
    let is_throttle = |answer: &Answer| answer.status == 400 && answer.body.starts_with(b"slow down");
    let (label, option, pool, body) = ("Test", "environment", ConnectionPool::new(0), BodyStyle::Text);
    let operation = Box::leak(Box::new(Operation { label, option, retry, limit, pool, body, is_throttle }));
    SendOptions { operation, timeout: Duration::from_secs(15), deadline: Instant::now() + Duration::from_secs(60) }
}

/// Plays `script`, whose last entry repeats for ever; returns the outcome and the number of requests.
async fn play(
    sender: &Sender,
    options: SendOptions,
    script: impl IntoIterator<Item = Result<Answer, Fault>>,
) -> (Result<Answer, Failure>, u32) {
    let script: Mutex<VecDeque<_>> = Mutex::new(script.into_iter().collect());
    let sent = std::sync::atomic::AtomicU32::new(0);
    let outcome = sender
        .send_by(options, || {
            sent.fetch_add(1, Ordering::SeqCst);
            let mut script = lock(&script);
            let next = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
            async move { next.unwrap() }
        })
        .await;
    (outcome.map(|(answer, _)| answer), sent.into_inner())
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_repeated_as_often_as_it_is_safe() {
    use RetrySafety::{IfUnprocessed, Repeatable, RepeatableOnce};
    // Requests sent for a fault that does not go away: when repeats are free, allowed once, or forbidden.
    let table: [(Result<Answer, Fault>, [u32; 3]); 14] = [
        (answer(429, None), [4, 4, 4]),
        (answer(429, Some("1")), [4, 4, 4]),
        (answer(503, Some("1")), [4, 4, 4]),
        (answer(503, None), [4, 2, 1]),
        (answer(500, None), [4, 2, 1]),
        (answer(502, None), [4, 2, 1]),
        (answer(504, None), [4, 2, 1]),
        (timed_out(), [4, 2, 1]),
        (unreached(), [4, 4, 4]),
        (Err(Fault::Broken { host: "h".into(), cause: Cause::new(Kind::Reset, "reset") }), [4, 2, 1]),
        (
            Err(Fault::Unreached { host: "h".into(), cause: Cause::new(Kind::UnknownAuthority, "certificate") }),
            [1, 1, 1],
        ),
        (answer(400, None), [1, 1, 1]),
        (answer(501, None), [1, 1, 1]),
        (answer(302, None), [1, 1, 1]),
    ];
    for (fault, expected) in table {
        for (repeat, requests) in [Repeatable, RepeatableOnce, IfUnprocessed].into_iter().zip(expected) {
            let (outcome, sent) = play(&sender(), options(repeat, Some(CREATE)), [fault.clone()]).await;
            assert_eq!((sent, outcome.unwrap_err().attempts), (requests, requests), "{fault:?} {repeat:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_wait_is_kept_and_the_last_answer_returned() {
    let start = Instant::now();
    let (outcome, sent) =
        play(&sender(), options(RetrySafety::IfUnprocessed, Some(CREATE)), [answer(429, Some("2")), answer(200, None)])
            .await;
    assert_eq!((outcome.unwrap().status, sent), (200, 2));
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_limit_or_the_deadline_fails_at_once() {
    for (wait, deadline) in [("61", 600), ("30", 20)] {
        let start = Instant::now();
        let options = SendOptions {
            deadline: start + Duration::from_secs(deadline),
            ..options(RetrySafety::Repeatable, Some(CREATE))
        };
        let (outcome, sent) = play(&sender(), options, [answer(429, Some(wait))]).await;
        let failure = outcome.unwrap_err();
        assert_eq!((sent, failure.retry_after.map(|wait| wait.as_secs().to_string())), (1, Some(wait.to_owned())));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_retry_after_means_back_off() {
    let start = Instant::now();
    let (outcome, _) = play(
        &sender(),
        options(RetrySafety::IfUnprocessed, Some(CREATE)),
        [answer(429, Some("soon")), answer(200, None)],
    )
    .await;
    assert_eq!(outcome.unwrap().status, 200);
    assert!(start.elapsed() <= Duration::from_millis(1001));
}

#[tokio::test(start_paused = true)]
async fn an_operations_own_sign_of_a_rate_limit_counts_as_throttling() {
    let mut throttle = answer(400, Some("3")).unwrap();
    throttle.body = "slow down".into();
    let start = Instant::now();
    let (outcome, _) = play(&sender(), options(RetrySafety::Repeatable, None), [Ok(throttle), answer(200, None)]).await;
    assert_eq!((outcome.unwrap().status, start.elapsed().as_secs()), (200, 3));
}

#[tokio::test(start_paused = true)]
async fn under_a_total_outage_the_load_stays_below_one_and_a_fifth() {
    for fault in [unreached(), answer(503, Some("0"))] {
        let sender = sender();
        let mut requests = 0;
        for _ in 0..1000 {
            requests += play(&sender, options(RetrySafety::IfUnprocessed, Some(CREATE)), [fault.clone()]).await.1;
        }
        assert!(requests < 1200, "{requests}");
    }
}

#[tokio::test(start_paused = true)]
async fn success_after_retries_gives_the_budget_back() {
    let sender = sender();
    for _ in 0..1000 {
        let (outcome, _) =
            play(&sender, options(RetrySafety::Repeatable, None), [unreached(), answer(200, None)]).await;
        assert!(outcome.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_nothing_means_back_off() {
    for (status, retry) in [(429, RetrySafety::IfUnprocessed), (503, RetrySafety::IfUnprocessed)] {
        let start = Instant::now();
        let (outcome, sent) = play(&sender(), options(retry, Some(CREATE)), [answer(status, Some("0"))]).await;
        assert_eq!((outcome.is_err(), sent), (true, 4), "a 503 with it still counts as not taken");
        assert!(start.elapsed() > Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_pauses_all_for_longer_than_may_be_waited() {
    let sender = sender();
    let (outcome, sent) =
        play(&sender, options(RetrySafety::IfUnprocessed, Some(CREATE)), [answer(429, Some("7200"))]).await;
    assert_eq!((outcome.unwrap_err().retry_after, sent), (Some(Duration::from_secs(7200)), 1));
    let start = Instant::now();
    let patient =
        SendOptions { deadline: start + Duration::from_secs(120), ..options(RetrySafety::IfUnprocessed, Some(CREATE)) };
    let (outcome, _) = play(&sender, patient, [answer(200, None)]).await;
    assert_eq!((outcome.unwrap().status, start.elapsed().as_secs()), (200, 60));
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_was_never_taken_and_then_got_no_turn_can_be_made_again() {
    for refusal in [answer(429, None), answer(429, Some("1")), answer(503, Some("1")), unreached()] {
        let sender = sender_within(Limits::in_flight(1));
        let options = options(RetrySafety::IfUnprocessed, Some(CREATE));
        let earlier = sender.limiter.ticket();
        let (outcome, sent) = tokio::select! {
            biased;
            outcome = play(&sender, options, [refusal.clone()]) => outcome,
            // Has the only place from the first answer on.
            _permit = async { (sender.limiter.admit(CREATE, earlier, options.deadline).await, pending::<()>().await) } => {
                unreachable!()
            }
        };
        let error = outcome.unwrap_err().into_error(Code::GuestCreationFailed, &[]);
        let details = error.details();
        assert_eq!((error.code(), details.attempts, sent), (Code::Timeout, Some(1), 1), "{refusal:?}");
        assert!(details.retryable, "{refusal:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_takes_a_place_of_a_known_limit() {
    let rate_limit = Some(RateLimit { requests: 2, period: Duration::from_secs(10) });
    let sender = sender_within(Limits { rate_limit, ..Limits::in_flight(256) });
    let start = Instant::now();
    let options = options(RetrySafety::IfUnprocessed, Some(CREATE));
    let script = [answer(503, Some("1")), answer(503, Some("1")), answer(200, None)];
    let (outcome, sent) = play(&sender, options, script).await;
    assert!(outcome.is_ok() && sent == 3);
    // The place of the first attempt is free again after a period.
    assert_eq!(start.elapsed().as_secs(), 10);
    let unreached = [unreached(), unreached(), unreached(), unreached()];
    let (outcome, sent) = play(&sender, options, unreached).await;
    assert!(outcome.is_err() && sent == 4);
    assert_eq!(start.elapsed().as_secs(), 11, "what never left takes none");
}
