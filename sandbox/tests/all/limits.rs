//! Rate limits.

use sandbox::{Limit, RetryAfter, Route, Sandbox, TokenLimit};

use crate::support::{Call, FORM, Reply, create, form, sandbox, sign_in};

async fn event(sandbox: &Sandbox) -> Reply {
    Call::new("POST", "/webhook").json("{}").send(sandbox).await.unwrap()
}

#[tokio::test]
async fn beyond_the_burst_requests_are_refused_as_genesys_does() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    sandbox.limit(Limit::new(Route::Create, 0.5, 2.0));
    for (number, count) in [(0, "1"), (1, "2")] {
        let reply = create(&bearer, &format!("{number}@b.example")).send(&sandbox).await.unwrap();
        assert_eq!((reply.status, reply.header("inin-ratelimit-count")), (200, Some(count)));
        assert_eq!(reply.header("inin-ratelimit-allowed"), Some("2"));
    }
    let reply = create(&bearer, "2@b.example").send(&sandbox).await.unwrap();
    reply.assert_error(429, "too.many.requests.retry.after");
    assert_eq!(reply.json()["message"], "Rate limit exceeded the maximum. Retry the request in [2] seconds");
    assert_eq!((reply.header("retry-after"), reply.header("inin-ratelimit-reset")), (Some("2"), Some("4")));
    assert_eq!(sandbox.guests().len(), 2);
    sandbox.clear_limits();
    assert_eq!(create(&bearer, "2@b.example").send(&sandbox).await.unwrap().status, 200);
}

#[tokio::test]
async fn retry_after_says_what_it_is_told() {
    let sandbox = sandbox().await;
    let told = async |retry_after| {
        sandbox.limit(Limit { retry_after, ..Limit::new(Route::Webhook, 0.001, 1.0) });
        event(&sandbox).await;
        event(&sandbox).await.header("retry-after").map(String::from)
    };
    assert_eq!(told(RetryAfter::Seconds(7)).await.as_deref(), Some("7"));
    assert_eq!(told(RetryAfter::Absent).await, None);
    assert_eq!(told(RetryAfter::Text("1.5".into())).await.as_deref(), Some("1.5"));
    assert_eq!(told(RetryAfter::Computed).await.as_deref(), Some("1000"));
    let date = httpdate::parse_http_date(&told(RetryAfter::Date).await.unwrap()).unwrap();
    let ahead = date.duration_since(std::time::SystemTime::now()).unwrap().as_secs();
    assert!((999..=1001).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn the_login_host_has_a_shape_of_its_own() {
    let sandbox = sandbox().await;
    sandbox.limit(Limit::new(Route::Token, 0.1, 1.0));
    sign_in(&sandbox).await;
    let reply = Call::new("POST", "/oauth/token").body(FORM, &form("a", "b")).send(&sandbox).await.unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (400, None));
    let body = reply.json();
    assert_eq!(body["error"], "invalid_request");
    assert!(body["error_description"].as_str().unwrap().starts_with("rate limit exceeded;"), "{body}");
}

#[tokio::test]
async fn each_token_may_have_a_bucket_of_its_own() {
    let sandbox = sandbox().await;
    let (one, other) = (sign_in(&sandbox).await, sign_in(&sandbox).await);
    sandbox.limit(Limit { per_token: true, ..Limit::new(Route::Create, 0.001, 1.0) });
    let mut statuses = Vec::new();
    for (number, bearer) in [&one, &one, &other, &other].into_iter().enumerate() {
        statuses.push(create(bearer, &format!("{number}@b.example")).send(&sandbox).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 429, 200, 429]);
}

#[tokio::test]
async fn a_limit_of_a_token_spans_all_that_it_is_used_for() {
    let sandbox = sandbox().await;
    let [one, other] = [sign_in(&sandbox).await, sign_in(&sandbox).await];
    let token_limit = Some(TokenLimit { requests: 2, per_ms: 60_000, fixed: false });
    sandbox.settings(|settings| settings.token_limit = token_limit);
    let first = create(&one, "1@b.example").send(&sandbox).await.unwrap();
    let headers = ["count", "allowed", "reset"].map(|name| first.header(&format!("inin-ratelimit-{name}")));
    assert_eq!((first.status, headers), (200, [Some("1"), Some("2"), Some("60")]));
    let path = format!("/api/v2/engagements/guests/{}", first.json()["guestId"].as_str().unwrap());
    let put = || Call::new("PUT", &path).bearer(&one).json("{\"attributes\":{}}");
    assert_eq!(put().send(&sandbox).await.unwrap().status, 200);
    let refused = put().send(&sandbox).await.unwrap();
    refused.assert_error(429, "too.many.requests.retry.after");
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(create(&other, "2@b.example").send(&sandbox).await.unwrap().status, 200);

    sandbox.settings(|settings| settings.announces_limits = false);
    assert_eq!(create(&other, "3@b.example").send(&sandbox).await.unwrap().header("inin-ratelimit-count"), None);
}
