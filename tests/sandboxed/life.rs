//! Beginning and end: a call that is dropped, an instance that is closed, one that is forgotten.

use std::time::Duration;

use crate::stage::{Stage, guest, until};
use genesys_guest_auth::Code;
use sandbox::{Fault, Route};
use serde_json::json;

const LONG_MS: u64 = 60_000;

#[tokio::test]
async fn a_dropped_call_leaves_no_request_and_no_reservation() {
    let stage = Stage::complete().await;
    for route in [Route::Token, Route::Create, Route::Crm, Route::Attributes] {
        stage.sandbox.fault(Fault::on(route).delay_ms(LONG_MS));
        let request = guest();
        {
            let call = stage.authenticate(&request);
            tokio::select! {
                outcome = call => panic!("{route}: {outcome:?}"),
                () = until("it is on its way", || stage.counts(route).in_flight == 1) => {}
            }
        }
        until("it is cancelled", || stage.counts(route).in_flight == 0).await;
        assert_eq!(stage.auth.metrics().live_sessions, 0, "{route}");
    }
    stage.authenticate(&guest()).await.unwrap();
}

#[tokio::test]
async fn closing_waits_for_what_runs_and_refuses_what_comes() {
    let stage = Stage::complete().await;
    stage.sandbox.fault(Fault::on(Route::Create).delay_ms(100));
    stage.sandbox.fault(Fault::on(Route::Webhook).delay_ms(100));
    let request = guest();
    let late = guest();
    let close = async {
        until("the call runs", || stage.counts(Route::Create).in_flight == 1).await;
        let closing = stage.auth.close(None);
        assert_eq!(stage.refusal(&late).await, Code::Closed);
        closing.await;
    };
    let (outcome, ()) = tokio::join!(stage.authenticate(&request), close);
    outcome.unwrap();
    assert_eq!(stage.sandbox.webhook_events().len(), 1);
    until("all connections are closed", || stage.connections() == 0).await;
}

#[tokio::test]
async fn a_call_made_before_the_end_is_not_refused() {
    let stage = Stage::set(json!({})).await;
    let call = stage.auth.authenticate(guest().into(), tokio::time::Instant::now());
    let closing = stage.auth.close(None);
    let (outcome, ()) = tokio::join!(call, closing);
    outcome.unwrap();
}

#[tokio::test]
async fn closing_with_a_limit_ends_what_outlasts_it() {
    let stage = Stage::set(json!({})).await;
    stage.sandbox.fault(Fault::on(Route::Create).delay_ms(LONG_MS));
    let request = guest();
    let close = async {
        until("the call runs", || stage.counts(Route::Create).in_flight == 1).await;
        stage.auth.close(Some(Duration::from_millis(20))).await;
    };
    let (outcome, ()) = tokio::join!(stage.authenticate(&request), close);
    assert_eq!(outcome.unwrap_err().error.code(), Code::Closed);
    until("the request is cancelled", || stage.counts(Route::Create).in_flight == 0).await;
    until("all connections are closed", || stage.connections() == 0).await;
}

#[tokio::test]
async fn a_forgotten_instance_closes_its_connections() {
    let Stage { sandbox, auth } = Stage::set(json!({})).await;
    let clone = auth.clone();
    auth.authenticate(guest().into(), tokio::time::Instant::now()).await.unwrap();
    assert!(sandbox.counts().connections.open > 0);
    drop(auth);
    drop(clone);
    until("all connections are closed", || sandbox.counts().connections.open == 0).await;
}
