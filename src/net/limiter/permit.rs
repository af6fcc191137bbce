//! A request that may be sent, and its place in line before that.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::group::RateLimitGroup;
use super::state::LimiterState;
use super::ticket::Ticket;
use crate::sync::lock;

/// A place in line. Leaving it, admitted or not, lets the next one look.
pub(super) struct Place<'a> {
    pub(super) queues: &'a Mutex<LimiterState>,
    pub(super) group: RateLimitGroup,
    pub(super) ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(self.queues).groups[self.group.index()].leave(self.ticket);
    }
}

/// One request under way. Dropping it without a word counts as neither accepted nor refused.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    queues: &'a Mutex<LimiterState>,
    group: RateLimitGroup,
    sent_at: Instant,
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
        Self { queues, group, sent_at: now }
    }

    /// The server took the request, whatever it then answered.
    pub(crate) fn accepted(self) {
        lock(self.queues).accepted(self.group);
    }

    /// The server said 429: nothing is sent for `wait`.
    pub(crate) fn throttled(self, wait: Duration) {
        lock(self.queues).throttled(self.group, self.sent_at, wait);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.queues);
        let own = &mut state.groups[self.group.index()];
        own.in_flight -= 1;
        own.call_first();
    }
}
