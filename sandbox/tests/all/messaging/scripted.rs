//! Faults of frames, and the control API's calls about sockets.

use std::time::{Duration, Instant};

use sandbox::{Closing, Cut, FrameFault, RawFrame, RawOpcode, Sandbox};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::guest::{DEPLOYMENT, Guest, exchange, kind};
use crate::support::{Call, Reply, sandbox};

async fn control(sandbox: &Sandbox, method: &'static str, call: &str, body: Value) -> Reply {
    let path = format!("/__control/messaging{call}");
    let call = Call::new(method, path);
    if body.is_null() { call } else { call.json(&body) }.send(sandbox).await.unwrap()
}

#[tokio::test]
async fn an_error_takes_the_place_of_the_answer() {
    let sandbox = sandbox().await;
    sandbox.frame_fault(FrameFault::on("configureSession").error(503, "later").times(2));
    let mut guest = Guest::connect(&sandbox).await;
    for _ in 0..2 {
        let answer = guest.configure().await;
        assert_eq!((kind(&answer), answer["tracingId"].as_str()), (("string", 503, None), Some("configureSession")));
    }
    assert!(sandbox.sessions().is_empty(), "it was not processed");
    assert_eq!(guest.configure().await["body"]["newSession"], true);
    let faults = sandbox.frame_faults();
    assert_eq!((faults[0].applied, faults[0].remaining), (2, Some(0)));
}

