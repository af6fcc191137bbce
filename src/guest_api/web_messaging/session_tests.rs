use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WireFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::scripted::*;
use super::*;
use crate::error::Code;
use crate::guest_options::GuestOptions;
use crate::sync::lock;

#[tokio::test]
async fn an_anonymous_guest_gets_a_session_whatever_else_is_said_before() {
    let server = Server::start(vec![answering(|asked| {
        let mut foreign = session(asked, &json!({"newSession": false}));
        foreign["tracingId"] = json!("another");
        vec![
            json!({"type": "message", "class": "Novelty", "code": 200, "body": {}}),
            foreign,
            session(asked, &json!({})),
        ]
    })])
    .await;
    let context = CallContext::new(LIMIT);
    let created = api_with(&server, |_| ()).create(&request(GuestOptions::default()), &context).await.unwrap();
    let guest = shown(&created);
    assert_eq!(
        (&guest["expiresIn"], &guest["refreshToken"], &guest["newSession"], &guest["authenticated"]),
        (&json!(3600), &json!(""), &json!(true), &json!(false))
    );
    assert_eq!((&guest["channelId"], &guest["email"]), (&json!(DEPLOYMENT), &json!("ada@shop.example")));
    assert_eq!(guest["guestId"], json!(guest::guest_id(&created.guest.token, &Secret::new("client secret"))));
    heard(&server, 2).await;
    let heard = server.heard();
    assert_eq!(
        heard[0],
        json!({"action": "configureSession", "token": guest["token"], "tracingId": context.request_id,
            "deploymentId": DEPLOYMENT, "startNew": false})
    );
    assert_eq!(heard[1], json!("close 1000"));
    let request = lock(&server.requests)[0].clone();
    let asked = format!("GET /v1?deploymentId={DEPLOYMENT}&application={APPLICATION} HTTP/1.1");
    assert!(request.starts_with(&asked) && request.contains("origin: https://shop.example"), "{request}");
    assert!(!request.contains("request-id"), "{request}");
}

#[tokio::test]
async fn a_token_is_taken_as_it_is_and_an_ended_session_is_said_to_be_over() {
    let server = Server::start(vec![answering(|asked| {
        vec![json!({"type": "response", "class": "SessionExpiredEvent", "code": 200, "body": {}, "tracingId": asked["tracingId"]})]
    })])
    .await;
    let token = Some(Secret::new("known"));
    let error = create(&server, GuestOptions { sign_in: None, token }).await.err().unwrap();
    assert_eq!((error.code(), &server.heard()[0]["token"]), (Code::Conflict, &json!("known")));
    assert!(error.details().hint.as_deref().unwrap().contains("leave token out"), "{error:?}");
}

#[tokio::test]
async fn a_session_that_can_only_be_read_is_left_for_a_new_one() {
    for first in [
        |asked: &Value| session(asked, &json!({"newSession": false, "readOnly": true})),
        |asked: &Value| error(asked, 409, ""),
    ] {
        let server = Server::start(vec![socket(move |mut socket| async move {
            let asked = socket.read().await;
            socket.write(&first(&asked)).await;
            let asked = socket.read().await;
            socket.write(&session(&asked, &json!({"connected": false, "readOnly": true}))).await;
            let asked = socket.read().await;
            socket.write(&session(&asked, &json!({}))).await;
            socket.ended().await;
        })])
        .await;
        let created = create(&server, GuestOptions { sign_in: None, token: Some(Secret::new("t")) }).await.unwrap();
        assert_eq!(shown(&created)["newSession"], json!(true));
        let heard = server.heard();
        let actions: Vec<_> = heard.iter().filter_map(|frame| frame["action"].as_str()).collect();
        assert_eq!(actions, ["configureSession", "closeSession", "configureSession"]);
        assert_eq!(heard[2]["startNew"], json!(true));
    }
}

