//! Sends a process's reports on the known limit and brings back the places that it gets, one exchange at a time.

use std::sync::{Arc, Weak};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::shared::{HINT_TIMEOUT, SharedLimiter, WindowGrant, WindowReport};

/// The process's own limiter, as far as it shares a window.
pub(super) trait SyncedWindow: Send + Sync + 'static {
    /// When the next report is due; `None`: not before something happens.
    fn due(&self, now: Instant) -> Option<Instant>;
    /// `None`: there is no window.
    fn report(&self, now: Instant) -> Option<WindowReport>;
    /// `None`: nobody answered.
    fn apply(&self, grant: Option<WindowGrant>);
}

/// Runs until the process's limiter is gone. `wanted` is notified when there is something to tell or to ask.
pub(super) async fn run<W: SyncedWindow>(own: Weak<W>, wanted: Arc<Notify>, shared: Arc<dyn SharedLimiter>) {
    loop {
        let now = Instant::now();
        let Some(due) = own.upgrade().map(|window| window.due(now)) else { return };
        match due {
            None => wanted.notified().await,
            Some(due) if due > now => {
                tokio::select! {
                    () = wanted.notified() => {}
                    () = tokio::time::sleep_until(due) => {}
                }
            }
            Some(_) => {
                let Some(report) = own.upgrade().and_then(|window| window.report(now)) else { return };
                let grant = tokio::time::timeout(HINT_TIMEOUT, shared.take(report)).await.ok().flatten();
                let Some(window) = own.upgrade() else { return };
                window.apply(grant);
            }
        }
    }
}
