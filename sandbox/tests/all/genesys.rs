//! Guests and channels.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sandbox::{Options, Reported, Sandbox, Settings};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Call, GUESTS, Reply, create, sandbox, sign_in};

/// The signature that a token should have.
fn signature(key: &str, token: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(token.as_bytes());
    mac.finalize().into_bytes().iter().take(8).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[track_caller]
fn assert_signed(token: &Value, key: &str) {
    let (body, found) = token.as_str().unwrap().rsplit_once('.').unwrap();
    assert!(body.contains('.'), "the last dot must matter: {body}");
    assert_eq!(found, signature(key, body));
}

async fn refresh(sandbox: &Sandbox, bearer: &str, token: &Value) -> Reply {
    let body = json!({ "refreshToken": token });
    Call::new("POST", format!("{GUESTS}/refresh")).bearer(bearer).json(&body).send(sandbox).await.unwrap()
}

async fn put(sandbox: &Sandbox, bearer: &str, id: &str, body: &str) -> Reply {
    Call::new("PUT", format!("{GUESTS}/{id}")).bearer(bearer).json(&body).send(sandbox).await.unwrap()
}

#[tokio::test]
async fn creates_a_guest() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let reply = create(&bearer, "Ada@Example.org").send(&sandbox).await.unwrap();
    assert_eq!(reply.status, 200);
    let guest = reply.json();
    assert_signed(&guest["token"], &format!("{}-guest-signing-key", sandbox.url()));
    assert_eq!(guest["email"], "Ada@Example.org");
    assert_eq!(
        (&guest["consent"], &guest["channelId"], &guest["expiresIn"]),
        (&json!(true), &json!("web"), &json!(3600))
    );
    assert_eq!(guest["createdDate"].as_str().map(str::len), Some(24));
    assert_eq!((&guest["routing"], &guest["deployment"]["features"][1]["deep"]), (&Value::Null, &json!(true)));
    let guests = sandbox.guests();
    assert_eq!(guests[0].guest_id, guest["guestId"].as_str().unwrap());
    assert_eq!(guests[0].attributes.as_ref().unwrap().get(), r#"{"plan":"pro"}"#);
}

#[tokio::test]
async fn signs_under_the_configured_key() {
    let settings = Settings { environment: Some("acme".into()), ..Settings::default() };
    let sandbox = Sandbox::start(Options { settings, ..Options::default() }).await.unwrap();
    let bearer = sign_in(&sandbox).await;
    let guest = create(&bearer, "a@b.example").send(&sandbox).await.unwrap().json();
    assert_signed(&guest["token"], "acme-guest-signing-key");
    sandbox.settings(|settings| settings.signing_key = Some("k".into()));
    assert_signed(&refresh(&sandbox, &bearer, &guest["refreshToken"]).await.json()["token"], "k");
}

#[tokio::test]
async fn a_second_live_guest_for_a_person_and_channel_conflicts() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let first = create(&bearer, "ada@example.org").send(&sandbox).await.unwrap().json();
    create(&bearer, "ADA@example.org").send(&sandbox).await.unwrap().assert_error(409, "request.conflict");
    assert_eq!(create(&bearer, "bob@example.org").send(&sandbox).await.unwrap().status, 200);

    sandbox.end_guests(first["guestId"].as_str());
    assert_eq!(create(&bearer, "ADA@example.org").send(&sandbox).await.unwrap().status, 200);
    sandbox.settings(|settings| settings.conflicts = false);
    assert_eq!(create(&bearer, "ada@example.org").send(&sandbox).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_expired_guest_makes_room() {
    let settings =
        Settings { expires_in: 0.05, reported_expires_in: Reported::Json("7".into()), ..Settings::default() };
    let sandbox = Sandbox::start(Options { settings, ..Options::default() }).await.unwrap();
    let bearer = sign_in(&sandbox).await;
    let first = create(&bearer, "a@b.example").send(&sandbox).await.unwrap().json();
    assert_eq!(first["expiresIn"], 7);
    while !sandbox.guests().is_empty() {
        tokio::task::yield_now().await;
    }
    put(&sandbox, &bearer, first["guestId"].as_str().unwrap(), r#"{"attributes":{}}"#)
        .await
        .assert_error(404, "not.found");
    refresh(&sandbox, &bearer, &first["refreshToken"]).await.assert_error(404, "not.found");
    assert_eq!(create(&bearer, "a@b.example").send(&sandbox).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let guest = create(&bearer, "a@b.example").send(&sandbox).await.unwrap().json();
    let fresh = refresh(&sandbox, &bearer, &guest["refreshToken"]).await.json();
    assert_ne!(fresh["token"], guest["token"]);
    assert_ne!(fresh["refreshToken"], guest["refreshToken"]);
    assert_eq!(fresh["expiresIn"], 3600);
    refresh(&sandbox, &bearer, &guest["refreshToken"]).await.assert_error(409, "request.conflict");
    assert_eq!(refresh(&sandbox, &bearer, &fresh["refreshToken"]).await.status, 200);
    refresh(&sandbox, &bearer, &json!("nonsense")).await.assert_error(404, "not.found");
    let mut forged = guest["refreshToken"].as_str().unwrap().to_owned();
    forged.replace_range(forged.len() - 8.., "0000000f");
    refresh(&sandbox, &bearer, &json!(forged)).await.assert_error(404, "not.found");
    refresh(&sandbox, &bearer, &Value::Null).await.assert_error(400, "parameters.missing");
    refresh(&sandbox, &bearer, &json!(5)).await.assert_error(400, "constraint.validation");
}

#[tokio::test]
async fn puts_attributes() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let guest = create(&bearer, "a@b.example").send(&sandbox).await.unwrap().json();
    let id = guest["guestId"].as_str().unwrap();
    let raw = r#"{"big":12345678901234567890,"a":1,"a":-0}"#;
    let reply = put(&sandbox, &bearer, id, &format!(r#"{{"attributes":{raw}}}"#)).await;
    assert_eq!((reply.status, &reply.json()["version"]), (200, &json!(1)));
    let known = &sandbox.guests()[0];
    assert_eq!((known.attributes.as_ref().unwrap().get(), known.updates), (raw, 1));

    let unknown = "00000000-0000-4000-8000-000000000000";
    put(&sandbox, &bearer, unknown, r#"{"attributes":{}}"#).await.assert_error(404, "not.found");
    put(&sandbox, &bearer, "a%2Fb", r#"{"attributes":{}}"#).await.assert_error(404, "not.found");
    put(&sandbox, &bearer, id, "{}").await.assert_error(400, "parameters.missing");
    put(&sandbox, &bearer, id, r#"{"attributes":[]}"#).await.assert_error(400, "constraint.validation");
}

#[tokio::test]
async fn names_the_field_that_is_wrong() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let cases = [
        (r#"{"consent":true,"channelId":"c"}"#, "parameters.missing", "email"),
        (r#"{"email":"a@b","channelId":"c"}"#, "parameters.missing", "consent"),
        (r#"{"email":"a@b","consent":true,"channelId":null}"#, "parameters.missing", "channelId"),
        (r#"{"email":"ab","consent":true,"channelId":"c"}"#, "constraint.validation", "email"),
        (r#"{"email":"a@b","consent":"true","channelId":"c"}"#, "constraint.validation", "consent"),
        (r#"{"email":"a@b","consent":true,"channelId":""}"#, "constraint.validation", "channelId"),
        (r#"{"email":"a@b","consent":true,"channelId":"c","attributes":3}"#, "constraint.validation", "attributes"),
    ];
    for (body, code, field) in cases {
        let reply = Call::new("POST", GUESTS).bearer(&bearer).json(&body).send(&sandbox).await.unwrap();
        reply.assert_error(400, code);
        assert_eq!(reply.json()["details"][0], json!({ "errorCode": code, "fieldName": field }));
    }
    for body in ["", "[]", "{", "{\"email\":1,\"email\":2}"] {
        let reply = Call::new("POST", GUESTS).bearer(&bearer).json(&body).send(&sandbox).await.unwrap();
        reply.assert_error(400, "bad.request");
    }
    assert!(sandbox.guests().is_empty());
}

#[tokio::test]
async fn answers_strings_as_they_came_and_adds_what_it_is_told() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    sandbox.settings(|settings| {
        settings.answer_extra = Some(r#"{"__proto__":{"x":1},"n":9007199254740993,"n":-0}"#.into());
    });
    let body = r#"{"email":"\u0061@b.example","consent":true,"channelId":"\ud83d","name":"\ud83d"}"#;
    let reply = Call::new("POST", GUESTS).bearer(&bearer).json(&body).send(&sandbox).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains(r#""email":"\u0061@b.example""#) && reply.body.contains(r#""name":"\ud83d""#));
    assert!(reply.body.ends_with(r#","__proto__":{"x":1},"n":9007199254740993,"n":-0}"#), "{}", reply.body);
    assert_eq!(sandbox.guests()[0].email, "a@b.example");
}

#[tokio::test]
async fn channels_are_what_their_names_say() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let get = async |id: &str| {
        let path = format!("/api/v2/journey/actions/channels/{id}");
        Call::new("GET", path).bearer(&bearer).send(&sandbox).await.unwrap()
    };
    let active = get("web%20%2F%C3%A9").await.json();
    assert_eq!(
        (&active["id"], &active["status"], &active["enabled"]),
        (&json!("web /é"), &json!("active"), &json!(true))
    );
    let disabled = get("disabled-1").await.json();
    assert_eq!((&disabled["status"], &disabled["enabled"]), (&json!("disabled"), &json!(false)));
    get("unknown").await.assert_error(404, "not.found");

    let body = json!({ "email": "a@b.example", "consent": true, "channelId": "disabled-1" });
    let reply = Call::new("POST", GUESTS).bearer(&bearer).json(&body).send(&sandbox).await.unwrap();
    reply.assert_error(403, "not.authorized");
}
