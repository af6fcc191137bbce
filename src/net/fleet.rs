//! What processes behind one rate limit tell one another.
//!
//! All of it is a hint: without an answer each process goes on by itself.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::lane::{LANES, Lane};

/// No call waits longer for a hint: what has not come by then is done without.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// The processes that share a rate limit, seen from one of them.
pub trait Fleet: Send + Sync {
    /// Tells what happened here and asks for what is wanted; `None` when nobody answers.
    fn exchange(&self, report: Report) -> BoxFuture<'static, Option<Ruling>>;
}

/// What happened in this process since its last report, and what it wants.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// A 429 that says something new: its lane, and for how long nothing may be sent.
    pub throttled: Option<(Lane, Duration)>,
    /// By lane.
    pub lanes: [LaneReport; LANES],
}

/// A lane's part of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneReport {
    /// Requests sent.
    pub sent: u32,
    /// Answers 429.
    pub refused: u32,
    /// Slots wanted for calls that wait.
    pub wanted: u32,
    /// A first slot later than this is of no use.
    pub patience: Duration,
}

/// What holds for all processes.
#[derive(Debug, Clone, Default)]
pub struct Ruling {
    /// Counts the times that the gate was closed; slots of another epoch are void.
    pub epoch: i64,
    /// The gate is closed for so long; zero when it is open.
    pub pause: Duration,
    /// By lane.
    pub lanes: [LaneRuling; LANES],
}

/// A lane's part of a ruling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneRuling {
    /// A common pace is in force: nothing goes without a slot.
    pub is_paced: bool,
    /// Slots granted, fewer than were wanted where they are scarce.
    pub granted: u32,
    /// From now to the first slot; where none was granted, to the one that would have been.
    pub first: Duration,
    /// From slot to slot.
    pub interval: Duration,
}
