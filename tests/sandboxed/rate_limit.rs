//! A limit that is known: nothing goes out that the server would refuse.

use futures_util::future::join_all;
use genesys_guest_auth::Code;
use sandbox::{Route, RouteCounts, TokenLimit};
use serde_json::{Value, json};

use crate::stage::{Stage, authenticator, guest, guests, sandbox};

const SLIDING: TokenLimit = TokenLimit { requests: 20, per_ms: 400, fixed: false };

fn rate_limit(limit: TokenLimit) -> Value {
    json!({ "rateLimit": { "requests": limit.requests, "perMs": limit.per_ms } })
}

async fn stage(limit: TokenLimit, fields: Value) -> Stage {
    let stage = Stage::set(fields).await;
    stage.sandbox.settings(|settings| settings.token_limit = Some(limit));
    stage
}

/// Requests that carried the access token, and how many of them were answered 429.
fn carried(stage: &Stage) -> (u64, u64) {
    let counts = [Route::Create, Route::Attributes, Route::Refresh].map(|route| stage.counts(route));
    let refused = |counts: &RouteCounts| counts.by_status.get(&429).copied().unwrap_or(0);
    (counts.iter().map(|counts| counts.total).sum(), counts.iter().map(refused).sum())
}

async fn all_succeed(stage: &Stage, calls: usize) {
    let requests = guests(calls);
    for outcome in join_all(requests.iter().map(|request| stage.authenticate(request))).await {
        outcome.expect("no call fails");
    }
}

#[tokio::test]
async fn no_request_is_refused_whether_the_servers_period_slides_or_not() {
    for limit in [SLIDING, TokenLimit { fixed: true, ..SLIDING }] {
        let stage = stage(limit, rate_limit(limit)).await;
        all_succeed(&stage, 70).await;
        assert_eq!(carried(&stage), (70, 0), "{limit:?}");
    }
}

#[tokio::test]
async fn all_requests_with_the_token_count_together() {
    let sandbox = sandbox().await;
    let mut fields = rate_limit(SLIDING);
    fields["crmBaseUrl"] = json!(sandbox.crm_url());
    let requests = guests(30);
    for request in &requests {
        sandbox.set_profile(request.email.as_str(), json!({ "loyaltyTier": "gold" }));
    }
    sandbox.settings(|settings| settings.token_limit = Some(SLIDING));
    let stage = Stage { auth: authenticator(&sandbox, fields), sandbox };
    let outcomes = join_all(requests.iter().map(|request| stage.authenticate(request))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(carried(&stage), (60, 0));
    assert_eq!(stage.counts(Route::Attributes).total, 30);
}

#[tokio::test]
async fn a_smaller_limit_that_answers_tell_wins() {
    let stage = stage(SLIDING, json!({ "rateLimit": { "requests": 1000, "perMs": SLIDING.per_ms } })).await;
    all_succeed(&stage, 1).await;
    all_succeed(&stage, 50).await;
    assert_eq!(carried(&stage), (51, 0));
}

#[tokio::test]
async fn a_limit_is_learned_from_answers_alone() {
    for fixed in [true, false] {
        let stage = stage(TokenLimit { requests: 10, per_ms: 1000, fixed }, json!({})).await;
        all_succeed(&stage, 1).await;
        all_succeed(&stage, 25).await;
        assert_eq!(carried(&stage), (26, 0), "fixed: {fixed}");
    }
}

#[tokio::test]
async fn a_call_that_would_wait_for_too_long_fails_at_once_and_sends_nothing() {
    let limit = TokenLimit { requests: 1, per_ms: 60_000, fixed: false };
    let mut fields = rate_limit(limit);
    fields["timeouts"] = json!({ "totalMs": 20_000 });
    let stage = stage(limit, fields).await;
    all_succeed(&stage, 1).await;
    let failed = stage.authenticate(&guest()).await.expect_err("there is no place");
    let details = failed.error.details();
    assert_eq!((failed.error.code(), details.retryable), (Code::RateLimited, true));
    let wait = details.retry_after_ms.expect("when to try again");
    assert!((30_000..=60_100).contains(&wait), "{wait}");
    assert_eq!(carried(&stage), (1, 0));
}
