//! Every request that was seen, the newest ones.

use std::sync::Arc;

use serde::Serialize;

use super::headers::Headers;
use super::newest::{Newest, Numbered};
use crate::request::Request;
use crate::route::Route;
use crate::rules::Fault;

/// One request, and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEntry {
    /// The number of the request since the log was last cleared, from 1.
    pub seq: u64,
    /// Milliseconds from the sandbox's start to the request's arrival.
    pub t_ms: f64,
    /// The route.
    pub route: Route,
    /// The method.
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// The query, as sent, without the question mark; empty when there is none.
    pub query: String,
    /// The headers.
    pub headers: Headers,
    /// The body, as text.
    pub body: String,
    /// The status answered; `None` when the connection was closed instead.
    pub status: Option<u16>,
    /// The fault that hit it.
    pub fault: Option<Arc<Fault>>,
    /// The number of the connection that it came on.
    pub connection: u64,
}

impl LogEntry {
    /// The text of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// The newest requests.
pub(crate) type Log = Newest<LogEntry>;

impl Numbered for LogEntry {
    fn seq(&self) -> u64 {
        self.seq
    }
}

impl Log {
    /// Keeps a request, when the log is switched on.
    pub(crate) fn keep(&mut self, request: &Request, t_ms: f64, status: Option<u16>, fault: Option<Arc<Fault>>) {
        self.push(|seq| LogEntry {
            seq,
            t_ms,
            route: request.route,
            method: request.method.as_str().into(),
            path: request.uri.path().into(),
            query: request.uri.query().unwrap_or_default().into(),
            headers: Headers::of(&request.headers),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            status,
            fault,
            connection: request.connection,
        });
    }
}
