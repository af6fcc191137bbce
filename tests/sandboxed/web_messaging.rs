//! Genesys Cloud's own guest API, from Rust: one call from its first request to its last.

use genesys_guest_auth::Code;
use genesys_guest_auth::guest_options::SignIn;
use genesys_guest_auth::secret::Secret;
use genesys_guest_auth::validation::GuestRequest;
use sandbox::{CodeGrant, Deployment, Fault, FrameFault, IdTokenGrant, Route, Sender};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, authenticator, parsed, sandbox};

const DEPLOYMENT: &str = "6a1f0f5e-0000-4000-8000-000000000001";

fn guest(email: &str) -> genesys_guest_auth::validation::GuestRequestBuilder {
    GuestRequest::builder(email, DEPLOYMENT).consent(true)
}

fn anonymous(email: &str) -> GuestRequest {
    guest(email).build().expect("a valid request")
}

async fn stage(fields: Value) -> Stage {
    let sandbox = sandbox().await;
    let mut all = json!({"guestApi": "web-messaging", "analyticsWebhookUrl": sandbox.webhook_url()});
    let (Value::Object(whole), Value::Object(more)) = (&mut all, fields) else { unreachable!() };
    whole.extend(more);
    let auth = authenticator(&sandbox, all);
    Stage { sandbox, auth }
}

fn with_code(stage: &Stage, subject: &str) -> SignIn {
    let sign_in = sandbox::SignIn { subject: subject.into(), ..Default::default() };
    let CodeGrant { code, redirect_uri, code_verifier, .. } = stage.sandbox.sign_in(sign_in);
    SignIn::Code {
        code: Secret::new(code),
        redirect_uri,
        code_verifier: code_verifier.map(Secret::new),
        nonce: None,
        max_age: None,
        iss: None,
    }
}

async fn data(stage: &Stage, request: &GuestRequest) -> Value {
    parsed(stage.authenticate(request).await.expect("a guest").guest_data.expose())
}

/// Frames that guests have sent, by action.
fn sent(stage: &Stage, action: &str) -> Vec<Value> {
    let frames = stage.sandbox.frames();
    let guests = frames.iter().filter(|frame| frame.from == Sender::Client);
    guests
        .filter_map(|frame| serde_json::from_str::<Value>(&frame.text).ok())
        .filter(|frame| frame["action"] == action)
        .collect()
}

#[tokio::test]
async fn an_anonymous_guest_is_authenticated_and_its_token_is_nobody_elses() {
    let stage = stage(json!({"origin": "https://shop.example"})).await;
    let request = guest("ada@example.com").attribute("cart", json!([1])).build().unwrap();
    let outcome = stage.authenticate(&request).await.unwrap();
    stage.auth.flush().await;
    let guest = parsed(outcome.guest_data.expose());
    assert_eq!((&guest["guestId"], &guest["newSession"]), (&json!(outcome.guest_id), &json!(true)));
    assert_eq!(guest["customAttributes"], json!({"cart": "[1]"}));
    assert!(guest["expiresIn"].as_u64().unwrap() > 3600);
    let sessions = stage.sandbox.sessions();
    assert_eq!((sessions.len(), json!(sessions[0].token)), (1, guest["token"].clone()));
    // No access token is needed, and the secret one of the guest is shown to nobody.
    assert_eq!(stage.counts(Route::Token).total, 0);
    let event = &stage.sandbox.webhook_events()[0].body;
    let shown = [stage.auth.audit(&request, &outcome), event.clone(), format!("{:?}", stage.auth.metrics())].concat();
    assert!(shown.contains(&outcome.guest_id) && !shown.contains(guest["token"].as_str().unwrap()), "{shown}");
    assert_eq!(stage.refusal(&anonymous("Ada@example.com")).await, Code::DuplicateSession);
}

