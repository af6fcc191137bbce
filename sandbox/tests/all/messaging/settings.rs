//! What is not proven about the real service, and is a setting here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::{Claim, FrameFault, FrameKind, Options, Sandbox, SignIn};
use serde_json::{Value, json};

use super::guest::{DEPLOYMENT, Guest, exchange, exchange_of, kind, refresh, signed_in};
use crate::support::{Call, sandbox};

fn claims(jwt: &Value) -> Value {
    let part = jwt.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_jwt_claims_what_it_is_told_to() {
    let sandbox = sandbox().await;
    let all = claims(&signed_in(&sandbox, "ada").await["jwt"]);
    assert_eq!((&all["sub"], &all["deploymentId"]), (&json!("ada"), &json!(DEPLOYMENT)));
    assert_eq!(all["exp"].as_i64().unwrap() - all["iat"].as_i64().unwrap(), 900);
    sandbox.settings(|settings| settings.messaging.jwt_claims = vec![Claim::Exp]);
    let one = claims(&signed_in(&sandbox, "ada").await["jwt"]);
    assert_eq!(one.as_object().unwrap().keys().collect::<Vec<_>>(), ["exp"]);
}

#[tokio::test]
async fn codes_and_tokens_live_as_long_as_they_should() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.messaging.code_seconds = 0.0);
    let late = exchange_of(&sandbox.sign_in(SignIn::new("ada")));
    exchange(&sandbox, &late).await.assert_error(401, "bad.credentials");
    sandbox.settings(|settings| {
        settings.messaging.code_seconds = 600.0;
        settings.messaging.jwt_seconds = 0.0;
        settings.messaging.refresh_token_seconds = 0.0;
    });
    let tokens = signed_in(&sandbox, "ada").await;
    let mut guest = Guest::connect(&sandbox).await;
    assert_eq!(kind(&guest.configure_signed_in(&tokens["jwt"]).await).1, 401);
    refresh(&sandbox, &tokens).await.assert_error(401, "credentials.expired");
}

#[tokio::test]
async fn a_second_exchange_may_end_the_first_jwt() {
    let sandbox = sandbox().await;
    let mut guest = Guest::connect(&sandbox).await;
    for ends in [false, true] {
        sandbox.settings(|settings| settings.messaging.exchange_ends_jwt = ends);
        let first = signed_in(&sandbox, "ada").await["jwt"].clone();
        signed_in(&sandbox, "bo").await;
        signed_in(&sandbox, "ada").await;
        assert_eq!(kind(&guest.configure_signed_in(&first).await).1, if ends { 401 } else { 200 });
    }
}

#[tokio::test]
async fn public_calls_ignore_a_bearer_token_that_comes_along() {
    let sandbox = sandbox().await;
    let body = exchange_of(&sandbox.sign_in(SignIn::new("ada")));
    let path = "/api/v2/webdeployments/token/oauthcodegrantjwtexchange";
    let reply = Call::new("POST", path).bearer("of-the-organisation").json(&body).send(&sandbox).await.unwrap();
    assert_eq!(reply.status, 200);
    let plain = Call::new("POST", path).body("text/plain", &body).send(&sandbox).await.unwrap();
    plain.assert_error(415, "unsupported.media.type");
}

#[tokio::test]
async fn each_message_prolongs_the_session() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.messaging.auto_reply = None);
    let mut guest = Guest::configured(&sandbox).await;
    sandbox.settings(|settings| settings.messaging.session_seconds = 3600.0);
    let before = sandbox.sessions()[0].expires_in_ms;
    guest.say("hi").await;
    let after = sandbox.sessions()[0].expires_in_ms;
    assert!(before > 259_100_000 && after <= 3_600_000, "{before} {after}");
    assert_eq!(guest.configure().await["body"]["durationSeconds"], 3600);
}

#[tokio::test]
async fn a_socket_that_ends_leaves_its_session() {
    let sandbox = sandbox().await;
    let guest = Guest::configured(&sandbox).await;
    assert_eq!(sandbox.sessions()[0].sockets, [1]);
    assert_eq!(sandbox.counts().connections.open, 1);
    drop(guest);
    while !sandbox.sockets().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(sandbox.sessions()[0].sockets.is_empty());
    while sandbox.counts().connections.open > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn faults_choose_their_frames() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    sandbox.frame_fault(FrameFault { includes: Some("needle".into()), ..FrameFault::on("onMessage") }.error(500, "a"));
    sandbox.frame_fault(FrameFault::on("getJwt").error(500, "b").after(1).times(1));
    sandbox.frame_fault(FrameFault { process: true, ..FrameFault::on("closeSession") }.error(500, "c"));
    assert_eq!(kind(&guest.say("hay").await).1, 200);
    guest.next().await;
    assert_eq!(guest.say("a needle in the hay").await["body"], "a");
    let answers = [guest.ask("getJwt", json!({})).await, guest.ask("getJwt", json!({})).await];
    assert_eq!(answers.map(|answer| answer["code"].clone()), [200, 500]);
    assert_eq!(guest.ask("closeSession", json!({})).await["body"], "c");
    assert!(sandbox.sessions()[0].read_only, "it was processed");
    sandbox.frame_fault(FrameFault::of("SessionResponse").error(500, "d").always());
    let answers = [guest.configure().await, guest.configure().await];
    assert_eq!(answers.map(|answer| answer["body"].clone()), ["d", "d"]);
    sandbox.clear_frame_faults();
    assert_eq!(kind(&guest.configure().await).0, "SessionResponse");
}

#[tokio::test]
async fn a_server_that_stops_says_so_on_every_thread() {
    let sandbox = Sandbox::start(Options { threads: 2, ..Options::default() }).await.unwrap();
    let mut guests = [Guest::configured(&sandbox).await, Guest::configured(&sandbox).await];
    drop(sandbox);
    for guest in &mut guests {
        assert_eq!(guest.close_code().await, Some(1001));
    }
}

#[tokio::test]
async fn a_reset_forgets_sockets_and_closes_them() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    sandbox.reset();
    let _other = Guest::configured(&sandbox).await;
    assert_eq!(guest.close_code().await, Some(1001));
    assert!(guest.read().await.is_err());
    let open: Vec<_> = sandbox.sockets().iter().map(|socket| socket.socket).collect();
    assert_eq!(open, [2], "the end of the old socket is not that of the new one");
    sandbox.reset();
    assert!(sandbox.sessions().is_empty() && sandbox.frames().iter().all(|frame| frame.kind == FrameKind::Close));
}
