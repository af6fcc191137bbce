//! `POST /oauth/token`.

use sandbox::{Options, Reported, Route, Sandbox, Settings};
use serde_json::json;

use crate::support::{Call, FORM, Reply, create, form, sandbox, sign_in};

async fn token(sandbox: &Sandbox, body: &str) -> Reply {
    Call::new("POST", "/oauth/token").body(FORM, &body).send(sandbox).await.unwrap()
}

fn assert_refused(reply: &Reply, status: u16, error: &str, description: &str) {
    let expected = json!({ "error": error, "description": description, "error_description": description });
    assert_eq!((reply.status, reply.json()), (status, expected));
    assert!(reply.header("inin-correlation-id").is_some());
}

#[tokio::test]
async fn issues_a_token_for_any_credentials() {
    let sandbox = sandbox().await;
    let reply = token(&sandbox, &form("any", "thing")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let body = reply.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(86_400)));
    let tokens = sandbox.tokens();
    assert_eq!(tokens[0].token, body["access_token"].as_str().unwrap());
    assert_eq!((tokens[0].client_id.as_str(), tokens[0].scope.as_str()), ("any", "guest:write guest:read"));
}

#[tokio::test]
async fn refuses_other_credentials_than_the_pinned_ones() {
    let mut options = Options::default();
    options.settings.client_id = Some("me".into());
    options.settings.client_secret = Some("s+/ %".into());
    let sandbox = Sandbox::start(options).await.unwrap();
    assert_eq!(token(&sandbox, &form("me", "s%2B%2F+%25")).await.status, 200);
    assert_refused(&token(&sandbox, &form("me", "no")).await, 401, "invalid_client", "authentication failed");
    assert_refused(&token(&sandbox, &form("you", "no")).await, 401, "invalid_client", "client not found");
}

#[tokio::test]
async fn takes_basic_authentication_as_the_official_sdks_send_it() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.client_secret = Some("s:t".into()));
    let basic = |encoded: &str| {
        let call = Call::new("POST", "/oauth/token").header("authorization", format!("Basic {encoded}"));
        call.body(FORM, &"grant_type=client_credentials")
    };
    assert_eq!(basic("bWU6czp0").send(&sandbox).await.unwrap().status, 200);
    let wrong = basic("bWU6bm8=").send(&sandbox).await.unwrap();
    assert_refused(&wrong, 401, "invalid_client", "authentication failed");
    assert_eq!(basic("!").send(&sandbox).await.unwrap().status, 401);
}

#[tokio::test]
async fn names_what_is_missing() {
    let sandbox = sandbox().await;
    let whole = form("a", "b");
    for field in ["grant_type", "client_id", "client_secret", "scope"] {
        let pairs: Vec<_> = whole.split('&').filter(|pair| !pair.starts_with(&format!("{field}="))).collect();
        let reply = token(&sandbox, &pairs.join("&")).await;
        assert_refused(&reply, 400, "invalid_request", &format!("{field} is missing"));
    }
    let reply = token(&sandbox, &whole.replace("client_credentials", "password")).await;
    assert_refused(&reply, 400, "unsupported_grant_type", "the grant type password is not supported");
    let reply = Call::new("POST", "/oauth/token").json("{}").send(&sandbox).await.unwrap();
    assert_eq!((reply.status, reply.json()["error"].as_str()), (415, Some("invalid_request")));
}

#[tokio::test]
async fn lifetimes_can_be_short_odd_or_left_out() {
    let settings = Settings { token_lifetime: 0.05, ..Settings::default() };
    let sandbox = Sandbox::start(Options { settings, ..Options::default() }).await.unwrap();
    let short = sign_in(&sandbox).await;
    while sandbox.tokens()[0].expires_in_ms > 0 {
        tokio::task::yield_now().await;
    }
    let reply = create(&short, "a@b.example").send(&sandbox).await.unwrap();
    reply.assert_error(401, "credentials.expired");

    for odd in ["null", "\"abc\"", "0"] {
        sandbox.settings(|settings| settings.reported_token_lifetime = Reported::Json(odd.into()));
        let body = token(&sandbox, &form("a", "b")).await.body;
        assert!(body.ends_with(&format!(",\"expires_in\":{odd}}}")), "{body}");
    }
    sandbox.settings(|settings| settings.reported_token_lifetime = Reported::Omitted);
    assert!(token(&sandbox, &form("a", "b")).await.json().get("expires_in").is_none());
}

#[tokio::test]
async fn revoked_tokens_are_refused() {
    let sandbox = sandbox().await;
    let (first, second) = (sign_in(&sandbox).await, sign_in(&sandbox).await);
    sandbox.revoke_tokens(Some(&first));
    create(&first, "a@b.example").send(&sandbox).await.unwrap().assert_error(401, "bad.credentials");
    assert_eq!(create(&second, "a@b.example").send(&sandbox).await.unwrap().status, 200);
    sandbox.revoke_tokens(None);
    create(&second, "c@b.example").send(&sandbox).await.unwrap().assert_error(401, "bad.credentials");
    assert_eq!(sandbox.counts().route(Route::Create).status(401), 2);
}
