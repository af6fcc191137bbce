//! What the network does to a call: what is sent again, and what it costs.

use std::time::Duration;

use crate::stage::{self, Stage, guest, guests};
use futures_util::future::join_all;
use genesys_guest_auth::Code;
use genesys_guest_auth::audit::Enrichment;
use genesys_guest_auth::secret::Secret;
use sandbox::{Fault, Hangup, Limit, Route};
use serde_json::json;

/// The time that a `Retry-After` of one second lasts on the server's clock, which both requests are measured by.
const ONE_SECOND_MS: f64 = 1000.0;

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_not_tried_again() {
    let stage = Stage::set(json!({})).await;
    for hangup in [Hangup::After, Hangup::MidBody] {
        let request = guest();
        stage.sandbox.fault(Fault::on(Route::Create).hang_up(hangup));
        let failed = stage.authenticate(&request).await.unwrap_err();
        let details = failed.error.details();
        assert_eq!((details.code, details.retryable, details.attempts), (Code::Network, false, Some(1)));
        // The server has that guest, and says so.
        assert_eq!(stage.refusal(&request).await, Code::Conflict);
    }
    assert_eq!((stage.sandbox.guests().len(), stage.counts(Route::Create).total), (2, 4));
}

#[tokio::test]
async fn what_may_be_sent_twice_is_sent_until_it_works() {
    let stage = Stage::complete().await;
    for route in [Route::Token, Route::Attributes] {
        stage.sandbox.fault(Fault::on(route).status(500));
        stage.sandbox.fault(Fault::on(route).hang_up(Hangup::After));
        stage.sandbox.fault(Fault::on(route).hang_up(Hangup::Before));
    }
    stage.authenticate(&guest()).await.unwrap();
    assert_eq!((stage.counts(Route::Token).total, stage.counts(Route::Attributes).total), (4, 4));
    assert_eq!(stage.counts(Route::Create).total, 1);
}

#[tokio::test]
async fn under_a_total_outage_the_load_stays_below_one_and_a_fifth() {
    let stage = Stage::set(json!({})).await;
    stage.sandbox.fault(Fault::on(Route::Create).status(503).header("retry-after", "0").always());
    let requests = guests(1000);
    let outcomes = join_all(requests.iter().map(|request| stage.authenticate(request))).await;
    assert!(outcomes.iter().all(Result::is_err));
    let sent = stage.counts(Route::Create).total;
    assert!(sent < 1200, "{sent}");
    assert_eq!(stage.auth.metrics().live_sessions, 0);
}

#[tokio::test]
async fn a_host_that_is_not_there_is_not_knocked_at_for_ever() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let Stage { auth, sandbox: _login } = Stage::set(json!({ "apiUrl": format!("http://127.0.0.1:{port}") })).await;
    let requests = guests(500);
    let calls = requests.into_iter().map(|request| auth.authenticate(request.into(), tokio::time::Instant::now()));
    for outcome in join_all(calls).await {
        let failed = outcome.unwrap_err();
        assert_eq!((failed.error.code(), failed.error.details().retryable), (Code::Network, true), "{}", failed.error);
    }
    let retries = auth.metrics().retries;
    assert!(retries < 100, "{retries}");
}

#[tokio::test]
async fn a_429_closes_the_gate_for_every_kind_of_call() {
    let stage = Stage::set(json!({})).await;
    let known = stage.authenticate(&guest()).await.unwrap();
    let refresh_token = stage::parsed(known.guest_data.expose())["refreshToken"].as_str().map(Secret::new).unwrap();
    stage.sandbox.clear_log();
    stage.sandbox.fault(Fault::on(Route::Create).status(429).header("retry-after", "1"));
    let request = guest();
    let refresh = async {
        stage::until("the 429 is there", || stage.auth.metrics().throttled == 1).await;
        stage.auth.rotate(refresh_token).await
    };
    let (created, refreshed) = tokio::join!(stage.authenticate(&request), refresh);
    created.unwrap();
    refreshed.unwrap();
    let log = stage.sandbox.log();
    assert_eq!((log.len(), log[0].status), (3, Some(429)));
    for later in &log[1..] {
        assert!(
            later.t_ms - log[0].t_ms >= ONE_SECOND_MS,
            "{} came after {} ms",
            later.route,
            later.t_ms - log[0].t_ms
        );
    }
}

#[tokio::test]
async fn a_burst_against_a_limit_succeeds_and_wastes_little() {
    let stage = Stage::set(json!({})).await;
    stage.sandbox.limit(Limit::new(Route::Create, 200.0, 100.0));
    let requests = guests(400);
    let outcomes = join_all(requests.iter().map(|request| stage.authenticate(request))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let counts = stage.counts(Route::Create);
    assert!(counts.status(429) * 100 <= counts.total * 10, "{} of {}", counts.status(429), counts.total);
}

#[tokio::test]
async fn a_crm_that_hangs_costs_the_profile_alone() {
    let sandbox = stage::sandbox().await;
    let fields = json!({ "crmBaseUrl": sandbox.crm_url(), "timeouts": { "totalMs": 300, "crmMs": 60_000 } });
    let stage = Stage { auth: stage::authenticator(&sandbox, fields), sandbox };
    stage.sandbox.fault(Fault::on(Route::Crm).delay_ms(60_000));
    let outcome = stage.authenticate(&guest()).await.unwrap();
    assert_eq!(outcome.facts.enrichment, Enrichment::Unavailable);
    let metrics = stage.auth.metrics();
    assert_eq!((metrics.crm_failures, metrics.crm_unavailable), (1, 1));
    stage.auth.close(Some(Duration::ZERO)).await;
}
