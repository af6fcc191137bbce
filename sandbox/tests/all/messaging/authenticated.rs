//! Signed-in guests: exchange, refresh, revoke, step up.

use sandbox::{RestRefusal, SignIn};
use serde_json::{Value, json};
use uuid::Uuid;

use super::guest::{DEPLOYMENT, Guest, exchange, exchange_of, kind, refresh, revoke, signed_in};
use crate::support::sandbox;

#[tokio::test]
async fn a_code_is_good_for_one_exchange_with_its_verifier() {
    let sandbox = sandbox().await;
    let grant = sandbox.sign_in(SignIn::new("ada"));
    let right = exchange_of(&grant);
    let with = |path: &str, value: Value| {
        let mut body = right.clone();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let cases = [
        (with("/deploymentId", Value::Null), 400, "parameters.missing"),
        (with("/deploymentId", json!("no-uuid")), 404, "not.found"),
        (with("/oauth", Value::Null), 400, "parameters.missing"),
        (with("/oauth", json!({})), 400, "constraint.validation"),
        (with("/oauth", json!({ "code": "c", "idToken": "t" })), 400, "constraint.validation"),
        (with("/oauth/redirectUri", Value::Null), 400, "parameters.missing"),
        (with("/oauth/code", json!(7)), 400, "constraint.validation"),
        (with("/oauth/code", json!("other")), 401, "bad.credentials"),
        (with("/oauth/redirectUri", json!("https://evil.example")), 401, "bad.credentials"),
        (with("/oauth/codeVerifier", Value::Null), 401, "bad.credentials"),
        (with("/oauth/codeVerifier", json!("x".repeat(43))), 401, "bad.credentials"),
    ];
    for (body, status, code) in cases {
        exchange(&sandbox, &body).await.assert_error(status, code);
    }
    exchange(&sandbox, &json!("text")).await.assert_error(400, "constraint.validation");
    let reply = exchange(&sandbox, &right).await.json();
    assert_eq!(reply["jwt"].as_str().unwrap().split('.').count(), 3);
    assert!(reply["refreshToken"].is_string());
    exchange(&sandbox, &right).await.assert_error(401, "bad.credentials");

    sandbox.settings(|settings| settings.messaging.sign_in = RestRefusal::new(400, "invalid.value"));
    exchange(&sandbox, &right).await.assert_error(400, "invalid.value");
    sandbox.settings(|settings| settings.messaging.code_reuse_seconds = Some(60.0));
    assert_eq!(exchange(&sandbox, &right).await.json(), reply);
}

#[tokio::test]
async fn id_tokens_have_a_nonce_and_no_refresh_token() {
    let sandbox = sandbox().await;
    let grant = sandbox.sign_in_implicitly(SignIn::new("ada"));
    let body =
        |nonce: &str| json!({ "deploymentId": DEPLOYMENT, "oauth": { "idToken": grant.id_token, "nonce": nonce } });
    exchange(&sandbox, &body("other")).await.assert_error(401, "bad.credentials");
    let as_code = json!({ "code": grant.id_token, "redirectUri": "https://shop.example", "nonce": grant.nonce });
    let body_as_code = json!({ "deploymentId": DEPLOYMENT, "oauth": as_code });
    exchange(&sandbox, &body_as_code).await.assert_error(401, "bad.credentials");
    let reply = exchange(&sandbox, &body(&grant.nonce)).await.json();
    assert!(reply["jwt"].is_string() && reply.get("refreshToken").is_none());
    let elsewhere = SignIn { deployment_id: Some(Uuid::nil()), without_pkce: true, ..SignIn::new("ada") };
    let grant = sandbox.sign_in(elsewhere);
    assert!(grant.code_verifier.is_none());
    exchange(&sandbox, &exchange_of(&grant)).await.assert_error(401, "bad.credentials");
}

#[tokio::test]
async fn a_jwt_opens_a_session_until_it_ends() {
    let sandbox = sandbox().await;
    let tokens = signed_in(&sandbox, "ada").await;
    let mut guest = Guest::connect(&sandbox).await;
    let answer = guest.configure_signed_in(&json!("other")).await;
    assert_eq!((kind(&answer), &answer["body"]), (("string", 401, None), &json!("User is unauthorized")));
    let answer = guest.configure_signed_in(&tokens["jwt"]).await;
    assert_eq!((kind(&answer), &answer["body"]["newSession"]), (("SessionResponse", 200, None), &json!(true)));
    assert_eq!(guest.say("hi").await["body"]["metadata"]["authenticated"], "true");
    assert_eq!(sandbox.sessions()[0].subject.as_deref(), Some("ada"));

    sandbox.expire_jwts(Some("ada"));
    let mut again = Guest::connect(&sandbox).await.with_token(&guest.token);
    assert_eq!(kind(&again.configure_signed_in(&tokens["jwt"]).await), ("string", 401, None));
    // The reference client sends the refresh token alone.
    let fresh = refresh(&sandbox, &json!({ "refreshToken": tokens["refreshToken"] })).await.json();
    assert_eq!(fresh.as_object().unwrap().keys().collect::<Vec<_>>(), ["jwt"], "no rotation");
    assert_eq!(again.configure_signed_in(&fresh["jwt"]).await["body"]["newSession"], false);
    let downgrade = again.configure().await;
    assert_eq!(kind(&downgrade), ("string", 4017, None));
}

#[tokio::test]
async fn a_jwt_is_for_its_deployment_and_its_subject() {
    let sandbox = sandbox().await;
    let jwt = signed_in(&sandbox, "ada").await["jwt"].clone();
    let query = format!("deploymentId={}", Uuid::nil());
    let mut elsewhere = Guest::try_connect(&sandbox, &query, &[]).await.unwrap();
    let frame = json!({ "deploymentId": Uuid::nil(), "data": { "code": jwt } });
    assert_eq!(kind(&elsewhere.ask("configureAuthenticatedSession", frame).await), ("string", 401, None));
    let mut ada = Guest::connect(&sandbox).await;
    ada.configure_signed_in(&jwt).await;
    let other = signed_in(&sandbox, "bo").await["jwt"].clone();
    let mut bo = Guest::connect(&sandbox).await.with_token(&ada.token);
    assert_eq!(kind(&bo.configure_signed_in(&other).await), ("string", 401, None));
}

#[tokio::test]
async fn refresh_tokens_are_known_or_refused() {
    let sandbox = sandbox().await;
    let token = signed_in(&sandbox, "ada").await["refreshToken"].clone();
    let body = json!({ "refreshToken": token, "deploymentId": DEPLOYMENT });
    assert_eq!(refresh(&sandbox, &body).await.status, 200);
    refresh(&sandbox, &json!({})).await.assert_error(400, "parameters.missing");
    refresh(&sandbox, &json!({ "refreshToken": "x" })).await.assert_error(401, "bad.credentials");
    let elsewhere = json!({ "refreshToken": token, "deploymentId": Uuid::nil() });
    refresh(&sandbox, &elsewhere).await.assert_error(401, "bad.credentials");
    sandbox.settings(|settings| settings.messaging.refresh_needs_deployment = true);
    refresh(&sandbox, &json!({ "refreshToken": token })).await.assert_error(400, "parameters.missing");
    sandbox.expire_refresh_tokens(None);
    refresh(&sandbox, &body).await.assert_error(401, "credentials.expired");
}

#[tokio::test]
async fn a_revocation_logs_every_connection_out() {
    let sandbox = sandbox().await;
    let tokens = signed_in(&sandbox, "ada").await;
    let mut first = Guest::connect(&sandbox).await;
    first.configure_signed_in(&tokens["jwt"]).await;
    let mut second = Guest::connect(&sandbox).await.with_token(&first.token);
    second.configure_signed_in(&tokens["jwt"]).await;
    let mut stranger = Guest::connect(&sandbox).await;

    sandbox.expire_jwts(None);
    revoke(&sandbox, &tokens["jwt"]).await.assert_error(400, "credentials.expired");
    sandbox.settings(|settings| settings.messaging.revoke_ended = RestRefusal::new(401, "credentials.expired"));
    revoke(&sandbox, &tokens["jwt"]).await.assert_error(401, "credentials.expired");
    let bo = signed_in(&sandbox, "bo").await["jwt"].clone();
    let jwt = refresh(&sandbox, &tokens).await.json()["jwt"].clone();
    let reply = revoke(&sandbox, &jwt).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    for guest in [&mut first, &mut second] {
        assert_eq!(kind(&guest.next().await), ("LogoutEvent", 200, None));
        assert_eq!(guest.close_code().await, Some(1000));
    }
    revoke(&sandbox, &jwt).await.assert_error(401, "bad.credentials");
    refresh(&sandbox, &tokens).await.assert_error(401, "bad.credentials");
    assert_eq!(kind(&stranger.configure_signed_in(&bo).await).1, 200, "nobody else is concerned");
}

#[tokio::test]
async fn a_step_up_keeps_the_session_under_an_old_or_a_new_token() {
    let sandbox = sandbox().await;
    for keeps_token in [true, false] {
        let subject = format!("ada-{keeps_token}");
        let sign_in = SignIn { first_name: Some("Ada".into()), ..SignIn::new(&subject) };
        let jwt = exchange(&sandbox, &exchange_of(&sandbox.sign_in(sign_in))).await.json()["jwt"].clone();
        let mut elsewhere = Guest::connect(&sandbox).await;
        assert_eq!(elsewhere.configure_signed_in(&jwt).await["body"]["clearedExistingSession"], false);

        let mut guest = Guest::configured(&sandbox).await;
        guest.say("anonymous").await;
        guest.next().await;
        if !keeps_token {
            guest.token = Uuid::new_v4().to_string();
        }
        let event = guest.configure_signed_in(&jwt).await;
        assert_eq!(kind(&event), ("StructuredMessage", 200, Some("SignIn")));
        assert_eq!(event["body"]["channel"]["from"]["firstName"], "Ada");
        let body = guest.next().await["body"].clone();
        assert_eq!((&body["newSession"], &body["clearedExistingSession"]), (&json!(false), &json!(true)));
        let closed = elsewhere.next().await;
        assert_eq!((kind(&closed).0, &closed["body"]), ("ConnectionClosedEvent", &json!({ "reason": "signedIn" })));
        assert_eq!(elsewhere.close_code().await, Some(1000));
        let session = sandbox.sessions().into_iter().find(|session| session.token == guest.token).unwrap();
        assert_eq!(session.messages[0]["text"], "anonymous");
        assert_eq!(guest.say("signed in").await["body"]["metadata"]["authenticated"], "true");
    }
}