#[tokio::test]
async fn guests_sign_in_with_a_code_an_id_token_or_a_jwt() {
    let stage = stage(json!({})).await;
    stage.sandbox.deployment(Deployment::new(DEPLOYMENT.parse().unwrap()).with_auth(false));
    assert_eq!(stage.refusal(&anonymous("nobody@example.com")).await, Code::RefreshFailed);

    let code = with_code(&stage, "ada");
    let signed_in = data(&stage, &guest("ada@example.com").sign_in(code.clone()).build().unwrap()).await;
    assert_eq!((&signed_in["authenticated"], signed_in["jwtExpiresIn"].as_u64()), (&json!(true), Some(900)));
    let again = guest("ada2@example.com").sign_in(code).build().unwrap();
    assert_eq!(stage.refusal(&again).await, Code::OauthFailed);

    let refresh_token = Secret::new(signed_in["refreshToken"].as_str().unwrap());
    let fresh = stage.auth.rotate(refresh_token.clone()).await.unwrap();
    let by_jwt = data(&stage, &guest("grace@example.com").sign_in(SignIn::Jwt(fresh.clone())).build().unwrap()).await;
    assert_eq!((&by_jwt["authenticated"], &by_jwt["refreshToken"]), (&json!(true), &json!("")));

    let IdTokenGrant { id_token, nonce, .. } =
        stage.sandbox.sign_in_implicitly(sandbox::SignIn { subject: "eve".into(), ..Default::default() });
    let sign_in = SignIn::IdToken { id_token: Secret::new(id_token), nonce: Some(Secret::new(nonce)) };
    let by_token = data(&stage, &guest("eve@example.com").sign_in(sign_in).build().unwrap()).await;
    assert_eq!((&by_token["authenticated"], &by_token["refreshToken"]), (&json!(true), &json!("")));

    stage.auth.sign_out(fresh.clone(), None).await.unwrap();
    let revoked = guest("mallory@example.com").sign_in(SignIn::Jwt(fresh.clone())).build().unwrap();
    assert_eq!(stage.refusal(&revoked).await, Code::RefreshFailed);
    stage.auth.sign_out(fresh, Some(refresh_token)).await.unwrap();
}

#[tokio::test]
async fn a_jwt_that_the_socket_refuses_is_refreshed() {
    let stage = stage(json!({})).await;
    stage.sandbox.frame_fault(FrameFault::on("configureAuthenticatedSession").error(401, "User is unauthorized"));
    let request = guest("ada@example.com").sign_in(with_code(&stage, "ada")).build().unwrap();
    assert_eq!(data(&stage, &request).await["authenticated"], json!(true));
    assert_eq!((stage.counts(Route::Exchange).total, stage.counts(Route::JwtRefresh).total), (1, 1));
    let jwts: Vec<_> =
        sent(&stage, "configureAuthenticatedSession").iter().map(|frame| frame["data"]["code"].clone()).collect();
    assert!(jwts.len() == 2 && jwts[0] != jwts[1]);
}

#[tokio::test]
async fn a_guest_comes_back_with_its_token_and_signs_in() {
    let stage = stage(json!({})).await;
    let first = data(&stage, &anonymous("ada@example.com")).await;
    let token = Secret::new(first["token"].as_str().unwrap());
    let with_token = |token: &Secret| guest("ada@example.com").token(token.clone());
    let resumed = data(&stage, &with_token(&token).build().unwrap()).await;
    assert_eq!((&resumed["newSession"], &resumed["guestId"]), (&json!(false), &first["guestId"]));
    let stranger = with_token(&Secret::new(Uuid::new_v4().to_string())).build().unwrap();
    assert_eq!(stage.refusal(&stranger).await, Code::DuplicateSession);

    stage.sandbox.frame_fault(FrameFault::on("configureSession").error(403, "HTTP authorization error"));
    assert_eq!(stage.refusal(&with_token(&token).build().unwrap()).await, Code::Forbidden);
    assert_eq!(stage.refusal(&anonymous("ada@example.com")).await, Code::DuplicateSession);

    let signed_in = with_token(&token).sign_in(with_code(&stage, "ada")).build().unwrap();
    assert_eq!(data(&stage, &signed_in).await["authenticated"], json!(true));
    assert_eq!(stage.refusal(&with_token(&token).build().unwrap()).await, Code::Conflict);
}

#[tokio::test]
async fn a_deployment_is_checked_before_and_its_domains_at_the_door() {
    let stage = stage(json!({"preflightChannel": true, "origin": "https://evil.example"})).await;
    assert_eq!(data(&stage, &anonymous("open@example.com")).await["newSession"], json!(true));
    let other = |number: u32| format!("6a1f0f5e-0000-4000-8000-00000000000{number}");
    let deployment = |number: u32| Deployment::new(other(number).parse().unwrap());
    stage.sandbox.deployment(deployment(2).with_domains(["shop.example"]));
    stage.sandbox.deployment(deployment(3).with_auth(false));
    stage.sandbox.deployment(Deployment { status: "Inactive".into(), ..deployment(4) });
    for (number, code) in [
        (2, Code::Forbidden),
        (3, Code::ChannelUnavailable),
        (4, Code::ChannelUnavailable),
        (5, Code::ChannelUnavailable),
    ] {
        let request = GuestRequest::builder("ada@example.com", &other(number)).consent(true).build().unwrap();
        let failed = stage.authenticate(&request).await.unwrap_err();
        assert_eq!(failed.error.code(), code, "{number}");
        assert_eq!(failed.error.details().hint.is_some(), number < 4, "{:?}", failed.error);
    }
    assert_eq!(stage.sandbox.sessions().len(), 1);
}

