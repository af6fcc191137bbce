//! One sliding window for all processes under a known limit: the places that this one got, and what it tells the others.
//!
//! A report always says all that the process holds. A report that is lost, or a server that has lost its memory, therefore
//! does harm only until the next report.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::shared::{WindowGrant, WindowReport};
use super::sliding_window::SlidingWindow;

/// A process that holds places reports at least this often. What it holds counts as long as it reports.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);

/// Answers are gathered for so long before they are told, or for a quarter of a period where that is less: others learn of a
/// place before its time has come.
const GATHERING: Duration = Duration::from_millis(250);

/// A place that no request took is given up after this.
const GRANT_LIFE: Duration = Duration::from_secs(1);

/// Without an answer for so long, a process goes by its share of the limit.
const PATIENCE: Duration = Duration::from_secs(1);

/// After an exchange that failed the next one waits for so long.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Steps of a period in a report, so that no process takes much room on the server. Each time is rounded to the end of its
/// step.
const STEPS: u64 = 64;

#[derive(Debug)]
pub(super) struct SharedWindow {
    /// Notified when there is something to tell or to ask.
    wanted: Arc<Notify>,
    process: u64,
    number: u64,
    /// Places for requests that will be sent.
    granted: u32,
    granted_at: Instant,
    /// No place before.
    opens: Option<Instant>,
    processes: u32,
    /// Calls that began and have not asked yet.
    expected: u32,
    /// The first in line waits for the answer to the next report.
    is_asking: bool,
    has_changed: bool,
    /// It held something when it was last answered.
    has_past: bool,
    reported_at: Option<Instant>,
    others: Others,
}

/// Whether anything is heard of the other processes.
#[derive(Debug, PartialEq, Eq)]
enum Others {
    Heard,
    Silent(Instant),
    /// This process goes by its share.
    Gone,
}

impl SharedWindow {
    pub(super) fn new(wanted: Arc<Notify>, process: u64) -> Self {
        Self {
            wanted,
            process,
            number: 0,
            granted: 0,
            granted_at: Instant::now(),
            opens: None,
            processes: 1,
            expected: 0,
            is_asking: false,
            has_changed: false,
            has_past: false,
            reported_at: None,
            others: Others::Heard,
        }
    }

    /// When the first in line may go, as far as the others are concerned; `None` until the next answer.
    pub(super) fn opens(&mut self, now: Instant) -> Option<Instant> {
        self.drop_stale(now);
        if self.others == Others::Gone || self.granted > 0 {
            return Some(now);
        }
        if let Some(opens) = self.opens.filter(|opens| *opens > now) {
            return Some(opens);
        }
        self.ask();
        None
    }

    /// A call begins: a place should be here by the time it sends its request.
    pub(super) fn expect(&mut self, now: Instant) {
        if self.others != Others::Gone && self.opens.is_none_or(|opens| opens <= now) {
            self.expected += 1;
            self.ask();
        }
    }

    /// A request goes out.
    pub(super) fn sent(&mut self, now: Instant) {
        self.drop_stale(now);
        self.granted = self.granted.saturating_sub(1);
        self.changed();
    }

    /// Notes that what the process holds has changed.
    pub(super) fn changed(&mut self) {
        if !std::mem::replace(&mut self.has_changed, true) {
            self.wanted.notify_one();
        }
    }

    fn ask(&mut self) {
        if !std::mem::replace(&mut self.is_asking, true) {
            self.wanted.notify_one();
        }
    }

    fn drop_stale(&mut self, now: Instant) {
        if self.granted > 0 && now >= self.granted_at + GRANT_LIFE {
            self.granted = 0;
        }
    }

    /// When the next report is due.
    pub(super) fn due(&self, window: &mut SlidingWindow, waiting: usize, now: Instant) -> Option<Instant> {
        let Some(reported_at) = self.reported_at else { return (self.is_asking || self.has_changed).then_some(now) };
        let is_asking = self.is_asking && self.others != Others::Gone;
        let holds = self.has_past || waiting > 0 || window.is_used(now);
        let reasons = [
            // One lost answer is no reason to go alone: several are tried before that.
            (is_asking || matches!(self.others, Others::Silent(_))).then_some(reported_at),
            self.has_changed.then(|| reported_at + GATHERING.min(window.hold() / 4)),
            (self.granted > 0).then(|| self.granted_at + GRANT_LIFE),
            holds.then_some(reported_at + HEARTBEAT),
        ];
        let pause = if self.others == Others::Heard { Duration::ZERO } else { RETRY_PAUSE };
        reasons.into_iter().flatten().min().map(|due| due.max(reported_at + pause))
    }

    /// What the process holds and wants.
    pub(super) fn report(&mut self, window: &mut SlidingWindow, waiting: usize, now: Instant) -> WindowReport {
        self.drop_stale(now);
        (self.is_asking, self.has_changed, self.reported_at) = (false, false, Some(now));
        self.number += 1;
        let expected = std::mem::take(&mut self.expected);
        let answered = window.history(now, (window.hold().as_millis() as u64 / STEPS).max(1));
        let unanswered = window.unanswered() + self.granted;
        WindowReport {
            process: self.process,
            number: self.number,
            requests: window.limit(),
            hold: window.hold(),
            has_past: self.has_past,
            held: unanswered,
            wanted: (waiting as u32).max(expected).saturating_sub(self.granted).min(window.limit()),
            answered,
        }
    }

    /// Takes over what is left, or goes on alone where nobody has answered for long.
    pub(super) fn apply(&mut self, window: &mut SlidingWindow, grant: Option<WindowGrant>, now: Instant) {
        let reported_at = self.reported_at.unwrap_or(now);
        if let Some(grant) = grant {
            self.others = Others::Heard;
            window.share(None);
            self.processes = grant.processes;
            self.granted += grant.granted;
            self.granted_at = reported_at;
            self.has_past = self.granted > 0 || window.is_used(now);
            self.opens = (!grant.opens.is_zero()).then(|| now + grant.opens);
            return;
        }
        match self.others {
            Others::Heard => self.others = Others::Silent(reported_at),
            Others::Silent(since) if now >= since + PATIENCE => {
                self.others = Others::Gone;
                (self.granted, self.opens) = (0, None);
                window.share(Some(self.processes));
            }
            Others::Silent(_) | Others::Gone => {}
        }
    }
}

#[cfg(test)]
#[path = "shared_window_tests.rs"]
mod tests;
