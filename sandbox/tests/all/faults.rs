//! Each scripted fault, as a client sees it.

use std::io::ErrorKind;
use std::time::Duration;

use sandbox::{Fault, Hangup, Matcher, Route};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use crate::support::{Call, Reply, connect, create, sandbox, sign_in, soon};

fn event() -> Call {
    Call::new("POST", "/webhook").json("{}")
}

#[tokio::test]
async fn a_status_replaces_the_answer_and_nothing_is_processed() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    sandbox.fault(Fault::on(Route::Create).status(503).header("Retry-After", "2"));
    let reply = create(&bearer, "a@b.example").send(&sandbox).await.unwrap();
    reply.assert_error(503, "service.unavailable");
    assert_eq!(reply.header("retry-after"), Some("2"));
    assert!(sandbox.guests().is_empty());
    assert_eq!(create(&bearer, "a@b.example").send(&sandbox).await.unwrap().status, 200, "it hits once");
    let log = sandbox.log_of(Route::Create);
    assert_eq!(log[0].fault.as_ref().unwrap().status, Some(503));
    assert!(log[1].fault.is_none());
    assert_eq!(sandbox.counts().route(Route::Create).faulted, 1);
}

#[tokio::test]
async fn the_login_host_fails_in_its_own_shape() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault::on(Route::Token).status(500));
    let reply = Call::new("POST", "/oauth/token").send(&sandbox).await.unwrap();
    assert_eq!((reply.status, &reply.json()["error"]), (500, &json!("server_error")));
}

#[tokio::test]
async fn a_processed_request_may_still_get_a_scripted_answer() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    sandbox.fault(Fault { process: true, ..Fault::on(Route::Create).status(500).body("<html>") });
    let reply = create(&bearer, "a@b.example").send(&sandbox).await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (500, "<html>"));
    assert_eq!(sandbox.guests().len(), 1);
}

#[tokio::test]
async fn headers_are_set_and_taken_away_on_the_true_answer() {
    let sandbox = sandbox().await;
    let mut fault = Fault::on(Route::Webhook).header("X-Odd", "1");
    fault.headers.insert("ININ-Correlation-Id".into(), None);
    sandbox.fault(fault);
    let reply = event().send(&sandbox).await.unwrap();
    assert_eq!((reply.status, reply.header("x-odd"), reply.header("inin-correlation-id")), (204, Some("1"), None));
    assert_eq!(sandbox.webhook_events().len(), 1);
}

#[tokio::test]
async fn a_redirect_has_a_location_and_no_body() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault::on(Route::Crm).status(302).header("location", "/elsewhere"));
    let reply = Call::new("GET", "/crm/profiles?email=a@b").send(&sandbox).await.unwrap();
    assert_eq!((reply.status, reply.header("location"), reply.body.as_str()), (302, Some("/elsewhere"), ""));
}

#[tokio::test]
async fn bodies_are_padded() {
    let sandbox = sandbox().await;
    let size = 1024 * 1024 + 1;
    sandbox.fault(Fault { pad_to: size, ..Fault::on(Route::Crm) });
    let reply = Call::new("GET", "/crm/profiles?email=a@b").send(&sandbox).await.unwrap();
    assert_eq!((reply.body.len(), reply.complete), (size, true));
    assert!(reply.json()["tier"].is_string());
}

#[tokio::test]
async fn drop_before_resets_and_processes_nothing() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    sandbox.fault(Fault::on(Route::Create).hang_up(Hangup::Before));
    let error = create(&bearer, "a@b.example").send(&sandbox).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(sandbox.guests().is_empty());
    let counts = sandbox.counts();
    assert_eq!((counts.route(Route::Create).total, counts.route(Route::Create).dropped), (1, 1));
    assert_eq!(sandbox.log_of(Route::Create)[0].status, None);
}

#[tokio::test]
async fn drop_after_processes_and_says_nothing() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    sandbox.fault(Fault::on(Route::Create).hang_up(Hangup::After));
    let error = create(&bearer, "a@b.example").send(&sandbox).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(sandbox.guests().len(), 1);
    sandbox.fault(Fault { reset: Some(true), ..Fault::on(Route::Webhook).hang_up(Hangup::After) });
    assert_eq!(event().send(&sandbox).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(sandbox.webhook_events().len(), 1);
}

#[tokio::test]
async fn drop_in_the_body_sends_half_of_it() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault::on(Route::Crm).hang_up(Hangup::MidBody));
    let reply = soon(Call::new("GET", "/crm/profiles?email=a@b").send(&sandbox)).await.unwrap();
    let length: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!((reply.status, reply.complete, reply.body.len()), (200, false, length / 2));
}

