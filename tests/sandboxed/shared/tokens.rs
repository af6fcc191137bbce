//! Access tokens and refresh tokens of several processes.

use super::{Pair, authenticate};
use crate::stage::{authenticator, guest, guests, parsed};
use genesys_guest_auth::secret::Secret;
use sandbox::{Fault, Route};
use serde_json::json;

#[tokio::test]
async fn one_process_fetches_the_access_token_for_all() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    pair.sandbox.fault(Fault::on(Route::Token).delay_ms(200));
    let processes: Vec<_> = (0..6).map(|_| authenticator(&pair.sandbox, pair.server.store(json!({})))).collect();
    let requests = guests(60);
    let calls = requests.iter().enumerate().map(|(i, request)| authenticate(&processes[i % 6], request));
    for outcome in futures_util::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!(pair.sandbox.counts().route(Route::Token).total, 1);
}

#[tokio::test]
async fn a_failed_fetch_is_tried_by_another_process() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    pair.sandbox.fault(Fault::on(Route::Token).status(400).delay_ms(100));
    let (one, other) = (guest(), guest());
    let (first, second) = tokio::join!(authenticate(&pair.one, &one), authenticate(&pair.other, &other));
    assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|is_ok| **is_ok).count(), 1);
    assert_eq!(pair.sandbox.counts().route(Route::Token).total, 2);
}

#[tokio::test]
async fn a_refused_token_is_dropped_for_all() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    for auth in [&pair.one, &pair.other] {
        authenticate(auth, &guest()).await.unwrap();
    }
    pair.sandbox.revoke_tokens(None);
    for auth in [&pair.one, &pair.other] {
        authenticate(auth, &guest()).await.unwrap();
    }
    let newcomer = authenticator(&pair.sandbox, pair.server.store(json!({})));
    authenticate(&newcomer, &guest()).await.unwrap();
    assert_eq!(pair.sandbox.counts().route(Route::Token).total, 2);
}

#[tokio::test]
async fn processes_rotate_a_refresh_token_once() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let data = parsed(&authenticate(&pair.one, &guest()).await.unwrap());
    let used = Secret::new(data["refreshToken"].as_str().unwrap());
    pair.sandbox.fault(Fault::on(Route::Refresh).delay_ms(200));
    let (one, other) = tokio::join!(pair.one.rotate(used.clone()), pair.other.rotate(used.clone()));
    assert_eq!(one.unwrap().expose(), other.unwrap().expose());
    assert_eq!(pair.sandbox.counts().route(Route::Refresh).total, 1);
}

#[tokio::test]
async fn a_refresh_token_that_another_process_has_used_finds_the_newest_guest_token() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let data = parsed(&authenticate(&pair.one, &guest()).await.unwrap());
    let used = Secret::new(data["refreshToken"].as_str().unwrap());
    let fresh = pair.one.rotate(used.clone()).await.unwrap();
    assert_eq!(pair.other.rotate(used.clone()).await.unwrap().expose(), fresh.expose());
}

/// It held the lock for all of its repeats, and nobody else had a token meanwhile.
#[tokio::test]
async fn a_process_whose_login_host_hangs_holds_nobody_up_and_takes_the_token_of_another() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    // Connections are taken by the system, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let by_way_of = |proxy: &str| {
        let mut fields = pair.server.store(json!({}));
        let own = json!({
            "loginUrl": "http://login.example",
            "allowInsecureHttp": true,
            "proxy": proxy,
            "maxRetries": 5,
            "timeouts": { "oauthMs": 500 },
        });
        fields.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        authenticator(&pair.sandbox, fields)
    };
    let hanging = by_way_of(&format!("http://{}", silent.local_addr().unwrap()));
    let healthy = by_way_of(pair.sandbox.url());
    let later = async {
        while pair.server.keys("tl").await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        healthy.access_token().await
    };
    let (hung, fetched) = tokio::join!(hanging.access_token(), later);
    assert_eq!(hung.unwrap().expose(), fetched.unwrap().expose());
    assert_eq!(pair.sandbox.counts().route(Route::Token).total, 1);
}
