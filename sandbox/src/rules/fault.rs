//! What one scripted fault does, and to which requests.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::InvalidRule;
use super::fault_list::Scripted;
use crate::answer::Answer;
use crate::request::Request;
use crate::route::{Route, route_or_all};

/// Where the connection is closed instead of answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hangup {
    /// Reset; nothing was processed.
    Before,
    /// The request is processed for real (the guest exists), then the connection is closed without an answer.
    After,
    /// Status, headers with the whole length, half of the body; then the connection is closed.
    MidBody,
    /// The answer arrives whole, and the connection takes no more requests: HTTP/2 `GOAWAY`, HTTP/1.1 `connection: close`.
    Goaway,
}

/// A fault: which requests it is for, and what happens to them. Without a status or a body the request is processed and
/// its true answer delayed, dropped or garbled; with one of them it is not processed, unless `process` says so.
///
/// In JSON the names are in camel case, `hangup` is called `drop`, and `route` may be `"*"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Fault {
    /// The route; all of them when absent.
    #[serde(deserialize_with = "route_or_all")]
    pub route: Option<Route>,
    /// Only requests with this method.
    pub method: Option<String>,
    /// Only requests that look like this.
    #[serde(rename = "match")]
    pub matcher: Matcher,
    /// How many requests it hits; `None` for every one.
    pub count: Option<u64>,
    /// How many matching requests go through first.
    pub skip: u64,
    /// The share of the remaining requests that it hits, 0 to 1.
    pub probability: f64,

    /// The status to answer.
    pub status: Option<u16>,
    /// Headers to set, or to take away (`None`).
    pub headers: BTreeMap<String, Option<String>>,
    /// The body to answer. Without one an error status has the body that the host would send.
    #[serde(deserialize_with = "text_or_json")]
    pub body: Option<String>,
    /// Spaces are appended to the body until it has this many bytes.
    pub pad_to: usize,
    /// Process the request although it gets a scripted answer: the guest exists, and the client sees a 500.
    pub process: bool,
    /// Milliseconds between processing and answering.
    pub delay_ms: u64,
    /// Close the connection.
    #[serde(rename = "drop")]
    pub hangup: Option<Hangup>,
    /// Whether closing resets the connection (RST) or ends it (FIN); by default only [`Hangup::Before`] resets.
    pub reset: Option<bool>,
    /// Send the headers, and then never the body.
    pub stall_body: bool,
    /// Send one byte of the body after each of these pauses.
    pub chunk_delay_ms: Option<u64>,
    /// The length to claim, right or wrong.
    pub content_length: Option<u64>,
}

/// What a request must look like.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Matcher {
    /// Text in the body.
    pub body_includes: Option<String>,
    /// The exact bearer token.
    pub bearer: Option<String>,
    /// Text in the path with its query, as sent.
    pub path_includes: Option<String>,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            route: None,
            method: None,
            matcher: Matcher::default(),
            count: Some(1),
            skip: 0,
            probability: 1.0,
            status: None,
            headers: BTreeMap::new(),
            body: None,
            pad_to: 0,
            process: false,
            delay_ms: 0,
            hangup: None,
            reset: None,
            stall_body: false,
            chunk_delay_ms: None,
            content_length: None,
        }
    }
}

impl Fault {
    /// A fault for the next request of a route. It does nothing yet.
    #[must_use]
    pub fn on(route: Route) -> Self {
        Self { route: Some(route), ..Self::default() }
    }

    /// Answers this status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), Some(value.into()));
        self
    }

    /// Answers this body.
    #[must_use]
    pub fn body(self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    /// Closes the connection.
    #[must_use]
    pub fn hang_up(self, hangup: Hangup) -> Self {
        Self { hangup: Some(hangup), ..self }
    }

    /// Answers this many milliseconds late.
    #[must_use]
    pub fn delay_ms(self, delay_ms: u64) -> Self {
        Self { delay_ms, ..self }
    }

    /// Hits this many requests instead of one.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// Hits every request until it is cleared.
    #[must_use]
    pub fn always(self) -> Self {
        Self { count: None, ..self }
    }

    /// Lets this many requests through first.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Whether it is for this request.
    pub(crate) fn concerns(&self, request: &Request) -> bool {
        let Matcher { body_includes, bearer, path_includes } = &self.matcher;
        self.route.is_none_or(|route| route == request.route)
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()))
            && bearer.as_deref().is_none_or(|bearer| request.bearer() == Some(bearer))
            && body_includes.as_deref().is_none_or(|text| String::from_utf8_lossy(&request.body).contains(text))
            && path_includes.as_deref().is_none_or(|text| request.uri.to_string().contains(text))
    }

    /// Whether the client sees a scripted answer instead of the true one.
    pub(crate) fn replaces(&self) -> bool {
        self.status.is_some() || self.body.is_some()
    }

    /// Whether the request is processed as if there were no fault.
    pub(crate) fn processes(&self) -> bool {
        self.hangup != Some(Hangup::Before) && (self.process || !self.replaces())
    }

    /// The scripted answer.
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
        match &self.body {
            Some(body) => Answer::json(status, body.clone()),
            None => Answer::plain_error(request.route, status, request.correlation),
        }
    }

    /// Puts headers and padding on an answer, scripted or true.
    pub(crate) fn decorate(&self, answer: &mut Answer) {
        for (name, value) in &self.headers {
            let Ok(name) = name.parse::<HeaderName>() else { continue };
            match value {
                Some(value) => answer.set(name, value),
                None => drop(answer.headers.remove(name)),
            }
        }
        if answer.body.len() < self.pad_to {
            let mut padded = answer.body.to_vec();
            padded.resize(self.pad_to, b' ');
            answer.body = Bytes::from(padded);
            answer.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
    }
}

impl Scripted for Fault {
    fn count(&self) -> Option<u64> {
        self.count
    }

    fn skip(&self) -> u64 {
        self.skip
    }

    fn probability(&self) -> f64 {
        self.probability
    }

    fn check(&self) -> Result<(), InvalidRule> {
        if let Some(status) = self.status
            && (status < 200 || StatusCode::from_u16(status).is_err())
        {
            return Err(InvalidRule::Status(status));
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(InvalidRule::Probability);
        }
        let bad = self.headers.iter().find(|(name, value)| {
            name.parse::<HeaderName>().is_err()
                || value.as_deref().is_some_and(|value| HeaderValue::from_str(value).is_err())
        });
        bad.map_or(Ok(()), |(name, _)| Err(InvalidRule::Header(name.clone())))
    }
}

/// A string is a body as it stands; anything else is written as JSON.
fn text_or_json<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(source)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        value => Some(value.to_string()),
    })
}
