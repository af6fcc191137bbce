//! Two instances and one server: what two processes share.

mod limiter;
mod limiter_twin;
mod outages;
mod refusals;
mod scripted;
mod server;
mod tokens;
mod window;
mod window_twin;

use std::sync::Arc;
use std::time::Duration;

use genesys_guest_auth::authenticator::Authenticator;
use genesys_guest_auth::validation::GuestRequest;
use genesys_guest_auth::{Code, Error};
use sandbox::{Fault, Route, Sandbox};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stage::{authenticator, guest, guests, parsed, sandbox, until};
use server::Server;

/// A sandbox, a Redis or Valkey server and two authenticators that know of each other through it alone.
struct Pair {
    sandbox: Sandbox,
    server: Server,
    one: Authenticator,
    other: Authenticator,
}

impl Pair {
    async fn set(fields: Value) -> Option<Self> {
        let (server, sandbox) = (Server::start().await?, sandbox().await);
        let another = || authenticator(&sandbox, server.store(fields.clone()));
        Some(Self { one: another(), other: another(), sandbox, server })
    }

    fn created(&self) -> u64 {
        self.sandbox.counts().route(Route::Create).total
    }
}

async fn authenticate(auth: &Authenticator, request: &GuestRequest) -> Result<String, Error> {
    let outcome = auth.authenticate(Arc::new(request.clone()), Instant::now()).await;
    outcome.map(|outcome| outcome.guest_data.expose().to_owned()).map_err(|failed| failed.error)
}

async fn refusal(auth: &Authenticator, request: &GuestRequest) -> Code {
    authenticate(auth, request).await.expect_err("the call must fail").code()
}

fn key(request: &GuestRequest) -> String {
    format!("{}::{}", request.email, request.channel_id.as_str())
}

#[tokio::test]
async fn a_session_of_one_process_is_a_duplicate_in_the_other() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let request = guest();
    authenticate(&pair.one, &request).await.unwrap();
    assert_eq!(refusal(&pair.other, &request).await, Code::DuplicateSession);

    let [session] = &pair.server.keys("s").await[..] else { panic!("not one session") };
    let left: i64 = pair.server.ask(&["PTTL", session]).await;
    assert!((3_500_000..=3_600_000).contains(&left), "a session lives as long as its token, not {left} ms");

    pair.other.invalidate(key(&request)).await.unwrap();
    assert!(pair.server.keys("s").await.is_empty());
    authenticate(&pair.other, &request).await.unwrap();
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_gets_the_key() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    for request in guests(20) {
        let calls = (0..10).map(|i| authenticate(if i % 2 == 0 { &pair.one } else { &pair.other }, &request));
        let outcomes = futures_util::future::join_all(calls).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(
            outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|e| e.code() == Code::DuplicateSession)
        );
    }
    assert_eq!(pair.created(), 20);
}

#[tokio::test]
async fn nothing_in_redis_tells_who_or_opens_anything() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let request = guest();
    let data = parsed(&authenticate(&pair.one, &request).await.unwrap());
    let mut all = Vec::new();
    for key in pair.server.ask::<Vec<String>>(&["KEYS", "*"]).await {
        assert!(pair.server.ask::<i64>(&["PTTL", &key]).await > 0, "{key} stays for ever");
        match &*pair.server.ask::<String>(&["TYPE", &key]).await {
            "hash" => all.extend(pair.server.ask::<Vec<Vec<u8>>>(&["HGETALL", &key]).await.concat()),
            _ => all.extend(pair.server.ask::<Vec<u8>>(&["GET", &key]).await),
        }
        all.extend(key.into_bytes());
    }
    let text = String::from_utf8_lossy(&all).into_owned();
    for secret in [request.email.as_str(), "example.com", "secret", data["token"].as_str().unwrap()] {
        assert!(!text.contains(secret), "{secret} is in Redis");
    }
    let access_token = pair.one.access_token().await.unwrap();
    assert!(!text.contains(access_token.expose()));
}

