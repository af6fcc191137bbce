//! A request that may be sent, and its place in line before that.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::announced::Announcement;
use super::group::RateLimitGroup;
use super::known_limit::Fate;
use super::state::{LimiterState, Position};
use crate::sync::lock;

/// A place in line. Leaving it, admitted or not, lets the next one look.
pub(super) struct QueuePlace<'a> {
    pub(super) queues: &'a Mutex<LimiterState>,
    pub(super) group: RateLimitGroup,
    pub(super) position: Position,
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        lock(self.queues).leave(self.group, self.position);
    }
}

/// One request under way. Dropping it without a word counts as neither accepted nor refused, and as one that may have
/// arrived.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    queues: &'a Mutex<LimiterState>,
    group: RateLimitGroup,
    sent_at: Instant,
    fate: Fate,
}

impl<'a> Permit<'a> {
    pub(super) fn new(
        queues: &'a Mutex<LimiterState>,
        state: &mut LimiterState,
        group: RateLimitGroup,
        now: Instant,
    ) -> Self {
        let own = &mut state.groups[group.index()];
        own.in_flight += 1;
        own.rate.sent(now);
        if let Some(shared) = &mut state.shared {
            shared.sent(group);
        }
        if group.has_access_token() {
            state.with_token += 1;
            state.known.sent(now);
        }
        Self { queues, group, sent_at: now, fate: Fate::Lost }
    }

    /// The server took the request, whatever it then answered. What the answer says of the limit holds from now on.
    pub(crate) fn accepted(mut self, announcement: Option<Announcement>) {
        self.fate = Fate::Answered;
        let mut state = lock(self.queues);
        if let Some(announcement) = announcement.filter(|_| self.group.has_access_token()) {
            let is_shared = state.shared.is_some();
            state.known.learn(announcement, is_shared, self.sent_at);
        }
        state.accepted(self.group);
    }

    /// The server said 429: nothing is sent for `wait`.
    pub(crate) fn throttled(mut self, wait: Duration) {
        self.fate = Fate::Answered;
        lock(self.queues).throttled(self.group, self.sent_at, wait);
    }

    /// The request never left this machine.
    pub(crate) fn unsent(mut self) {
        self.fate = Fate::Unsent;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.queues);
        state.groups[self.group.index()].in_flight -= 1;
        if self.group.has_access_token() {
            state.with_token -= 1;
            state.known.ended(self.fate);
        }
        state.call_next(self.group);
    }
}
