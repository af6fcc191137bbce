//! Carries a process's reports to the others and brings back what holds for all, one exchange at a time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::fleet::{Fleet, PATIENCE, Report, Ruling};

/// Reports that nothing waits for are gathered for so long: four small commands a second at most, none without traffic.
const GATHERING: Duration = Duration::from_millis(250);

/// Where reports come from and rulings go to.
pub(super) trait Desk: Send + Sync + 'static {
    /// Something waits for the next exchange.
    fn is_urgent(&self) -> bool;
    /// `None`: nothing has happened.
    fn report(&self) -> Option<Report>;
    /// `None`: nobody answered.
    fn heard(&self, ruling: Option<Ruling>);
}

/// Runs until the desk is gone. `bell` is rung when there is something to tell or to ask.
pub(super) async fn carry<D: Desk>(desk: Weak<D>, bell: Arc<Notify>, fleet: Arc<dyn Fleet>) {
    let mut last = None;
    loop {
        bell.notified().await;
        while let (Some(desk), Some(due)) = (desk.upgrade(), last.map(|last: Instant| last + GATHERING)) {
            if desk.is_urgent() || Instant::now() >= due {
                break;
            }
            drop(desk);
            tokio::select! {
                () = bell.notified() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
        let Some(report) = desk.upgrade().map(|desk| desk.report()) else { return };
        let Some(report) = report else { continue };
        last = Some(Instant::now());
        let ruling = tokio::time::timeout(PATIENCE, fleet.exchange(report)).await.ok().flatten();
        let Some(desk) = desk.upgrade() else { return };
        desk.heard(ruling);
    }
}
