//! A request that may be sent, and its place in line before that.

use std::time::Duration;

use tokio::time::Instant;

use super::group::RateLimitGroup;
use super::state::LimiterState;
use super::{ACCEPTED_PER_STEP, AdaptiveLimiter, Ticket};
use crate::sync::lock;

/// A place in line. Leaving it, admitted or not, lets the next one look.
pub(super) struct Place<'a> {
    pub(super) limiter: &'a AdaptiveLimiter,
    pub(super) group: RateLimitGroup,
    pub(super) ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.limiter.state).groups[self.group.index()].leave(self.ticket);
    }
}

/// One request under way. Dropping it without a word counts as neither accepted nor refused.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    limiter: &'a AdaptiveLimiter,
    group: RateLimitGroup,
    sent_at: Instant,
}

impl<'a> Permit<'a> {
    pub(super) fn new(
        limiter: &'a AdaptiveLimiter,
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
        Self { limiter, group, sent_at: now }
    }

    /// The server took the request, whatever it then answered.
    pub(crate) fn accepted(self) {
        let mut state = lock(&self.limiter.state);
        let own = &mut state.groups[self.group.index()];
        own.window = (own.window + 1.0 / ACCEPTED_PER_STEP).min(self.limiter.max_window);
        let is_idle = own.is_empty();
        own.rate.accepted(Instant::now(), is_idle);
    }

    /// The server said 429: nothing is sent for `wait`.
    pub(crate) fn throttled(self, wait: Duration) {
        lock(&self.limiter.state).throttled(self.group, self.sent_at, wait, self.limiter.max_window);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.limiter.state);
        let own = &mut state.groups[self.group.index()];
        own.in_flight -= 1;
        own.call_first();
    }
}
