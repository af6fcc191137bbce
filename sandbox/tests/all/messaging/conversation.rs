//! Conversations: texts, events, history, limits.

use sandbox::{AttributeCount, ClosedMember, Deployment, Disconnect, RateShape, Sandbox};
use serde_json::{Value, json};
use uuid::Uuid;

use super::guest::{DEPLOYMENT, Guest, kind, signed_in};
use crate::support::{Call, Reply, sandbox};

fn attributes(value: &Value) -> Value {
    json!({ "metadata": { "customAttributes": value } })
}

async fn history(sandbox: &Sandbox, jwt: &Value, query: &str) -> Reply {
    let path = format!("/api/v2/webmessaging/messages?{query}");
    Call::new("GET", path).bearer(jwt.as_str().unwrap()).send(sandbox).await.unwrap()
}

#[tokio::test]
async fn a_text_is_echoed_and_answered() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    let mut tablet = Guest::connect(&sandbox).await.with_token(&guest.token);
    tablet.configure().await;
    let message = json!({ "type": "Text", "text": "hi", "metadata": { "customMessageId": "M" } });
    let echo = guest.ask("onMessage", json!({ "message": message })).await;
    assert_eq!((echo["type"].as_str(), kind(&echo)), (Some("message"), ("StructuredMessage", 200, None)));
    let body = &echo["body"];
    assert_eq!(
        (&echo["tracingId"], &body["direction"], &body["text"]),
        (&json!("onMessage"), &json!("Inbound"), &json!("hi"))
    );
    assert_eq!((&body["metadata"]["customMessageId"], body["id"].as_str().unwrap().len()), (&json!("M"), 32));
    assert!(body["channel"]["time"].as_str().unwrap().ends_with('Z') && body["channel"]["messageId"].is_string());
    let reply = guest.next().await;
    assert_eq!((&reply["body"]["text"], &reply["body"]["direction"]), (&json!("You said: hi"), &json!("Outbound")));
    assert_eq!((reply.get("tracingId"), &reply["body"]["originatingEntity"]), (None, &json!("Bot")));
    let elsewhere = tablet.next().await;
    assert_eq!((elsewhere.get("tracingId"), &elsewhere["body"]), (None, body));
    sandbox.settings(|settings| settings.messaging.auto_reply = None);
    sandbox.say(None, "Somebody is here");
    assert_eq!(guest.next().await["body"]["originatingEntity"], "Human");
    // A message without a type, as the Messenger sends attachments.
    let content = json!([{ "contentType": "Attachment", "attachment": { "id": "A" } }]);
    assert_eq!(guest.ask("onMessage", json!({ "message": { "content": content } })).await["body"]["content"], content);
    assert_eq!(guest.ask("onMessage", json!({ "message": { "type": "Text" } })).await["body"]["errorCode"], 4020);
}

#[tokio::test]
async fn a_join_is_welcomed_once() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    assert_eq!(kind(&guest.presence("Join").await), ("StructuredMessage", 200, Some("Join")));
    assert!(guest.next().await["body"]["text"].as_str().unwrap().starts_with("Welcome"));
    assert_eq!(guest.configure().await["body"]["autoStarted"], true);
    assert_eq!(kind(&guest.presence("Join").await).2, Some("Join"));
    let typing = json!({ "type": "Event", "events": [{ "eventType": "Typing", "typing": { "type": "On" } }] });
    guest.act("onMessage", json!({ "message": typing })).await;
    assert_eq!(guest.configure().await["class"], "SessionResponse", "neither a second welcome nor an answer to typing");
    assert!(sandbox.sessions()[0].conversation_id.is_some());
}

#[tokio::test]
async fn attributes_are_taken_inside_and_beside_the_message() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.messaging.auto_reply = None);
    let mut guest = Guest::configured(&sandbox).await;
    let inside =
        json!({ "message": { "type": "Text", "text": "a", "channel": attributes(&json!({ "tier": "gold" })) } });
    assert_eq!(kind(&guest.ask("onMessage", inside).await).1, 200);
    assert_eq!(sandbox.sessions()[0].custom_attributes, Some(json!({ "tier": "gold" })));
    let beside = |value: &str| json!({ "message": { "type": "Text", "text": "a" }, "channel": attributes(&json!({ "é": value })) });
    assert_eq!(kind(&guest.ask("onMessage", beside(&"x".repeat(2046))).await).1, 200);
    let long = guest.ask("onMessage", beside(&"x".repeat(2047))).await;
    let text = "Custom Attributes in channel metadata is larger than 2048 bytes";
    assert_eq!((kind(&long), &long["body"]), (("string", 4013, None), &json!(text)));
    sandbox.settings(|settings| settings.messaging.attribute_count = AttributeCount::Json);
    assert_eq!(kind(&guest.ask("onMessage", beside(&"x".repeat(2046))).await).1, 4013);
    let number = json!({ "message": { "text": "a" }, "channel": attributes(&json!({ "n": 1 })) });
    assert_eq!(kind(&guest.ask("onMessage", number).await).1, 400, "attributes are texts");
}