#[tokio::test]
async fn a_conversation_starts_with_what_the_contact_says() {
    let stage = stage(json!({"startConversation": true, "contacts": {"tier": "level"}})).await;
    stage.sandbox.set_contact(
        "ada@example.com",
        json!({"firstName": "Ada", "lastName": "Example", "customFields": {"level": "gold"}}),
    );
    let request = anonymous("ada@example.com");
    let outcome = stage.authenticate(&request).await.unwrap();
    let audit = parsed(&stage.auth.audit(&request, &outcome));
    let event = parsed(&stage.auth.analytics(&request, &outcome));
    assert_eq!((&audit["enrichment"], &event["crmTier"]), (&json!("applied"), &json!("gold")));
    let join = &sent(&stage, "onMessage")[0]["message"]["channel"]["metadata"]["customAttributes"];
    assert_eq!(
        (&join["tier"], &join["name"], &join["authMethod"]),
        (&json!("gold"), &json!("Ada Example"), &json!("guest-api"))
    );
    let login = &stage.sandbox.log_of(Route::Token)[0];
    assert!(login.header("authorization").unwrap().starts_with("Basic "));
    assert_eq!(login.body, "grant_type=client_credentials");
}

#[tokio::test]
async fn every_answer_to_a_contact_lookup_means_what_it_says() {
    let error = |code: &str| json!({"message": "m", "code": code, "status": 0}).to_string();
    for (status, code, requests, enrichment) in [
        (401, "bad.credentials", 2, "deferred"),
        (400, "bad.request", 1, "unavailable"),
        (403, "missing.permissions", 1, "unavailable"),
        (404, "not.found", 1, "skipped"),
        (409, "identifier.entity.missing", 1, "skipped"),
        (409, "request.conflict", 2, "deferred"),
        (422, "validation.failed", 1, "skipped"),
        (429, "too.many.requests", 2, "deferred"),
        (500, "internal.server.error", 2, "deferred"),
    ] {
        let stage = stage(json!({"contacts": true})).await;
        stage.sandbox.set_contact("ada@example.com", json!({"firstName": "Ada"}));
        stage.sandbox.fault(Fault::on(Route::ContactLookup).status(status).body(error(code)));
        let request = anonymous("ada@example.com");
        let outcome = stage.authenticate(&request).await.unwrap();
        let audit = parsed(&stage.auth.audit(&request, &outcome));
        assert_eq!(
            (&audit["enrichment"], stage.counts(Route::ContactLookup).total),
            (&json!(enrichment), requests),
            "{status} {code}"
        );
    }
}

#[tokio::test]
async fn a_contact_that_was_merged_is_followed_to_the_live_one() {
    let stage = stage(json!({"contacts": true})).await;
    stage.sandbox.set_contact("live", json!({"id": "c-2", "customFields": {"tier": "silver"}}));
    stage.sandbox.set_contact("ada@example.com", json!({"id": "c-1", "mergedTo": {"id": "c-2"}}));
    let guest = data(&stage, &anonymous("ada@example.com")).await;
    let attributes = &guest["customAttributes"];
    assert_eq!((&attributes["customerId"], &attributes["tier"]), (&json!("c-2"), &json!("silver")));
}

#[tokio::test]
async fn what_belongs_to_web_messaging_alone_is_refused_elsewhere() {
    let stage = Stage::set(json!({})).await;
    let with_token = guest("ada@example.com").token(Secret::new("t")).build().unwrap();
    assert_eq!(stage.refusal(&with_token).await, Code::ConfigInvalid);
    let sign_in = guest("ada@example.com").sign_in(SignIn::Jwt(Secret::new("j"))).build().unwrap();
    assert_eq!(stage.refusal(&sign_in).await, Code::ConfigInvalid);
    let error = stage.auth.sign_out(Secret::new("j"), None).await.unwrap_err();
    assert_eq!(
        (error.code(), error.details().message.as_str()),
        (Code::ConfigInvalid, "signOut needs guestApi: 'web-messaging'")
    );
}
