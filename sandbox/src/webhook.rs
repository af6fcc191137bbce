//! The analytics webhook: `POST /webhook`.

use std::collections::VecDeque;

use http::StatusCode;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::answer::Answer;
use crate::record::{Headers, Log};
use crate::request::Request;

/// One analytics event, as it arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// `webhook-id`: the same when an event is delivered again.
    pub id: Option<String>,
    /// Milliseconds since the sandbox started.
    pub t_ms: f64,
    /// The headers; empty while the log is switched off.
    pub headers: Headers,
    /// The body, as text.
    pub body: String,
}

impl Serialize for WebhookEvent {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        let mut map = target.serialize_map(Some(5))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("tMs", &self.t_ms)?;
        map.serialize_entry("headers", &self.headers)?;
        map.serialize_entry("body", &self.body)?;
        // Every event was checked to be JSON when it came.
        map.serialize_entry("json", &serde_json::from_str::<&RawValue>(&self.body).ok())?;
        map.end()
    }
}

/// The events that arrived, bounded as the log is.
#[derive(Default)]
pub(crate) struct Events {
    pub(crate) kept: VecDeque<WebhookEvent>,
    pub(crate) received: u64,
}

impl Events {
    /// Takes an event that arrived `t_ms` milliseconds after the start.
    pub(crate) fn receive(&mut self, request: &Request, t_ms: f64, log: &Log) -> Answer {
        let correlation = request.correlation;
        if !request.has_type("application/json") {
            let (status, message) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json");
            return Answer::error(status, "unsupported.media.type", message, correlation);
        }
        let text = std::str::from_utf8(&request.body).ok();
        let Some(text) = text.filter(|text| serde_json::from_str::<&RawValue>(text).is_ok()) else {
            return Answer::error(StatusCode::BAD_REQUEST, "bad.request", "The event is not valid JSON", correlation);
        };
        self.received += 1;
        if self.kept.len() >= log.capacity() {
            self.kept.pop_front();
        }
        self.kept.push_back(WebhookEvent {
            id: request.headers.get("webhook-id").and_then(|id| id.to_str().ok()).map(String::from),
            t_ms,
            headers: if log.enabled { Headers::of(&request.headers) } else { Headers::default() },
            body: text.into(),
        });
        Answer::empty(StatusCode::NO_CONTENT)
    }
}