#[tokio::test]
async fn texts_and_rates_are_bounded() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.messaging.auto_reply = None);
    let mut guest = Guest::configured(&sandbox).await;
    let long = guest.say(&"x".repeat(5000)).await;
    assert_eq!((kind(&long).1, &long["body"]), (4011, &json!("Message length 5000 is larger than 4096")));
    assert_eq!(kind(&guest.say(&"x".repeat(4096)).await).1, 200);
    // Nothing that is sent comes in parts: what is escaped may be six times as long.
    assert_eq!(guest.say(&"\u{1}".repeat(4096)).await["body"], "The message is too large");
    sandbox.settings(|settings| settings.messaging.limits.messages_per_second = Some(0));
    assert_eq!(kind(&guest.say("hi").await), ("TooManyRequestsErrorMessage", 429, None));
    sandbox.settings(|settings| settings.messaging.limits.requests_per_minute = Some(1));
    let mut busy = Guest::configured(&sandbox).await;
    assert_eq!(kind(&busy.ask("getJwt", json!({})).await), ("TooManyRequestsErrorMessage", 429, None));

    sandbox.settings(|settings| {
        settings.messaging.limits.requests_per_minute = None;
        settings.messaging.limits.configures_per_minute = Some(1);
    });
    let mut eager = Guest::configured(&sandbox).await;
    assert_eq!(eager.configure().await["body"]["newSession"], false);
    assert_eq!(kind(&eager.configure().await), ("TooManyRequestsErrorMessage", 429, None));
    sandbox.settings(|settings| settings.messaging.configure_rate = RateShape::Error);
    assert_eq!(eager.configure().await["body"]["errorCode"], 4029);
    sandbox.settings(|settings| settings.messaging.configure_rate = RateShape::Text);
    assert_eq!(kind(&eager.configure().await), ("string", 429, None));
}

#[tokio::test]
async fn the_fourth_connection_closes_the_first() {
    let sandbox = sandbox().await;
    let mut first = Guest::configured(&sandbox).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut other = Guest::connect(&sandbox).await.with_token(&first.token);
        assert_eq!(other.configure().await["body"]["newSession"], false);
        others.push(other);
    }
    let event = first.next().await;
    assert_eq!((kind(&event).0, &event["body"]), ("ConnectionClosedEvent", &json!({})));
    assert_eq!(first.close_code().await, Some(1000));
    assert_eq!(sandbox.sessions()[0].sockets.len(), 3);
}

#[tokio::test]
async fn a_cleared_conversation_is_forgotten() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    guest.presence("Join").await;
    guest.next().await;
    sandbox.settings(|settings| settings.messaging.close_code = None);
    assert_eq!(kind(&guest.presence("Clear").await).2, Some("Clear"));
    assert_eq!(kind(&guest.next().await).0, "SessionClearedEvent");
    assert_eq!(kind(&guest.next().await).0, "ConnectionClosedEvent");
    // Without a close code it is the client that closes.
    assert_eq!(guest.configure().await["body"]["newSession"], true);
    let deployment = Deployment { clear: false, ..Deployment::new(Uuid::try_parse(DEPLOYMENT).unwrap()) };
    sandbox.deployment(deployment);
    let refused = guest.presence("Clear").await;
    assert_eq!(
        (kind(&refused).1, &refused["body"]),
        (403, &json!("Presence events Conversation Clear are not supported"))
    );
}

#[tokio::test]
async fn the_end_of_a_conversation_is_the_deployments_to_say() {
    let sandbox = sandbox().await;
    for disconnect in [Disconnect::Send, Disconnect::ReadOnly] {
        let read_only = disconnect == Disconnect::ReadOnly;
        sandbox.deployment(Deployment { disconnect, ..Deployment::new(Uuid::try_parse(DEPLOYMENT).unwrap()) });
        let mut guest = Guest::configured(&sandbox).await;
        sandbox.disconnect(Some(&guest.token));
        let event = guest.next().await;
        assert_eq!(kind(&event).2, Some("Disconnect"));
        assert_eq!(event["body"]["metadata"]["readOnly"] == "true", read_only);
        assert_eq!(kind(&guest.say("hi").await).1, if read_only { 409 } else { 200 });
    }
    sandbox.expire_sessions(None);
    let token = sandbox.sessions()[1].token.clone();
    let mut late = Guest::connect(&sandbox).await.with_token(&token);
    assert_eq!(late.configure().await["body"]["readOnly"], true, "until it begins anew");
}

