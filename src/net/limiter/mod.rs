//! How many requests are under way, and how fast they go: one limiter for the instance, one queue for each group of
//! requests that the server limits together.
//!
//! A 429 stops every group until the server's time is over. Requests wait in the order in which they came; one that was
//! refused keeps its place before the later ones. Each group starts slowly: its window, the number of requests in flight,
//! grows by one for every sixteen that were accepted, so that the first 429 of a server can waste no more than about that
//! share.
//!
//! Processes that share a limit can share the pauses and the pace too, through a [`SharedLimiter`]. Without its answer,
//! and without a 429 lately, each goes by its own.
//!
//! - [`group`]: which requests are limited together
//! - [`ticket`]: a place in line, and why there is no turn
//! - [`state`]: the queues, and whose turn it is
//! - [`rate`]: the pace of one group
//! - [`permit`]: a request under way
//! - [`shared`], [`shared_state`], [`sync`]: the same for all processes that share a limit

pub(crate) mod group;
mod permit;
mod rate;
pub(crate) mod shared;
mod shared_state;
mod state;
mod sync;
mod ticket;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::sync::lock;
pub(crate) use group::RateLimitGroup;
pub(crate) use permit::Permit;
use permit::Place;
pub(crate) use shared::SharedLimiter;
use state::{LimiterState, Turn};
pub(crate) use ticket::{Paused, Ticket};

/// In flight at first: enough to keep a server on loopback busy, few enough to waste little when the first 429 comes.
const FIRST_WINDOW: f64 = 24.0;
/// The same where other processes start under the same limit.
const FIRST_SHARED_WINDOW: f64 = 8.0;

/// Limits the requests of an instance, and adapts to what the server accepts.
#[derive(Debug)]
pub(crate) struct AdaptiveLimiter {
    state: Arc<Mutex<LimiterState>>,
    next_ticket: AtomicU64,
    sync: Option<LimiterSync>,
}

/// The way to the other processes.
struct LimiterSync {
    shared: Arc<dyn SharedLimiter>,
    wanted: Arc<Notify>,
    /// Started by the first call: before it there need be no runtime.
    task: OnceLock<AbortHandle>,
}

impl std::fmt::Debug for LimiterSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimiterSync").finish_non_exhaustive()
    }
}

impl AdaptiveLimiter {
    /// At most `max_window` requests of each group at a time. That is `maxConcurrency` once more: the authenticator admits
    /// so many calls, and requests outside of such calls (a rotation) are limited here alone. `shared` is the limiter of
    /// all processes under the same limit.
    pub(crate) fn new(max_window: u32, shared: Option<Arc<dyn SharedLimiter>>) -> Self {
        let max_window = f64::from(max_window);
        let first_window = if shared.is_some() { FIRST_SHARED_WINDOW } else { FIRST_WINDOW }.min(max_window);
        let sync = shared.map(|shared| LimiterSync { shared, wanted: Arc::default(), task: OnceLock::new() });
        let state = LimiterState::new(first_window, max_window, sync.as_ref().map(|sync| &sync.wanted));
        Self { state: Arc::new(Mutex::new(state)), next_ticket: AtomicU64::new(0), sync }
    }

    /// A call begins that will send a request soon: asks what other processes know. Must be called on a runtime.
    pub(crate) fn refresh(&self) {
        if self.sync.is_some() {
            self.start_sync();
            if let Some(shared) = &mut lock(&self.state).shared {
                shared.refresh(Instant::now());
            }
        }
    }

    fn start_sync(&self) {
        if let Some(sync) = &self.sync {
            sync.task.get_or_init(|| {
                let own = Arc::downgrade(&self.state);
                tokio::spawn(sync::run(own, Arc::clone(&sync.wanted), Arc::clone(&sync.shared))).abort_handle()
            });
        }
    }

    /// A place at the end of the line.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.next_ticket.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for this ticket's turn. Fails at once when a pause lasts until after `deadline`.
    pub(crate) async fn admit(
        &self,
        group: RateLimitGroup,
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<Permit<'_>, Paused> {
        self.start_sync();
        let now = Instant::now();
        let called = {
            let mut state = lock(&self.state);
            state.check_deadline(now, deadline)?;
            if state.is_idle(group) && matches!(state.turn(group, now, deadline), Turn::Now) {
                return Ok(Permit::new(&self.state, &mut state, group, now));
            }
            state.enqueue(group, ticket, deadline)
        };
        let _place = Place { queues: &self.state, group, ticket };
        loop {
            let wake_at = {
                let now = Instant::now();
                let mut state = lock(&self.state);
                state.check_deadline(now, deadline)?;
                match if state.is_first(group, ticket) { state.turn(group, now, deadline) } else { Turn::WhenCalled } {
                    Turn::Now => return Ok(Permit::new(&self.state, &mut state, group, now)),
                    Turn::At(instant) => Some(instant),
                    Turn::WhenCalled => None,
                    Turn::TooLate(wait) => return Err(Paused(wait)),
                }
            };
            match wake_at {
                Some(instant) => {
                    tokio::select! {
                        () = called.notified() => {}
                        () = tokio::time::sleep_until(instant) => {}
                    }
                }
                None => called.notified().await,
            }
        }
    }

    /// Forgets what this instance has learnt; what processes share stays.
    pub(crate) fn reset(&self) {
        lock(&self.state).reset();
    }

    /// Requests in flight and requests that wait for their turn.
    pub(crate) fn load(&self) -> (u32, usize) {
        lock(&self.state).load()
    }
}

impl Drop for AdaptiveLimiter {
    fn drop(&mut self) {
        if let Some(task) = self.sync.as_ref().and_then(|sync| sync.task.get()) {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod shared_tests;
