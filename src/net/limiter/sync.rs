//! Sends a process's reports to the shared limiter and brings back what holds for all, one exchange at a time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::shared::{Allowance, HINT_TIMEOUT, SharedLimiter, UsageReport};

/// Reports that no request waits for are gathered for so long: at most four small commands a second, none without
/// traffic.
const GATHERING: Duration = Duration::from_millis(250);

/// The process's own limiter, as far as it takes part.
pub(super) trait SyncedLimiter: Send + Sync + 'static {
    /// A request waits for the next exchange.
    fn is_urgent(&self) -> bool;
    /// `None`: nothing has happened.
    fn report(&self) -> Option<UsageReport>;
    /// `None`: nobody answered.
    fn apply(&self, allowance: Option<Allowance>);
}

/// Runs until the process's limiter is gone. `wanted` is notified when there is something to tell or to ask.
pub(super) async fn run<L: SyncedLimiter>(own: Weak<L>, wanted: Arc<Notify>, shared: Arc<dyn SharedLimiter>) {
    let mut last = None;
    loop {
        wanted.notified().await;
        while let (Some(limiter), Some(due)) = (own.upgrade(), last.map(|last: Instant| last + GATHERING)) {
            if limiter.is_urgent() || Instant::now() >= due {
                break;
            }
            drop(limiter);
            tokio::select! {
                () = wanted.notified() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
        let Some(report) = own.upgrade().map(|limiter| limiter.report()) else { return };
        let Some(report) = report else { continue };
        last = Some(Instant::now());
        let allowance = tokio::time::timeout(HINT_TIMEOUT, shared.exchange(report)).await.ok().flatten();
        let Some(limiter) = own.upgrade() else { return };
        limiter.apply(allowance);
    }
}