#[tokio::test]
async fn an_expired_session_says_so_and_begins_anew() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    sandbox.expire_sessions(Some(&guest.token));
    let push = guest.next().await;
    assert_eq!((push["type"].as_str(), kind(&push)), (Some("message"), ("SessionExpiredEvent", 200, None)));
    let answer = guest.ask("echo", json!({})).await;
    assert_eq!((answer["type"].as_str(), kind(&answer).0), (Some("response"), "SessionExpiredEvent"));
    assert_eq!(guest.configure().await["body"]["newSession"], true);
    sandbox.settings(|settings| settings.messaging.session_seconds = 0.05);
    let mut brief = Guest::configured(&sandbox).await;
    assert_eq!(kind(&brief.next().await).0, "SessionExpiredEvent", "by its own time");
}

#[tokio::test]
async fn the_history_is_there_for_the_jwt_of_the_session() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    for text in ["one", "two"] {
        guest.say(text).await;
        guest.next().await;
    }
    let jwt = guest.ask("getJwt", json!({})).await["body"]["jwt"].clone();
    let page = history(&sandbox, &jwt, "pageNumber=1&pageSize=3").await.json();
    assert_eq!((&page["total"], &page["pageCount"], &page["pageSize"]), (&json!(4), &json!(2), &json!(3)));
    let texts = |page: &Value| -> Vec<String> {
        page["entities"].as_array().unwrap().iter().map(|entity| entity["text"].as_str().unwrap().into()).collect()
    };
    assert_eq!(texts(&page), ["You said: two", "two", "You said: one"]);
    assert_eq!(texts(&history(&sandbox, &jwt, "pageNumber=2&pageSize=3").await.json()), ["one"]);
    history(&sandbox, &json!("other"), "").await.assert_error(401, "bad.credentials");
    Call::new("GET", "/api/v2/webmessaging/messages")
        .send(&sandbox)
        .await
        .unwrap()
        .assert_error(401, "authentication.required");
    let refused = guest.configure_signed_in(&jwt).await;
    assert_eq!(kind(&refused).1, 401, "it serves the history alone");

    sandbox.settings(|settings| settings.messaging.limits.histories_per_minute = Some(2));
    let over = history(&sandbox, &jwt, "").await;
    over.assert_error(429, "too.many.requests.retry.after");
    assert_eq!((over.header("inin-ratelimit-allowed"), over.header("retry-after").is_some()), (Some("2"), true));
    assert_eq!(over.json()["limit"]["namespace"], "web.messaging");
    sandbox.expire_sessions(None);
    history(&sandbox, &jwt, "").await.assert_error(404, "session.expired");
    sandbox.expire_jwts(None);
    history(&sandbox, &jwt, "").await.assert_error(401, "credentials.expired");
    let ada = signed_in(&sandbox, "ada").await;
    history(&sandbox, &ada["jwt"], "").await.assert_error(401, "bad.credentials");
}

#[tokio::test]
async fn connections_may_have_limits_of_their_own() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.messaging.idle_seconds = Some(0.05));
    assert_eq!(Guest::configured(&sandbox).await.close_code().await, Some(1001));
    sandbox.settings(|settings| {
        settings.messaging.idle_seconds = None;
        settings.messaging.max_age_seconds = Some(0.05);
    });
    assert_eq!(Guest::configured(&sandbox).await.close_code().await, Some(1001));
    sandbox.settings(|settings| {
        settings.messaging.max_age_seconds = None;
        settings.messaging.max_frame_bytes = Some(300);
        settings.messaging.ping_seconds = Some(0.01);
    });
    let mut guest = Guest::configured(&sandbox).await;
    while sandbox.frames().iter().filter(|frame| frame.kind == sandbox::FrameKind::Pong).count() < 2 {
        // The client answers pings while it reads.
        tokio::select! { frame = guest.read() => panic!("{frame:?}"), () = tokio::task::yield_now() => {} }
    }
    guest.act("onMessage", json!({ "message": { "text": "x".repeat(300) } })).await;
    assert_eq!(guest.close_code().await, Some(1009));
}

#[tokio::test]
async fn says_why_under_the_name_that_a_client_reads() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.messaging.closed_member = ClosedMember::ReasonCode);
    let jwt = signed_in(&sandbox, "ada").await["jwt"].clone();
    let mut first = Guest::connect(&sandbox).await;
    first.configure_signed_in(&jwt).await;
    let mut second = Guest::connect(&sandbox).await;
    assert_eq!(second.configure_signed_in(&jwt).await["body"]["clearedExistingSession"], true);
    assert_eq!(first.next().await["body"], json!({ "reasonCode": "signedIn" }));
}
