//! The queues of an instance, and whose turn it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::group::{GROUPS, RateLimitGroup};
use super::known_limit::KnownLimit;
use super::rate::Rate;
use super::shared::{Allowance, UsageReport, WindowGrant, WindowReport};
use super::shared_state::{SharedLimiterState, Slot};
use super::sync::SyncedLimiter;
use super::ticket::{Ticket, TooLate, Turn};
use super::window_sync::SyncedWindow;
use crate::sync::lock;

/// In flight at least, after any number of 429s: keeps 100 calls/s possible with 80 ms to the server.
const LEAST_WINDOW: f64 = 8.0;
/// Answers other than a 429 for which a window grows by one.
const ACCEPTED_PER_STEP: f64 = 16.0;

#[derive(Debug)]
pub(super) struct LimiterState {
    /// Nothing is sent until then.
    reopens: Option<Instant>,
    /// When a 429 last began a pause: answers to requests sent before it say nothing new.
    paused_at: Option<Instant>,
    pub(super) groups: [GroupQueue; GROUPS],
    /// No window grows beyond the second.
    first_window: f64,
    max_window: f64,
    /// Where the pace is shared.
    pub(super) shared: Option<SharedLimiterState>,
    /// The limit of the access token, where it is known: for all groups together.
    pub(super) known: KnownLimit,
    /// Requests in flight that carry it.
    pub(super) with_token: u32,
}

/// In line by the end of the call, and so by its beginning: what finishes a call goes before what begins another one.
pub(super) type Position = (Instant, u64);

#[derive(Debug)]
pub(super) struct GroupQueue {
    pub(super) in_flight: u32,
    /// As many may be in flight; its fraction counts what was accepted since the last step.
    pub(super) window: f64,
    pub(super) rate: Rate,
    waiting: BTreeMap<Position, Arc<Notify>>,
}

impl LimiterState {
    pub(super) fn new(window: f64, max_window: f64, known: KnownLimit, sync_wanted: Option<&Arc<Notify>>) -> Self {
        let group = |_| GroupQueue { in_flight: 0, window, rate: Rate::new(), waiting: BTreeMap::new() };
        Self {
            reopens: None,
            paused_at: None,
            groups: std::array::from_fn(group),
            first_window: window,
            max_window,
            shared: sync_wanted.map(|wanted| SharedLimiterState::new(Arc::clone(wanted))),
            known,
            with_token: 0,
        }
    }

    pub(super) fn check_deadline(&self, now: Instant, deadline: Instant) -> Result<(), TooLate> {
        match self.reopens {
            Some(reopens) if reopens > now && reopens >= deadline => Err(TooLate::Paused(reopens - now)),
            _ => Ok(()),
        }
    }

    /// A known limit holds for the group.
    fn is_known(&self, group: RateLimitGroup) -> bool {
        group.has_access_token() && self.known.is_some()
    }

    /// Nobody waits whose turn comes before that of a newcomer in the group.
    pub(super) fn is_idle(&self, group: RateLimitGroup) -> bool {
        if self.is_known(group) {
            self.groups.iter().all(GroupQueue::is_empty)
        } else {
            self.groups[group.index()].is_empty()
        }
    }

    /// Puts a request in line, unless those before it take all that there will be until its deadline. What is returned is
    /// notified when it should look again.
    pub(super) fn enqueue(
        &mut self,
        group: RateLimitGroup,
        ticket: Ticket,
        now: Instant,
        deadline: Instant,
    ) -> Result<(Position, Arc<Notify>), TooLate> {
        let position = (deadline, ticket.0);
        if group.has_access_token() {
            let queues = self.groups.iter().map(|group| &group.waiting);
            self.known.check_deadline(|| queues.map(|queue| ahead(queue, position)).sum(), now, deadline)?;
        }
        let called = Arc::new(Notify::new());
        self.groups[group.index()].waiting.insert(position, Arc::clone(&called));
        Ok((position, called))
    }

