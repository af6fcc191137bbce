//! The main job, from Rust: one call from its first request to its last.

use crate::stage::{Stage, authenticator, bearer, guest, guests, parsed, sandbox};
use futures_util::future::join_all;
use genesys_guest_auth::Code;
use sandbox::{Fault, Route};
use serde_json::json;

#[tokio::test]
async fn a_guest_is_authenticated_and_everybody_hears_of_it() {
    let stage = Stage::complete().await;
    let request = guest();
    let outcome = stage.authenticate(&request).await.unwrap();
    stage.auth.flush().await;

    let made = stage.sandbox.guests();
    let answer = parsed(outcome.guest_data.expose());
    assert_eq!((made.len(), made[0].updates), (1, 1));
    assert_eq!((&answer["guestId"], &answer["email"]), (&json!(made[0].guest_id), &json!(request.email)));

    let audit = parsed(&stage.auth.audit(&request, &outcome));
    assert_eq!((&audit["event"], &audit["enrichment"]), (&json!("guest.authentication"), &json!("applied")));
    let events = stage.sandbox.webhook_events();
    assert_eq!(
        events.iter().map(|event| event.body.clone()).collect::<Vec<_>>(),
        [stage.auth.analytics(&request, &outcome)]
    );

    let metrics = stage.auth.metrics();
    assert_eq!((metrics.authenticated, metrics.live_sessions, metrics.retries), (1, 1, 0));
    assert_eq!((metrics.analytics.delivered, metrics.analytics.pending), (1, 0));
}

#[tokio::test]
async fn one_request_for_a_token_serves_a_hundred_cold_callers() {
    let stage = Stage::set(json!({})).await;
    stage.sandbox.latency(Some(Route::Token), 50.0);
    let requests = guests(100);
    let outcomes = join_all(requests.iter().map(|request| stage.authenticate(request))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((stage.counts(Route::Token).total, stage.counts(Route::Create).status(200)), (1, 100));
}

#[tokio::test]
async fn a_token_that_ended_early_is_renewed_once_for_all() {
    let stage = Stage::set(json!({})).await;
    stage.authenticate(&guest()).await.unwrap();
    stage.sandbox.revoke_tokens(None);
    let requests = guests(50);
    let outcomes = join_all(requests.iter().map(|request| stage.authenticate(request))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((stage.counts(Route::Token).total, stage.counts(Route::Create).status(200)), (2, 51));
    assert!(stage.counts(Route::Create).status(401) >= 1);
}

#[tokio::test]
async fn the_second_call_for_a_session_is_refused_and_costs_nothing() {
    let stage = Stage::set(json!({})).await;
    let request = guest();
    let outcomes = join_all((0..50).map(|_| stage.authenticate(&request))).await;
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).map(|failed| failed.error.code()).collect();
    assert_eq!(refused, [Code::DuplicateSession; 49]);
    assert_eq!(stage.counts(Route::Create).total, 1);
}

#[tokio::test]
async fn a_bearer_token_goes_to_the_api_alone() {
    let stage = Stage::complete().await;
    stage.authenticate(&guest()).await.unwrap();
    stage.auth.flush().await;
    let log = stage.sandbox.log();
    for entry in &log {
        let is_api = matches!(entry.route, Route::Create | Route::Attributes);
        assert_eq!(bearer(entry).is_some(), is_api, "{}", entry.route);
    }
    assert_eq!(log.len(), 5);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_no_order() {
    let elsewhere = sandbox().await;
    let target = format!("{}/api/v2/engagements/guests", elsewhere.url());
    for route in [Route::Token, Route::Channel, Route::Create, Route::Crm, Route::Attributes, Route::Webhook] {
        let home = sandbox().await;
        let fields = json!({
            "crmBaseUrl": home.crm_url(),
            "analyticsWebhookUrl": home.webhook_url(),
            "preflightChannel": true,
        });
        let stage = Stage { auth: authenticator(&home, fields), sandbox: home };
        stage.sandbox.fault(Fault::on(route).status(307).header("location", &target).always());
        let outcome = stage.authenticate(&guest()).await;
        stage.auth.flush().await;
        assert_eq!(outcome.is_err(), matches!(route, Route::Token | Route::Channel | Route::Create), "{route}");
        assert_eq!(stage.counts(route).total, 1, "{route}");
    }
    assert_eq!((elsewhere.log().len(), elsewhere.counts().connections.opened), (0, 0));
}
