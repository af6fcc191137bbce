//! What a run comes to.

use std::time::Duration;

use serde_json::{Value, json};

/// What one process saw.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub calls: u32,
    /// From the call to its acceptance, for those that were accepted.
    pub waits: Vec<Duration>,
}

/// Requests, refusals, and commands to Redis.
pub struct Totals {
    pub requests: u64,
    pub refused: u64,
    pub commands: u64,
}

/// `capacity`: requests that the server would have taken in the time.
pub fn summary(processes: &[Seen], totals: &Totals, capacity: f64) -> Value {
    let mut waits: Vec<f64> = processes.iter().flat_map(|seen| &seen.waits).map(Duration::as_secs_f64).collect();
    waits.sort_by(f64::total_cmp);
    let calls: u32 = processes.iter().map(|seen| seen.calls).sum();
    let served: Vec<f64> = processes
        .iter()
        .filter(|seen| seen.calls > 0)
        .map(|seen| seen.waits.len() as f64 / f64::from(seen.calls))
        .collect();
    let means: Vec<f64> = processes.iter().filter(|seen| !seen.waits.is_empty()).map(Seen::mean_wait).collect();
    json!({
        "calls": calls,
        "accepted": waits.len(),
        "failedShare": 1.0 - waits.len() as f64 / f64::from(calls),
        "requests": totals.requests,
        "wastedShare": totals.refused as f64 / totals.requests as f64,
        "throughputShare": waits.len() as f64 / capacity,
        "waitP50": at(&waits, 0.5),
        "waitP99": at(&waits, 0.99),
        "jainServed": jain(&served),
        "meanWaitLeast": means.iter().copied().fold(f64::INFINITY, f64::min),
        "meanWaitMost": means.iter().copied().fold(0.0, f64::max),
        "redisCommandsPerCall": totals.commands as f64 / f64::from(calls),
    })
}

impl Seen {
    fn mean_wait(&self) -> f64 {
        self.waits.iter().map(Duration::as_secs_f64).sum::<f64>() / self.waits.len() as f64
    }
}

/// Jain's index: 1 when all have the same, 1/n when one has all.
fn jain(shares: &[f64]) -> f64 {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), share| (sum + share, squares + share * share));
    sum * sum / (shares.len() as f64 * squares)
}

fn at(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}
