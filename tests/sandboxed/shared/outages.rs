//! A store that is gone, hangs, is full or refuses.

use std::time::Duration;

use super::{Pair, authenticate, key, refusal};
use crate::stage::{authenticator, guest, until};
use genesys_guest_auth::{Authenticator, Code};
use sandbox::{Fault, Route};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

/// What the contract allows for a refusal, and as much again for a busy machine.
const REFUSED_WITHIN: Duration = Duration::from_secs(4);

/// For a recovery: the longest pause between two attempts to connect, and a busy machine.
const RECOVERED_WITHIN: Duration = Duration::from_secs(20);

async fn recovers(auth: &Authenticator) {
    let end = Instant::now() + RECOVERED_WITHIN;
    while authenticate(auth, &guest()).await.is_err() {
        assert!(Instant::now() < end, "no recovery");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn calls_are_refused_in_time_and_served_again_after_a_restart() {
    let Some(mut pair) = Pair::set(json!({})).await else { return };
    authenticate(&pair.one, &guest()).await.unwrap();
    pair.server.kill();
    for _ in 0..3 {
        let error = timeout(REFUSED_WITHIN, authenticate(&pair.one, &guest())).await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.details().retryable), (Code::StoreUnavailable, true));
        assert!(error.details().message.contains("127.0.0.1:"), "{error}");
    }
    assert!(!pair.one.metrics().store.unwrap().available);
    pair.server.restart().await;
    recovers(&pair.one).await;
    assert!(pair.one.metrics().store.unwrap().available);
}

#[tokio::test]
async fn a_server_that_hangs_is_no_reason_to_wait() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    authenticate(&pair.one, &guest()).await.unwrap();
    pair.server.signal("STOP");
    let request = guest();
    for _ in 0..3 {
        let code = timeout(REFUSED_WITHIN, refusal(&pair.one, &request)).await.unwrap();
        assert_eq!(code, Code::StoreUnavailable);
    }
    pair.server.signal("CONT");
    recovers(&pair.one).await;
    // What the refused calls may have reserved ends by itself.
    let end = Instant::now() + RECOVERED_WITHIN;
    while authenticate(&pair.one, &request).await.is_err() {
        assert!(Instant::now() < end, "the key is held for ever");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_session_that_the_store_could_not_take_is_told_later() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    authenticate(&pair.one, &guest()).await.unwrap();
    pair.sandbox.fault(Fault::on(Route::Create).delay_ms(300));
    let request = guest();
    let pause = async {
        until("it is on its way", || pair.sandbox.counts().route(Route::Create).in_flight == 1).await;
        pair.server.signal("STOP");
    };
    let (outcome, ()) = tokio::join!(authenticate(&pair.one, &request), pause);
    outcome.unwrap();
    pair.server.signal("CONT");
    let end = Instant::now() + RECOVERED_WITHIN;
    let session = || async {
        for key in pair.server.keys("s").await {
            let life: i64 = pair.server.ask(&["PTTL", &key]).await;
            if life < 100_000 {
                return false;
            }
        }
        pair.server.keys("s").await.len() == 2
    };
    while !session().await {
        assert!(Instant::now() < end, "the session is not there");
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(refusal(&pair.other, &request).await, Code::DuplicateSession);
}

#[tokio::test]
async fn cut_connections_are_made_again_within_the_call() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    for _ in 0..5 {
        authenticate(&pair.one, &guest()).await.unwrap();
        let () = pair.server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    }
    authenticate(&pair.one, &guest()).await.unwrap();
}

#[tokio::test]
async fn a_full_server_and_a_wrong_password_say_what_is_wrong() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let () = pair.server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = authenticate(&pair.one, &guest()).await.unwrap_err();
    assert_eq!(error.code(), Code::StoreUnavailable);
    assert!(error.details().message.contains("maxmemory"), "{error}");
    let () = pair.server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    authenticate(&pair.one, &guest()).await.unwrap();

    let () = pair.server.ask(&["ACL", "SETUSER", "app", "on", ">right-pass", "~*", "+@all"]).await;
    let url = |password: &str| pair.server.url().replace("redis://", &format!("redis://app:{password}@"));
    let right = authenticator(&pair.sandbox, pair.server.store(json!({ "url": url("right-pass") })));
    authenticate(&right, &guest()).await.unwrap();
    let wrong = authenticator(&pair.sandbox, pair.server.store(json!({ "url": url("wrong-pass") })));
    let error = timeout(REFUSED_WITHIN, authenticate(&wrong, &guest())).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::StoreUnavailable);
    assert!(!format!("{error:?}").contains("wrong-pass"), "{error:?}");
}

#[tokio::test]
async fn memory_stands_in_where_that_is_wanted() {
    let Some(mut pair) = Pair::set(json!({ "onUnavailable": "local" })).await else { return };
    let (before, meanwhile) = (guest(), guest());
    authenticate(&pair.one, &before).await.unwrap();
    pair.server.kill();
    authenticate(&pair.one, &meanwhile).await.unwrap();
    assert_eq!(refusal(&pair.one, &meanwhile).await, Code::DuplicateSession);
    let store = pair.one.metrics().store.unwrap();
    assert_eq!((store.available, store.served_locally), (false, 1));
    pair.server.restart().await;
    recovers(&pair.one).await;
    until("the store is back", || pair.one.metrics().store.unwrap().available).await;
    // What was granted meanwhile is known here, and nowhere else.
    assert_eq!(refusal(&pair.one, &meanwhile).await, Code::DuplicateSession);
    pair.one.invalidate(key(&meanwhile)).await.unwrap();
    authenticate(&pair.one, &meanwhile).await.unwrap();
    assert_eq!(refusal(&pair.other, &meanwhile).await, Code::DuplicateSession);
}
