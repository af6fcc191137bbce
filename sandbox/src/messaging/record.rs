//! The frames that were seen, the newest ones.

use std::collections::VecDeque;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

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
pub(crate) struct FrameLog {
    entries: VecDeque<FrameEntry>,
    capacity: usize,
    last_seq: u64,
    pub(crate) enabled: bool,
}

impl FrameLog {
    pub(super) fn new(enabled: bool, capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity, last_seq: 0, enabled }
    }

    pub(super) fn keep(&mut self, socket: u64, started: Instant, seen: &Seen<'_>) {
        if !self.enabled || self.capacity == 0 {
            return;
        }
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        self.last_seq += 1;
        self.entries.push_back(FrameEntry {
            seq: self.last_seq,
            t_ms: crate::clock::now().saturating_duration_since(started).as_secs_f64() * 1000.0,
            socket,
            from: seen.from,
            kind: seen.kind,
            text: seen.text.into(),
            code: seen.code,
        });
    }

    /// Keeps this many from now on.
    pub(crate) fn resize(&mut self, capacity: usize) {
        self.capacity = capacity;
        let surplus = self.entries.len().saturating_sub(capacity);
        self.entries.drain(..surplus);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.last_seq = 0;
    }

    /// The frames after number `since`, of one socket or of all, oldest first.
    pub(crate) fn since(&self, since: u64, socket: Option<u64>) -> impl Iterator<Item = &FrameEntry> {
        let start = self.entries.partition_point(|entry| entry.seq <= since);
        self.entries.range(start..).filter(move |entry| socket.is_none_or(|socket| socket == entry.socket))
    }
}