#[tokio::test]
async fn a_dropped_call_frees_its_key_and_a_running_one_keeps_it() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    pair.sandbox.fault(Fault::on(Route::Create).delay_ms(60_000));
    let request = guest();
    {
        let call = authenticate(&pair.one, &request);
        let beyond_its_life = async {
            until("it is on its way", || pair.sandbox.counts().route(Route::Create).in_flight == 1).await;
            tokio::time::sleep(Duration::from_secs(7)).await;
            assert_eq!(refusal(&pair.other, &request).await, Code::DuplicateSession);
        };
        tokio::select! {
            outcome = call => panic!("{outcome:?}"),
            () = beyond_its_life => {}
        }
    }
    pair.one.close(None).await;
    pair.sandbox.end_guests(None);
    assert!(pair.server.keys("s").await.is_empty());
    authenticate(&pair.other, &request).await.unwrap();
}

#[tokio::test]
async fn nobody_frees_or_takes_over_what_another_one_holds() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    for fails in [false, true] {
        let fault = Fault::on(Route::Create).delay_ms(300);
        pair.sandbox.fault(if fails { fault.status(400) } else { fault });
        let request = guest();
        let foreign = async {
            until("it is on its way", || pair.sandbox.counts().route(Route::Create).in_flight == 1).await;
            let [session] = &pair.server.keys("s").await[..] else { panic!("not one reservation") };
            let () = pair.server.ask(&["SET", session, "rsomebody else", "PX", "60000"]).await;
            session.clone()
        };
        let (outcome, session) = tokio::join!(authenticate(&pair.one, &request), foreign);
        assert_eq!(outcome.is_err(), fails);
        pair.one.invalidate("nobody::nowhere".into()).await.unwrap();
        assert_eq!(pair.server.ask::<String>(&["GET", &session]).await, "rsomebody else");
        let _: () = pair.server.ask(&["DEL", &session]).await;
    }
}

#[tokio::test]
async fn a_call_whose_session_was_ended_meanwhile_leaves_none() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    pair.sandbox.fault(Fault::on(Route::Create).delay_ms(300));
    let request = guest();
    let ending = async {
        until("it is on its way", || pair.sandbox.counts().route(Route::Create).in_flight == 1).await;
        pair.other.invalidate(key(&request)).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(authenticate(&pair.one, &request), ending);
    outcome.unwrap();
    assert!(pair.server.keys("s").await.is_empty());
}

#[tokio::test]
async fn a_call_whose_reservation_got_lost_leaves_a_session() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    pair.sandbox.fault(Fault::on(Route::Create).delay_ms(300));
    let request = guest();
    let flush = async {
        until("it is on its way", || pair.sandbox.counts().route(Route::Create).in_flight == 1).await;
        let () = pair.server.ask(&["FLUSHALL"]).await;
    };
    let (outcome, ()) = tokio::join!(authenticate(&pair.one, &request), flush);
    outcome.unwrap();
    assert_eq!(refusal(&pair.other, &request).await, Code::DuplicateSession);
}

#[tokio::test]
async fn a_guest_of_one_process_resolves_the_conflict_of_the_other() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let request = guest();
    let first = parsed(&authenticate(&pair.one, &request).await.unwrap());
    pair.one.invalidate(key(&request)).await.unwrap();
    let second = parsed(&authenticate(&pair.other, &request).await.unwrap());
    assert_eq!((&first["guestId"], &first["token"]), (&second["guestId"], &second["token"]));
}

#[tokio::test]
async fn a_damaged_or_moved_guest_is_refused_and_counted() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let (request, another) = (guest(), guest());
    authenticate(&pair.one, &request).await.unwrap();
    authenticate(&pair.one, &another).await.unwrap();
    let [a, b] = &pair.server.keys("g").await[..] else { panic!("not two guests") };
    let () = pair.server.ask(&["COPY", a, b, "REPLACE"]).await;
    let () = pair.server.ask(&["SETRANGE", a, "20", "damage"]).await;
    for request in [&request, &another] {
        pair.one.invalidate(key(request)).await.unwrap();
        assert_eq!(refusal(&pair.other, request).await, Code::Conflict);
    }
    assert_eq!(pair.other.metrics().store.unwrap().refused_values, 2);
}