#[tokio::test]
async fn frames_are_dropped_doubled_late_and_out_of_order() {
    let sandbox = sandbox().await;
    let mut guest = Guest::configured(&sandbox).await;
    sandbox.frame_fault(FrameFault { duplicate: 1, ..FrameFault::on("getJwt") });
    let first = guest.ask("getJwt", json!({})).await;
    assert_eq!(guest.next().await, first);

    sandbox.frame_fault(FrameFault { drop: true, ..FrameFault::on("getJwt") });
    guest.act("getJwt", json!({})).await;
    assert_eq!(guest.ask("getConfiguration", json!({})).await["class"], "GetConfigurationResponse");

    sandbox.frame_fault(FrameFault { reorder: true, ..FrameFault::of("JwtResponse") });
    guest.act("getJwt", json!({})).await;
    assert_eq!(guest.ask("getConfiguration", json!({})).await["class"], "GetConfigurationResponse");
    assert_eq!(guest.next().await["class"], "JwtResponse");

    sandbox.frame_fault(FrameFault { delay_ms: 60, ..FrameFault::on("getJwt") });
    #[expect(clippy::disallowed_methods, reason = "the sandbox has a clock of its own")]
    let sent = Instant::now();
    guest.ask("getJwt", json!({})).await;
    assert!(sent.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn connections_end_in_every_way() {
    let sandbox = sandbox().await;
    let closing = Closing { code: Some(4444), reason: "because".into() };
    sandbox.frame_fault(FrameFault { close: Some(closing), ..FrameFault::on("configureSession") });
    let mut guest = Guest::connect(&sandbox).await;
    guest.act("configureSession", json!({ "deploymentId": DEPLOYMENT })).await;
    assert_eq!(guest.close_code().await, Some(4444));

    // Processed, and the answer lost.
    sandbox.frame_fault(FrameFault { cut: Some(Cut::End), ..FrameFault::of("SessionResponse") });
    let mut guest = Guest::connect(&sandbox).await;
    guest.act("configureSession", json!({ "deploymentId": DEPLOYMENT })).await;
    assert!(matches!(guest.read().await, Err(Error::Protocol(_) | Error::ConnectionClosed)));
    assert_eq!(sandbox.sessions()[0].token, guest.token);
    let mut again = Guest::connect(&sandbox).await.with_token(&guest.token);
    assert_eq!(again.configure().await["body"]["newSession"], false);

    sandbox.frame_fault(FrameFault { cut: Some(Cut::Reset), ..FrameFault::on("echo") });
    again.act("echo", json!({})).await;
    assert!(matches!(again.read().await, Err(Error::Io(_) | Error::Protocol(_))));

    let mut last = Guest::configured(&sandbox).await;
    let socket = sandbox.sockets().last().map(|socket| socket.socket);
    sandbox.close_sockets(socket, &Closing { code: None, reason: String::new() });
    assert_eq!(last.close_code().await, None);
    assert!(matches!(last.read().await, Err(Error::ConnectionClosed)));
}

#[tokio::test]
async fn raw_frames_go_out_as_they_are() {
    let sandbox = sandbox().await;
    let frames = vec![
        RawFrame { opcode: RawOpcode::Ping, times: 500, ..RawFrame::default() },
        RawFrame { opcode: RawOpcode::Binary, text: "b".into(), ..RawFrame::default() },
        RawFrame { text: "{".into(), fin: false, ..RawFrame::default() },
        RawFrame { opcode: RawOpcode::Continuation, text: "}".into(), pad_to: 3_000_000, ..RawFrame::default() },
    ];
    sandbox.frame_fault(FrameFault { frames, ..FrameFault::on("configureSession") });
    let mut guest = Guest::connect(&sandbox).await;
    guest.act("configureSession", json!({ "deploymentId": DEPLOYMENT })).await;
    assert_eq!(guest.read().await.unwrap(), Message::binary("b"));
    assert_eq!(guest.read().await.unwrap().into_text().unwrap().len(), 3_000_001);
}

#[tokio::test]
async fn the_control_api_does_the_same() {
    let sandbox = sandbox().await;
    let fault = json!([{ "action": "configureSession", "error": { "code": 429, "body": { "errorCode": 4029 } } }]);
    assert_eq!(control(&sandbox, "POST", "/faults", fault).await.json(), json!({ "ids": [1] }));
    let mut guest = Guest::connect(&sandbox).await;
    assert_eq!(kind(&guest.configure().await), ("ErrorMessage", 429, None));
    assert_eq!(control(&sandbox, "GET", "/faults", Value::Null).await.json()[0]["applied"], 1);
    assert_eq!(control(&sandbox, "DELETE", "/faults?id=1", Value::Null).await.status, 204);
    assert_eq!(control(&sandbox, "DELETE", "/faults?id=1", Value::Null).await.status, 404);
    for bad in [json!({ "acton": "x" }), json!({ "close": { "code": 7 } }), json!({ "frames": [{ "opcode": "x" }] })] {
        assert_eq!(control(&sandbox, "POST", "/faults", bad).await.status, 400);
    }

    let grant = control(&sandbox, "POST", "/sign-in", json!({ "subject": "ada" })).await.json();
    let body = json!({ "deploymentId": DEPLOYMENT, "oauth": grant });
    let jwt = exchange(&sandbox, &body).await.json()["jwt"].clone();
    guest.configure_signed_in(&jwt).await;
    let implicit =
        control(&sandbox, "POST", "/sign-in", json!({ "subject": "bo", "implicit": true, "nonce": "n" })).await;
    assert_eq!(implicit.json()["nonce"], "n");
    assert_eq!(control(&sandbox, "POST", "/sign-in", json!({ "subjekt": "ada" })).await.status, 400);

    let known = control(&sandbox, "GET", "", Value::Null).await.json();
    assert_eq!((&known["sessions"][0]["subject"], &known["sockets"][0]["socket"]), (&json!("ada"), &json!(1)));
    let frames = control(&sandbox, "GET", "/frames?socket=1&limit=1", Value::Null).await.json();
    assert_eq!((&frames[0]["from"], &frames[0]["kind"]), (&json!("server"), &json!("text")));
    let change = json!({
        "deployments": [{ "id": DEPLOYMENT, "auth": true, "domains": ["a.b"] }],
        "contacts": { "ada@shop.example": { "firstName": "Ada" } },
        "say": { "token": guest.token, "text": "hello" },
        "expireJwts": "ada",
        "closeSockets": { "code": 1012, "reason": "restart" },
    });
    let done = control(&sandbox, "POST", "", change).await.json();
    assert_eq!((&done["said"], &done["jwtsExpired"], &done["socketsClosed"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(guest.next().await["body"]["text"], "hello");
    assert_eq!(guest.close_code().await, Some(1012));
    let known = control(&sandbox, "GET", "", Value::Null).await.json();
    assert_eq!(known["deployments"][0]["domains"], json!(["a.b"]));
    assert_eq!(known["contacts"]["ada@shop.example"]["firstName"], "Ada");
    assert_eq!(control(&sandbox, "PUT", "", Value::Null).await.status, 405);
    assert_eq!(control(&sandbox, "DELETE", "/frames", Value::Null).await.status, 204);
    assert!(sandbox.frames().is_empty());
}