#[tokio::test]
async fn goaway_closes_after_the_answer() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault::on(Route::Webhook).hang_up(Hangup::Goaway));
    let mut socket = connect(&sandbox).await;
    let reply = event().send_on(&mut socket).await.unwrap();
    assert_eq!((reply.status, reply.header("connection")), (204, Some("close")));
    assert_eq!(socket.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stalled_body_never_comes() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault { stall_body: true, ..Fault::on(Route::Crm) });
    let mut socket = connect(&sandbox).await;
    socket.write_all(b"GET /crm/profiles?email=a@b HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(socket.read_u8()).await.unwrap());
    }
    assert!(String::from_utf8(head).unwrap().contains("content-length: 8"));
    assert!(timeout(Duration::from_millis(50), socket.read_u8()).await.is_err());
    drop(socket);
    soon(async {
        while sandbox.counts().connections.open > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_body_comes_byte_by_byte() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault { chunk_delay_ms: Some(5), ..Fault::on(Route::Crm).body("0123456789") });
    let start = Instant::now();
    let reply = Call::new("GET", "/crm/profiles").send(&sandbox).await.unwrap();
    assert_eq!((reply.body.as_str(), reply.complete), ("0123456789", true));
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_wrong_length_is_claimed() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault { content_length: Some(4), ..Fault::on(Route::Crm).body("[1,2,3]") });
    let short = Call::new("GET", "/crm/profiles").send(&sandbox).await.unwrap();
    assert_eq!((short.header("content-length"), short.body.as_str()), (Some("4"), "[1,2"));
    sandbox.fault(Fault { content_length: Some(9), ..Fault::on(Route::Crm).body("[1,2,3]") });
    let long = soon(Call::new("GET", "/crm/profiles").send(&sandbox)).await.unwrap();
    assert_eq!((long.body.as_str(), long.complete), ("[1,2,3]", false));
}

#[tokio::test]
async fn delays_and_latency_add_up() {
    let sandbox = sandbox().await;
    sandbox.latency(None, 20.0);
    sandbox.latency(Some(Route::Webhook), 30.0);
    sandbox.fault(Fault::on(Route::Webhook).delay_ms(40));
    let start = Instant::now();
    assert_eq!(event().send(&sandbox).await.unwrap().status, 204);
    assert!(start.elapsed() >= Duration::from_millis(70));
}

#[tokio::test]
async fn a_request_that_is_given_up_is_counted_and_was_processed() {
    let sandbox = sandbox().await;
    sandbox.fault(Fault::on(Route::Webhook).delay_ms(60_000));
    let mut socket = connect(&sandbox).await;
    assert!(timeout(Duration::from_millis(50), event().send_on(&mut socket)).await.is_err());
    assert_eq!(sandbox.counts().route(Route::Webhook).in_flight, 1);
    drop(socket);
    soon(async {
        while sandbox.counts().route(Route::Webhook).aborted == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((sandbox.webhook_events().len(), sandbox.counts().route(Route::Webhook).in_flight), (1, 0));
}

#[tokio::test]
async fn faults_choose_their_requests() {
    let sandbox = sandbox().await;
    let bodies = async |count: usize| {
        let mut statuses = Vec::new();
        for number in 0..count {
            statuses.push(Call::new("POST", "/webhook").json(&number).send(&sandbox).await.unwrap().status);
        }
        statuses
    };
    sandbox.fault(Fault::on(Route::Webhook).status(500).after(1).times(2));
    sandbox.fault(Fault::on(Route::Crm).status(500).always());
    assert_eq!(bodies(5).await, [204, 500, 500, 204, 204]);
    let infos = sandbox.faults();
    assert_eq!((infos[0].applied, infos[0].remaining, infos[1].remaining), (2, Some(0), None));
    sandbox.clear_faults();

    let matcher = Matcher { body_includes: Some("3".into()), ..Matcher::default() };
    sandbox.fault(Fault { matcher, ..Fault::default().status(500).always() });
    assert_eq!(bodies(5).await, [204, 204, 204, 500, 204]);
    sandbox.clear_faults();

    let matcher = Matcher { bearer: Some("t".into()), ..Matcher::default() };
    sandbox.fault(Fault { matcher, method: Some("post".into()), ..Fault::default().status(418).always() });
    let with = |token: &str| Call::new("POST", "/webhook").bearer(token).json("{}").send(&sandbox);
    assert_eq!((with("t").await.unwrap().status, with("u").await.unwrap().status), (418, 204));
    sandbox.clear_faults();

    sandbox.fault(Fault { probability: 0.5, ..Fault::on(Route::Webhook).status(500).always() });
    let failed = bodies(200).await.iter().filter(|status| **status == 500).count();
    assert!((60..140).contains(&failed), "{failed}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let sandbox = sandbox().await;
    let mut socket = connect(&sandbox).await;
    socket.write_all(&b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2)).await.unwrap();
    let first = Reply::read(&mut socket).await.unwrap();
    assert_eq!(first.status, 404);
    assert_eq!(sandbox.log().len(), 2);
}
