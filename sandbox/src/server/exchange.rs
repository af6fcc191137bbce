//! One exchange: a request is read, decided, and answered as scripted.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use uuid::Uuid;

use super::payload::Payload;
use super::wire::Line;
use crate::answer::Answer;
use crate::record::Flight;
use crate::request::Request;
use crate::rules::{Fault, Hangup};
use crate::state::Shared;
use crate::{clock, control, messaging};

/// No more of a body is read than this: far above every limit that a test sets, and far below this machine's memory.
const READ_LIMIT: usize = 64 * 1024 * 1024;

/// Answers one request.
pub(crate) async fn exchange(
    shared: Arc<Shared>,
    line: Arc<Line>,
    incoming: http::Request<Incoming>,
) -> Result<Response<Payload>, Infallible> {
    let arrived = clock::now();
    let (mut head, body) = incoming.into_parts();
    let upgrade = head.extensions.remove::<OnUpgrade>();
    if let Some(call) = control::call(head.uri.path()) {
        line.hide(&shared.gauges);
        let Some(body) = read(body).await else { return Ok(Response::default()) };
        return Ok(send(control::answer(&shared, call, &head, &body)));
    }
    let (route, part) = shared.lock().route(head.uri.path());
    let flight = Flight::start(shared.gauges.clone(), route);
    // The client went away in the middle of its request: whatever is answered reaches nobody.
    let Some(body) = read(body).await else { return Ok(Response::default()) };
    let request = Request {
        route,
        part,
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body,
        correlation: Uuid::new_v4(),
        connection: line.number,
        arrived,
    };
    let plan = shared.lock().decide(&request);
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    flight.land();
    // A fault may have refused what the sandbox would have granted.
    if let (Some(opening), Some(upgrade)) = (plan.opening, upgrade)
        && plan.answer.status == StatusCode::SWITCHING_PROTOCOLS
    {
        messaging::start(shared, line.clone(), upgrade, opening);
    }
    match plan.fault {
        None => Ok(send(plan.answer)),
        Some(fault) => Ok(send_faulty(plan.answer, &fault, line).await),
    }
}

/// Reads a body. A body that came with its head, as most do, is not copied.
async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        match &first {
            None => first = Some(data),
            Some(start) => {
                if rest.is_empty() {
                    rest.extend_from_slice(start);
                }
                rest.extend_from_slice(&data);
            }
        }
        if rest.len() > READ_LIMIT {
            break;
        }
    }
    Some(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

fn send(answer: Answer) -> Response<Payload> {
    respond(answer.status, answer.headers, Payload::Whole(answer.body))
}

fn respond(status: StatusCode, headers: http::HeaderMap, payload: Payload) -> Response<Payload> {
    let mut response = Response::new(payload);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Sends an answer as a fault wants it, or cuts the line instead.
async fn send_faulty(mut answer: Answer, fault: &Fault, line: Arc<Line>) -> Response<Payload> {
    let reset = fault.reset.unwrap_or(fault.hangup == Some(Hangup::Before));
    match fault.hangup {
        Some(Hangup::Before | Hangup::After) => hang_up(&line, reset).await,
        // There is no half of nothing.
        Some(Hangup::MidBody) if answer.body.is_empty() => hang_up(&line, reset).await,
        Some(Hangup::Goaway) => {
            line.last.notify_one();
            // The connection must hear of it before it gets the answer.
            tokio::task::yield_now().await;
        }
        Some(Hangup::MidBody) | None => {}
    }
    let body = std::mem::take(&mut answer.body);
    let length = fault.content_length.unwrap_or(body.len() as u64);
    let payload = if fault.hangup == Some(Hangup::MidBody) {
        Payload::cut(body.slice(..body.len() / 2), line, reset)
    } else if fault.stall_body {
        Payload::Stalled
    } else if let Some(pause_ms) = fault.chunk_delay_ms {
        Payload::dripping(body, pause_ms)
    } else if length > body.len() as u64 {
        // Left to itself, the HTTP library would close without sending what there is.
        Payload::cut(body, line, reset)
    } else if fault.content_length.is_some() {
        Payload::Unmeasured(body)
    } else {
        Payload::Whole(body)
    };
    if !matches!(payload, Payload::Whole(_)) {
        answer.headers.insert(CONTENT_LENGTH, length.into());
    }
    respond(answer.status, answer.headers, payload)
}

/// Cuts the line and waits for the end, which comes before any answer.
async fn hang_up(line: &Line, reset: bool) -> ! {
    line.hang_up(reset);
    pending().await
}