    /// Leaves the line, admitted or not.
    pub(super) fn leave(&mut self, group: RateLimitGroup, position: Position) {
        self.groups[group.index()].waiting.remove(&position);
        self.call_next(group);
    }

    /// Something has changed for the group, and for all of them where they share a limit.
    pub(super) fn call_next(&self, group: RateLimitGroup) {
        if self.known.is_some() {
            self.call_firsts();
        } else {
            self.groups[group.index()].call_first();
        }
    }

    pub(super) fn call_firsts(&self) {
        self.groups.iter().for_each(GroupQueue::call_first);
    }

    /// When the request in this position of the line may go.
    pub(super) fn turn(&mut self, group: RateLimitGroup, position: Position, now: Instant) -> Turn {
        let (deadline, _) = position;
        if self.groups[group.index()].first().is_some_and(|first| first < position) {
            return Turn::WhenCalled;
        }
        if let Some(reopens) = self.reopens {
            if reopens > now {
                return Turn::At(reopens);
            }
            self.reopens = None;
        }
        if !self.groups[group.index()].is_open() {
            return Turn::WhenCalled;
        }
        match self.shared.as_mut().and_then(|shared| shared.slot(group, now, deadline)) {
            Some(Slot::Now) => {}
            Some(Slot::At(instant)) => return Turn::At(instant),
            Some(Slot::Asked) => return Turn::WhenCalled,
            Some(Slot::TooLate(wait)) => return Turn::Never(TooLate::Paused(wait)),
            None => match self.groups[group.index()].rate.next() {
                Some(next) if next > now => return Turn::At(next),
                _ => {}
            },
        }
        if !self.is_known(group) {
            return Turn::Now;
        }
        let is_earlier = |other: &GroupQueue| other.is_open() && other.first().is_some_and(|first| first < position);
        if self.groups.iter().any(is_earlier) {
            return Turn::WhenCalled;
        }
        self.known.turn(self.with_token, now, deadline)
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
            self.known.throttled();
            let own = &mut self.groups[group.index()];
            own.window = (own.window / 2.0).max(LEAST_WINDOW.min(self.max_window));
            own.rate.throttled(now, reopens);
        }
        for called in self.groups.iter().flat_map(|group| group.waiting.values()) {
            called.notify_one();
        }
    }

    /// As if no answer had come so far. Requests in flight and in line stay.
    pub(super) fn reset(&mut self) {
        (self.reopens, self.paused_at) = (None, None);
        self.known.reset();
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

    /// One more may be in flight.
    fn is_open(&self) -> bool {
        f64::from(self.in_flight) < self.window.floor()
    }

    fn first(&self) -> Option<Position> {
        self.waiting.first_key_value().map(|(position, _)| *position)
    }

    pub(super) fn call_first(&self) {
        if let Some((_, called)) = self.waiting.first_key_value() {
            called.notify_one();
        }
    }
}

/// How many of a queue come before a position. Most come last.
fn ahead(queue: &BTreeMap<Position, Arc<Notify>>, position: Position) -> usize {
    match queue.last_key_value() {
        Some((last, _)) if *last > position => queue.range(..position).count(),
        _ => queue.len(),
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
            waiting.first_key_value().map(|((deadline, _), _)| (waiting.len(), *deadline))
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
        state.call_firsts();
    }
}

impl SyncedWindow for Mutex<LimiterState> {
    fn due(&self, now: Instant) -> Option<Instant> {
        let state = &mut *lock(self);
        let waiting = state.load().1;
        let (window, shared) = state.known.shared_window()?;
        shared.due(window, waiting, now)
    }

    fn report(&self, now: Instant) -> Option<WindowReport> {
        let state = &mut *lock(self);
        let waiting = state.load().1;
        let (window, shared) = state.known.shared_window()?;
        Some(shared.report(window, waiting, now))
    }

    fn apply(&self, grant: Option<WindowGrant>) {
        let state = &mut *lock(self);
        if let Some((window, shared)) = state.known.shared_window() {
            shared.apply(window, grant, Instant::now());
        }
        state.call_firsts();
    }
}
