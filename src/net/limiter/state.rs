//! The queues of an instance, and whose turn it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::group::{GROUPS, RateLimitGroup};
use super::rate::Rate;
use super::shared::{Allowance, UsageReport};
use super::shared_state::{SharedLimiterState, Slot};
use super::sync::SyncedLimiter;
use super::ticket::{Paused, Ticket};
use crate::sync::lock;

/// In flight at least, after any number of 429s: keeps 100 calls/s possible with 80 ms to the server.
const LEAST_WINDOW: f64 = 8.0;
/// Answers other than a 429 for which a window grows by one.
const ACCEPTED_PER_STEP: f64 = 16.0;

#[derive(Debug)]
pub(super) struct LimiterState {
    /// Nothing is sent until then.
    reopens: Option<Instant>,
    /// When a 429 last began a pause: answers to requests sent before are old news.
    paused_at: Option<Instant>,
    pub(super) groups: [GroupQueue; GROUPS],
    /// No window grows beyond the second.
    first_window: f64,
    max_window: f64,
    /// Where the pace is shared.
    pub(super) shared: Option<SharedLimiterState>,
}

#[derive(Debug)]
pub(super) struct GroupQueue {
    pub(super) in_flight: u32,
    /// As many may be in flight; its fraction counts what was accepted since the last step.
    pub(super) window: f64,
    pub(super) rate: Rate,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    called: Arc<Notify>,
    deadline: Instant,
}

pub(super) enum Turn {
    Now,
    At(Instant),
    WhenCalled,
    TooLate(Duration),
}

impl LimiterState {
    pub(super) fn new(window: f64, max_window: f64, sync_wanted: Option<&Arc<Notify>>) -> Self {
        let group = |_| GroupQueue { in_flight: 0, window, rate: Rate::new(), waiting: BTreeMap::new() };
        Self {
            reopens: None,
            paused_at: None,
            groups: std::array::from_fn(group),
            first_window: window,
            max_window,
            shared: sync_wanted.map(|wanted| SharedLimiterState::new(Arc::clone(wanted))),
        }
    }

    pub(super) fn check_deadline(&self, now: Instant, deadline: Instant) -> Result<(), Paused> {
        match self.reopens {
            Some(reopens) if reopens > now && reopens >= deadline => Err(Paused(reopens - now)),
            _ => Ok(()),
        }
    }

    /// Nobody waits in the group.
    pub(super) fn is_idle(&self, group: RateLimitGroup) -> bool {
        self.groups[group.index()].waiting.is_empty()
    }

    pub(super) fn is_first(&self, group: RateLimitGroup, ticket: Ticket) -> bool {
        self.groups[group.index()].waiting.first_key_value().is_some_and(|(first, _)| *first == ticket.0)
    }

    /// Puts a request in line. What is returned is notified when it should look again.
    pub(super) fn enqueue(&mut self, group: RateLimitGroup, ticket: Ticket, deadline: Instant) -> Arc<Notify> {
        let called = Arc::new(Notify::new());
        let waiting = Waiting { called: Arc::clone(&called), deadline };
        self.groups[group.index()].waiting.insert(ticket.0, waiting);
        called
    }

    pub(super) fn turn(&mut self, group: RateLimitGroup, now: Instant, deadline: Instant) -> Turn {
        if let Some(reopens) = self.reopens {
            if reopens > now {
                return Turn::At(reopens);
            }
            self.reopens = None;
        }
        let own = &self.groups[group.index()];
        if f64::from(own.in_flight) >= own.window.floor() {
            return Turn::WhenCalled;
        }
        match self.shared.as_mut().and_then(|shared| shared.slot(group, now, deadline)) {
            Some(Slot::Now) => Turn::Now,
            Some(Slot::At(instant)) => Turn::At(instant),
            Some(Slot::Asked) => Turn::WhenCalled,
            Some(Slot::TooLate(wait)) => Turn::TooLate(wait),
            None => match own.rate.next() {
                Some(next) if next > now => Turn::At(next),
                _ => Turn::Now,
            },
        }
    }

    /// The server took a request.
    pub(super) fn accepted(&mut self, group: RateLimitGroup) {
        let own = &mut self.groups[group.index()];
        own.window = (own.window + 1.0 / ACCEPTED_PER_STEP).min(self.max_window);
        let is_idle = own.is_empty();
        own.rate.accepted(Instant::now(), is_idle);
    }

    /// A request sent at `sent_at` was answered 429: nothing is sent for `wait`.
    pub(super) fn throttled(&mut self, group: RateLimitGroup, sent_at: Instant, wait: Duration) {
        let now = Instant::now();
        let reopens = (now + wait).max(self.reopens.unwrap_or(now));
        self.reopens = Some(reopens);
        // The other requests that were under way at that moment tell nothing new about the server's limit.
        let is_news = self.paused_at.is_none_or(|paused_at| sent_at > paused_at);
        if let Some(shared) = &mut self.shared {
            shared.refused(group, is_news.then_some(reopens));
        }
        if is_news {
            self.paused_at = Some(now);
            let own = &mut self.groups[group.index()];
            own.window = (own.window / 2.0).max(LEAST_WINDOW.min(self.max_window));
            own.rate.throttled(now, reopens);
        }
        for waiting in self.groups.iter().flat_map(|group| group.waiting.values()) {
            waiting.called.notify_one();
        }
    }

    /// As if no answer had come so far. Requests in flight and in line stay.
    pub(super) fn reset(&mut self) {
        (self.reopens, self.paused_at) = (None, None);
        for group in &mut self.groups {
            (group.window, group.rate) = (self.first_window, Rate::new());
            group.call_first();
        }
    }

    /// Requests in flight and requests that wait.
    pub(super) fn load(&self) -> (u32, usize) {
        let add = |(flying, waiting), group: &GroupQueue| (flying + group.in_flight, waiting + group.waiting.len());
        self.groups.iter().fold((0, 0), add)
    }
}

impl GroupQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket.0);
        self.call_first();
    }

    pub(super) fn call_first(&self) {
        if let Some((_, first)) = self.waiting.first_key_value() {
            first.called.notify_one();
        }
    }
}

impl SyncedLimiter for Mutex<LimiterState> {
    fn is_urgent(&self) -> bool {
        lock(self).shared.as_ref().is_some_and(SharedLimiterState::is_urgent)
    }

    fn report(&self) -> Option<UsageReport> {
        let state = &mut *lock(self);
        let queue = |group: usize| {
            let waiting = &state.groups[group].waiting;
            waiting.first_key_value().map(|(_, first)| (waiting.len(), first.deadline))
        };
        state.shared.as_mut().and_then(|shared| shared.report(Instant::now(), queue))
    }

    fn apply(&self, allowance: Option<Allowance>) {
        let now = Instant::now();
        let state = &mut *lock(self);
        if let Some(shared) = &mut state.shared {
            match allowance {
                Some(allowance) => {
                    let reopens = shared.apply(&allowance, now);
                    if reopens.is_some() && state.reopens.is_none_or(|known| known <= now) {
                        state.paused_at = Some(now);
                    }
                    state.reopens = state.reopens.max(reopens);
                }
                None => shared.go_alone(),
            }
        }
        state.groups.iter().for_each(GroupQueue::call_first);
    }
}
