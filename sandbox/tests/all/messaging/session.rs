//! Sessions: configure, resume, begin anew, echo, close.

use sandbox::{Deployment, FrameKind, InBand, Sender};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::guest::{DEPLOYMENT, Guest, kind};
use crate::support::sandbox;

#[tokio::test]
async fn configures_and_resumes() {
    let sandbox = sandbox().await;
    let mut guest = Guest::connect(&sandbox).await;
    let answer = guest.configure().await;
    assert_eq!((answer["type"].as_str(), kind(&answer)), (Some("response"), ("SessionResponse", 200, None)));
    assert_eq!(answer["tracingId"], "configureSession");
    let body = &answer["body"];
    assert_eq!(
        (&body["connected"], &body["newSession"], &body["readOnly"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!((&body["maxCustomDataBytes"], &body["durationSeconds"]), (&json!(2048), &json!(259_200)));
    let left = body["expirationDate"].as_i64().unwrap() - now_s();
    assert!((259_190..=259_201).contains(&left), "{left}");

    let token = guest.token.clone();
    drop(guest);
    let mut again = Guest::connect(&sandbox).await.with_token(&token);
    assert_eq!(again.configure().await["body"]["newSession"], false);
    // Order, unknown members and a missing tracing id do not matter; startNew does.
    let text = format!(
        r#"{{ "x": [1], "startNew": true, "deploymentId": "{DEPLOYMENT}", "token": "{token}", "action": "configureSession" }}"#
    );
    again.write(Message::text(text)).await;
    let answer = again.next().await;
    assert_eq!((&answer["body"]["newSession"], answer.get("tracingId")), (&json!(true), None));
    assert_eq!(sandbox.sessions().len(), 1);
}

fn now_s() -> i64 {
    let passed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    passed.as_secs().cast_signed()
}

#[tokio::test]
async fn nothing_comes_before_a_configure() {
    let sandbox = sandbox().await;
    let mut guest = Guest::connect(&sandbox).await;
    for action in ["echo", "getJwt", "onMessage", "closeSession", "nonsense"] {
        let answer = guest.ask(action, json!({})).await;
        assert_eq!((kind(&answer), answer["tracingId"].as_str()), (("string", 400, None), Some(action)));
    }
    for text in ["", "[]", "{", "null", "{}", r#"{"action":7,"token":"t"}"#] {
        guest.write(Message::text(text)).await;
        assert_eq!(kind(&guest.next().await), ("string", 400, None), "{text}");
    }
    guest.write(Message::binary(b"\x00\xff".to_vec())).await;
    assert_eq!(kind(&guest.next().await), ("string", 400, None));
    let answer = guest.ask("configureSession", json!({ "deploymentId": Uuid::nil() })).await;
    assert_eq!(kind(&answer), ("string", 400, None), "another deployment than the socket's");
    let answer = guest.ask("configureSession", json!({ "token": "", "deploymentId": DEPLOYMENT })).await;
    assert_eq!(answer["body"]["errorCode"], 4020);
    assert_eq!(guest.configure().await["body"]["newSession"], true, "the connection stays");
}

#[tokio::test]
async fn answers_echo_and_get_jwt() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    let tracing = "SGVhbHRoQ2hlY2tNZXNzYWdlSWQ=";
    let echo = json!({ "tracingId": tracing, "message": { "text": "ping", "type": "Text" } });
    let answer = guest.ask("echo", echo).await;
    assert_eq!((answer["type"].as_str(), kind(&answer)), (Some("response"), ("StructuredMessage", 200, None)));
    assert_eq!((answer["tracingId"].as_str(), &answer["body"]["text"]), (Some(tracing), &json!("ping")));
    assert_eq!(answer["body"]["metadata"]["durationSeconds"], "259200");
    // There are clients that leave the token out here.
    guest.send(&json!({ "action": "echo", "message": { "type": "Text", "text": "ping" } })).await;
    assert_eq!(guest.next().await["body"]["text"], "ping");
    let third = guest.ask("echo", json!({})).await;
    assert_eq!((kind(&third), &third["body"]["errorCode"]), (("TooManyRequestsErrorMessage", 429, None), &json!(4029)));
    assert!(third["body"]["retryAfter"].as_u64().unwrap() <= 60);

    let answer = guest.ask("getJwt", json!({})).await;
    assert_eq!(kind(&answer), ("JwtResponse", 200, None));
    let left = answer["body"]["exp"].as_i64().unwrap() - now_s();
    assert!((55..=60).contains(&left) && answer["body"]["jwt"].as_str().unwrap().split('.').count() == 3);
}

#[tokio::test]
async fn a_connection_speaks_for_its_own_session() {
    let sandbox = sandbox().await;
    let other = Guest::configured(&sandbox).await;
    let mut guest = Guest::configured(&sandbox).await;
    let answer = guest.ask("getJwt", json!({ "token": other.token })).await;
    assert_eq!((kind(&answer), &answer["body"]), (("string", 4007, None), &json!("Session not found")));
    assert_eq!(guest.ask("getJwt", json!({ "token": null })).await["body"]["errorCode"], 4020);
    for action in ["onAttachment", "resumeToken"] {
        assert_eq!(guest.ask(action, json!({})).await["body"]["errorCode"], 4000);
    }
    assert_eq!(kind(&guest.ask("nonsense", json!({})).await), ("string", 400, None));
}

#[tokio::test]
async fn a_closed_session_begins_anew_only_when_asked() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    let mut other = Guest::connect(&sandbox).await.with_token(&guest.token);
    other.configure().await;
    let answer = guest.ask("closeSession", json!({ "closeAllConnections": true })).await;
    assert_eq!((&answer["body"]["connected"], &answer["body"]["readOnly"]), (&json!(false), &json!(true)));
    let event = other.next().await;
    assert_eq!((kind(&event), &event["body"]), (("ConnectionClosedEvent", 200, None), &json!({})));
    assert_eq!(other.close_code().await, Some(1000));
    assert_eq!(kind(&guest.say("hi").await), ("string", 409, None));
    assert_eq!(guest.configure().await["body"]["readOnly"], true);
    let anew = guest.ask("configureSession", json!({ "deploymentId": DEPLOYMENT, "startNew": true })).await;
    assert_eq!((&anew["body"]["newSession"], &anew["body"]["readOnly"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn deployments_with_a_sign_in_take_anonymous_guests_only_to_upgrade() {
    let sandbox = sandbox().await;
    let deployment = Deployment::new(Uuid::try_parse(DEPLOYMENT).unwrap());
    sandbox.deployment(deployment.clone().with_auth(false));
    let mut guest = Guest::connect(&sandbox).await;
    let answer = guest.configure().await;
    assert_eq!((kind(&answer), &answer["body"]), (("string", 401, None), &json!("User is unauthorized")));
    sandbox.settings(|settings| settings.messaging.anonymous = InBand::new(403, "no"));
    assert_eq!(kind(&guest.configure().await), ("string", 403, None));
    sandbox.deployment(deployment.with_auth(true));
    assert_eq!(guest.configure().await["body"]["newSession"], true);
}

#[tokio::test]
async fn a_token_belongs_to_its_deployment() {
    let sandbox = sandbox().await;
    let guest = Guest::configured(&sandbox).await;
    let query = format!("deploymentId={}", Uuid::nil());
    let mut other = Guest::try_connect(&sandbox, &query, &[]).await.unwrap().with_token(&guest.token);
    let answer = other.ask("configureSession", json!({ "deploymentId": Uuid::nil() })).await;
    assert_eq!(kind(&answer), ("string", 400, None));
    sandbox.settings(|settings| settings.messaging.uuid_tokens = true);
    let mut third = Guest::connect(&sandbox).await.with_token("no-uuid");
    assert_eq!(kind(&third.configure().await), ("string", 400, None));
}

#[tokio::test]
async fn remembers_the_frames_of_each_socket() {
    let sandbox = sandbox().await;
    let mut first = Guest::configured(&sandbox).await;
    let _second = Guest::configured(&sandbox).await;
    first.write(Message::Ping(Vec::new().into())).await;
    first.write(Message::Close(None)).await;
    first.read().await.unwrap();
    let frames = sandbox.frames_of(1);
    let seen: Vec<_> = frames.iter().map(|frame| (frame.from, frame.kind)).collect();
    let client = |kind| (Sender::Client, kind);
    let wanted =
        [client(FrameKind::Text), (Sender::Server, FrameKind::Text), client(FrameKind::Ping), client(FrameKind::Close)];
    assert_eq!(seen, wanted);
    assert_eq!(frames[0].json()["token"], first.token.as_str());
    assert_eq!((sandbox.frames_of(2).len(), sandbox.frames().len()), (2, 6));
    sandbox.clear_frames();
    assert!(sandbox.frames().is_empty());
}