#[tokio::test]
async fn every_form_of_a_rate_limit_is_waited_for() {
    let limited = |asked: &Value| {
        json!({"type": "response", "class": "TooManyRequestsErrorMessage", "code": 429, "tracingId": asked["tracingId"],
            "body": {"errorCode": 4029, "errorMessage": "slow down"}})
    };
    let server = Server::start(vec![
        Turn::Answer(429, "", json!({"code": "too.many.requests"})),
        answering(move |asked| vec![limited(asked)]),
        answering(|asked| vec![error(asked, 4029, "slow down")]),
        answering(|asked| vec![session(asked, &json!({}))]),
    ])
    .await;
    let api = api_with(&server, |_| ());
    let created = api.create(&request(GuestOptions::default()), &CallContext::new(LIMIT)).await;
    assert!(created.is_ok());
    assert_eq!(api.sender.throttled.load(std::sync::atomic::Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_limit_that_lasts_too_long_says_how_long() {
    let error = failure(vec![answering(|asked| {
        vec![json!({"type": "response", "class": "TooManyRequestsErrorMessage", "code": 429, "tracingId": asked["tracingId"],
            "body": {"retryAfter": 99, "errorCode": 4029, "errorMessage": "slow down"}})]
    })])
    .await;
    assert_eq!((error.code(), error.details().retry_after_ms), (Code::RateLimited, Some(99_000)));
}

#[tokio::test]
async fn what_breaks_off_is_tried_again_and_a_refusal_is_not() {
    let breaking = || socket(|mut socket| async move { drop(socket.read().await) });
    let server = Server::start(vec![
        breaking(),
        Turn::Answer(503, "", json!({})),
        answering(|asked| vec![error(asked, 500, "oops")]),
        answering(|asked| vec![session(asked, &json!({}))]),
    ])
    .await;
    let created = create(&server, GuestOptions::default()).await.unwrap();
    let tokens: Vec<_> = server.heard().iter().filter_map(|frame| frame["token"].as_str().map(str::to_owned)).collect();
    assert_eq!(tokens, vec![created.guest.token.expose(); 3]);
    for (code, retryable) in [(500, true), (5000, true), (4005, false)] {
        let refused = || answering(move |asked| vec![error(asked, code, "")]);
        let error = failure((0..4).map(|_| refused()).collect()).await;
        assert_eq!((error.code(), error.details().retryable), (Code::GuestCreationFailed, retryable), "{code}");
    }
    for (turn, code, hint) in [
        (Turn::Answer(403, "", json!({})), Code::Forbidden, "allowed domains"),
        (Turn::Answer(404, "", json!({})), Code::ChannelUnavailable, "channelId"),
        (answering(|asked| vec![error(asked, 4017, "")]), Code::Conflict, "signIn"),
    ] {
        let error = failure(vec![turn]).await;
        assert_eq!((error.code(), error.details().attempts), (code, Some(1)));
        assert!(error.details().hint.as_deref().unwrap().contains(hint), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_that_a_server_sends_is_without_bounds() {
    let sends = |messages: Vec<Message>| {
        socket(|mut socket| async move {
            socket.read().await;
            for message in messages {
                if futures_util::SinkExt::send(&mut socket.stream, message).await.is_err() {
                    return;
                }
            }
            socket.ended().await;
        })
    };
    let fragment = |code, last| Message::Frame(WireFrame::message(vec![b' '; 64 * 1024], OpCode::Data(code), last));
    let endless = std::iter::once(fragment(Data::Text, false)).chain((0..20).map(|_| fragment(Data::Continue, false)));
    for (messages, said) in [
        (vec![Message::binary(vec![1, 2])], "a binary message"),
        (vec![Message::text(" ".repeat(1024 * 1024 + 1))], "over 1048576 bytes"),
        (endless.collect(), "over 1048576 bytes"),
        (vec![Message::text(" ".repeat(64 * 1024)); 17], "over 1048576 bytes"),
        (vec![Message::Ping("x".into()); 1001], "no answer"),
        (vec![Message::Frame(WireFrame::message(vec![0xff], OpCode::Data(Data::Text), true))], "not UTF-8"),
    ] {
        let error = failure(vec![sends(messages)]).await;
        assert_eq!(error.code(), Code::Network, "{error:?}");
        assert!(error.details().message.contains(said), "{error:?}");
    }
    let error = failure(vec![Turn::Answer(101, "upgrade: websocket\r\n", json!({}))]).await;
    assert_eq!(error.code(), Code::Network, "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time_and_one_that_is_left_hears_of_it() {
    let silent = || socket(|mut socket| async move { socket.ended().await });
    let server = Server::start((0..4).map(|_| silent()).collect()).await;
    let api = api_with(&server, |settings| settings.timeout = Duration::from_millis(20));
    let error = api.create(&request(GuestOptions::default()), &CallContext::new(LIMIT)).await.err().unwrap();
    assert_eq!((error.code(), error.details().attempts), (Code::Timeout, Some(4)));

    let server = Server::start(vec![silent()]).await;
    let (api, asked, context) = (api_with(&server, |_| ()), request(GuestOptions::default()), CallContext::new(LIMIT));
    let call = api.create(&asked, &context);
    tokio::select! {
        _ = call => panic!("it cannot end"),
        () = heard(&server, 1) => {}
    }
    heard(&server, 2).await;
    assert_eq!(server.heard()[1], json!("end"));
}

#[tokio::test]
async fn a_conversation_begins_with_all_attributes_that_fit() {
    let profile = Profile::parse(&json!({"tier": "gold", "notes": "n".repeat(400)}).to_string()).unwrap();
    for (answer, profile, most, expected) in [
        (200, Some(&profile), 2048, Enrichment::Applied),
        (200, Some(&profile), 300, Enrichment::Partial),
        (200, None, 2048, Enrichment::Skipped),
        (4013, Some(&profile), 2048, Enrichment::Failed),
    ] {
        let server = Server::start(vec![socket(move |mut socket| async move {
            let asked = socket.read().await;
            socket.write(&session(&asked, &json!({"maxCustomDataBytes": most}))).await;
            let asked = socket.read().await;
            let taken = json!({"type": "message", "class": "StructuredMessage", "code": 200, "body": {}, "tracingId": asked["tracingId"]});
            socket.write(&if answer == 200 { taken } else { error(&asked, answer, "too large") }).await;
            socket.ended().await;
        })])
        .await;
        let api = api_with(&server, |settings| settings.start_conversation = true);
        let (asked, context) = (request(GuestOptions::default()), CallContext::new(LIMIT));
        let mut created = api.create(&asked, &context).await.unwrap();
        let enrichment = api.enrich(&mut created, Some(r#"{"cart":[1],"tier":"none"}"#), profile, &context).await;
        assert_eq!(enrichment, expected);
        let attributes = &shown(&created)["customAttributes"];
        let sent = &server.heard()[1]["message"]["channel"]["metadata"]["customAttributes"];
        assert_eq!((&attributes["cart"], sent), (&json!("[1]"), attributes));
        assert_eq!(attributes["tier"], json!(if profile.is_some() { "gold" } else { "none" }));
        assert_eq!(attributes.get("notes").is_some(), profile.is_some() && most == 2048);
        heard(&server, 3).await;
        assert_eq!(server.heard()[2], json!("close 1000"));
    }
}

#[tokio::test]
async fn without_a_conversation_the_front_end_gets_what_it_shall_send() {
    let server = Server::start(vec![answering(|asked| vec![session(asked, &json!({}))])]).await;
    let (api, asked, context) = (api_with(&server, |_| ()), request(GuestOptions::default()), CallContext::new(LIMIT));
    let mut created = api.create(&asked, &context).await.unwrap();
    let profile = Profile::parse(r#"{"tier":"gold"}"#).unwrap();
    let enrichment = api.enrich(&mut created, Some(r#"{"n":1}"#), Some(&profile), &context).await;
    let attributes = shown(&created)["customAttributes"].clone();
    assert_eq!(
        (enrichment, &attributes["n"], &attributes["tier"]),
        (Enrichment::Deferred, &json!("1"), &json!("gold"))
    );
}

#[tokio::test]
async fn a_deployment_that_the_store_does_not_have_is_unavailable() {
    for status in [403, 404] {
        let server = Server::start(vec![Turn::Answer(status, "", json!({}))]).await;
        let channel = api_with(&server, |_| ()).channel(DEPLOYMENT, &CallContext::new(LIMIT)).await.unwrap();
        assert_eq!(channel, Channel::Unavailable);
        let head = lock(&server.requests)[0].clone();
        assert!(head.starts_with(&format!("GET /webdeployments/v1/deployments/{DEPLOYMENT}/config.json ")), "{head}");
    }
}

#[test]
fn a_request_for_web_messaging_names_a_deployment_and_has_few_attributes() {
    let check = |channel: &str, attributes: &str| {
        let server = Url::parse("http://127.0.0.1:1").unwrap();
        let server = Server { url: server, heard: Arc::default(), requests: Arc::default() };
        let attributes = serde_json::value::RawValue::from_string(attributes.into()).unwrap();
        let asked = GuestRequest {
            channel_id: channel.into(),
            attributes: Some(attributes),
            ..request(GuestOptions::default())
        };
        api_with(&server, |_| ()).check(&asked)
    };
    let attributes = |bytes: usize| json!({"a": "x".repeat(bytes - 1), "none": null}).to_string();
    assert!(check(DEPLOYMENT, &attributes(2048)).is_ok());
    let refused = check("web", &attributes(2049)).unwrap_err();
    assert_eq!(refused.code(), Code::ValidationFailed);
    let issues: Value = serde_json::from_str(refused.details().issues.as_ref().unwrap().get()).unwrap();
    let codes: Vec<_> = issues.as_array().unwrap().iter().map(|issue| (&issue["code"], &issue["path"][0])).collect();
    assert_eq!(codes, [(&json!("invalid_format"), &json!("channelId")), (&json!("too_big"), &json!("attributes"))]);
}
