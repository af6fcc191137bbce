//! The frames that were seen, the newest ones.

use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use crate::record::{Newest, Numbered};

/// One frame of one socket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FrameEntry {
    /// The number of the frame since the record was last cleared, from 1.
    pub seq: u64,
    /// Milliseconds from the sandbox's start.
    pub t_ms: f64,
    /// The number of the socket, from 1.
    pub socket: u64,
    /// Whether a client sent it, or the sandbox.
    pub from: Sender,
    /// What it is.
    pub kind: FrameKind,
    /// The text; the reason of a close frame.
    pub text: String,
    /// The code of a close frame.
    pub code: Option<u16>,
}

/// Who sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// The client.
    Client,
    /// The sandbox.
    Server,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameKind {
    /// A text: a JSON object, as a rule.
    Text,
    /// Bytes, shown as text as well as they can be.
    Binary,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// The end, with a code and a reason.
    Close,
    /// A frame that a fault made.
    Raw,
}

impl FrameEntry {
    /// The text as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// What one frame was, before it is numbered.
pub(super) struct Seen<'a> {
    pub(super) from: Sender,
    pub(super) kind: FrameKind,
    pub(super) text: &'a str,
    pub(super) code: Option<u16>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(from: Sender, kind: FrameKind, text: &'a str) -> Self {
        Self { from, kind, text, code: None }
    }
}

/// The newest frames.
pub(crate) type FrameLog = Newest<FrameEntry>;

impl Numbered for FrameEntry {
    fn seq(&self) -> u64 {
        self.seq
    }
}

impl FrameLog {
    pub(super) fn keep(&mut self, socket: u64, started: Instant, seen: &Seen<'_>) {
        self.push(|seq| FrameEntry {
            seq,
            t_ms: crate::clock::now().saturating_duration_since(started).as_secs_f64() * 1000.0,
            socket,
            from: seen.from,
            kind: seen.kind,
            text: seen.text.into(),
            code: seen.code,
        });
    }

    /// The frames after number `since`, of one socket or of all.
    pub(crate) fn frames(&self, since: u64, socket: Option<u64>) -> impl Iterator<Item = &FrameEntry> {
        self.since(since).filter(move |entry| socket.is_none_or(|socket| socket == entry.socket))
    }
}
