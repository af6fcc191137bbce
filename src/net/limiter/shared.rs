//! What processes behind one rate limit tell one another.
//!
//! All of it is a hint: without an answer each process goes on by itself.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::group::{GROUPS, RateLimitGroup};

/// No request waits longer for an answer: after that the process goes on without it.
pub(crate) const HINT_TIMEOUT: Duration = Duration::from_millis(100);

/// The limiter of all processes that share a rate limit.
pub trait SharedLimiter: Send + Sync {
    /// Tells what happened in this process and asks for slots; `None` when nobody answers.
    fn exchange(&self, report: UsageReport) -> BoxFuture<'static, Option<Allowance>>;

    /// Where the limit is known: tells what this process holds of it and asks for more; `None` when nobody answers.
    fn take(&self, report: WindowReport) -> BoxFuture<'static, Option<WindowGrant>>;
}

/// What happened in this process since its last report, and what it wants.
#[derive(Debug, Clone, Default)]
pub struct UsageReport {
    /// A 429 that says something new: its group, and for how long nothing may be sent.
    pub throttled: Option<(RateLimitGroup, Duration)>,
    /// By group.
    pub groups: [GroupUsage; GROUPS],
}

/// A group's part of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupUsage {
    /// Requests sent.
    pub sent: u32,
    /// Answers 429.
    pub refused: u32,
    /// Slots wanted for requests that wait.
    pub wanted: u32,
    /// A first slot later than this is of no use.
    pub max_wait: Duration,
}

/// What holds for all processes.
#[derive(Debug, Clone, Default)]
pub struct Allowance {
    /// Counts the pauses; slots of another epoch are void.
    pub epoch: i64,
    /// Nothing may be sent for so long; zero when there is no pause.
    pub pause: Duration,
    /// By group.
    pub groups: [GroupAllowance; GROUPS],
}

/// A group's part of an allowance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupAllowance {
    /// A common pace is in force: nothing is sent without a slot.
    pub is_paced: bool,
    /// Slots granted, fewer than were wanted where they are scarce.
    pub granted: u32,
    /// From now to the first slot; where none was granted, to the one that would have been.
    pub first: Duration,
    /// From slot to slot.
    pub interval: Duration,
}

/// What a process holds of the window, and what it wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowReport {
    /// The process, by a random number.
    pub process: u64,
    /// Counts its reports; an older one is not listened to any more.
    pub number: u64,
    /// The limit.
    pub requests: u32,
    /// How long a place is held after the answer.
    pub hold: Duration,
    /// Whether the process held places when it reported before, and was answered.
    pub has_past: bool,
    /// Places whose requests are not answered, or not sent yet.
    pub held: u32,
    /// Places wanted.
    pub wanted: u32,
    /// Places whose requests are answered: how many, and since when, in milliseconds.
    pub answered: Vec<(u64, u32)>,
}

/// What is left of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowGrant {
    /// Places granted, fewer than were wanted where they are scarce.
    pub granted: u32,
    /// Until there can be another one; zero where that is now.
    pub opens: Duration,
    /// Processes that share the window, this one included.
    pub processes: u32,
}
