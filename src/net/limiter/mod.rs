//! How many requests are under way, and how fast they go: one limiter for the instance, one queue for each group of
//! requests that the server limits together.
//!
//! A 429 stops every group until the server's time is over. Requests wait in the order in which they came; one that was
//! refused keeps its place before the later ones. Each group starts slowly: its window, the number of requests in flight,
//! grows by one for every sixteen that were accepted, so that the first 429 of a server can waste no more than about that
//! share.
//!
//! Where the server's limit is known, from the configuration or from its answers, no request is sent that it would refuse.
//! All groups are one line then, in the order of their calls, and none of them starts slowly.
//!
//! Processes that share a limit can share the pauses, the pace and the known limit too, through a [`SharedLimiter`]. Without
//! its answer each goes by its own.
//!
//! - [`group`]: which requests are limited together
//! - [`ticket`]: a place in line, and when its turn comes
//! - [`state`]: the queues, and whose turn it is
//! - [`rate`]: the pace of one group
//! - [`permit`]: a request under way
//! - [`known_limit`]: the server's limit: [`sliding_window`] as it is configured, [`announced`] as answers tell it
//! - [`shared`], [`shared_state`], [`sync`]: pauses and pace of all processes that share a limit
//! - [`shared_window`], [`window_sync`]: their known limit

mod announced;
pub(crate) mod group;
mod known_limit;
mod permit;
mod rate;
pub(crate) mod shared;
mod shared_state;
mod shared_window;
pub(crate) mod sliding_window;
mod state;
mod sync;
mod ticket;
mod window_sync;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::sync::lock;
pub(crate) use announced::Announcement;
pub(crate) use group::RateLimitGroup;
use known_limit::KnownLimit;
pub(crate) use permit::Permit;
use permit::QueuePlace;
pub(crate) use shared::SharedLimiter;
use shared_window::SharedWindow;
pub(crate) use sliding_window::RateLimit;
use sliding_window::SlidingWindow;
use state::LimiterState;
use ticket::Turn;
pub(crate) use ticket::{Ticket, TooLate};

/// In flight at first: enough to keep a server on loopback busy, few enough to waste little when the first 429 comes.
const FIRST_WINDOW: f64 = 24.0;
/// The same where other processes start under the same limit.
const FIRST_SHARED_WINDOW: f64 = 8.0;

/// What an instance knows of its limits from the beginning.
pub(crate) struct Limits {
    /// Requests of each group in flight. That is `maxConcurrency` once more: the authenticator admits so many calls, and
    /// requests outside of such calls (a rotation) are limited here alone.
    pub(crate) max_in_flight: u32,
    /// The server's limit.
    pub(crate) rate_limit: Option<RateLimit>,
    /// The limiter of all processes under the same limit.
    pub(crate) shared: Option<Arc<dyn SharedLimiter>>,
}

impl Limits {
    /// No more than what may be in flight.
    pub(crate) fn in_flight(max_in_flight: u32) -> Self {
        Self { max_in_flight, rate_limit: None, shared: None }
    }
}

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
    /// Where the server's limit is known.
    window_wanted: Option<Arc<Notify>>,
    /// Started by the first call: before it there need be no runtime.
    tasks: OnceLock<Vec<AbortHandle>>,
}

impl std::fmt::Debug for LimiterSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimiterSync").finish_non_exhaustive()
    }
}

impl AdaptiveLimiter {
    pub(crate) fn new(Limits { max_in_flight, rate_limit, shared }: Limits) -> Self {
        let max_window = f64::from(max_in_flight);
        let first_window = match (rate_limit, &shared) {
            (Some(_), _) => max_window,
            (None, Some(_)) => FIRST_SHARED_WINDOW,
            (None, None) => FIRST_WINDOW,
        };
        let sync = shared.map(|shared| LimiterSync {
            shared,
            wanted: Arc::default(),
            window_wanted: rate_limit.map(|_| Arc::default()),
            tasks: OnceLock::new(),
        });
        let known = rate_limit.map_or(KnownLimit::Unknown, |limit| {
            let wanted = sync.as_ref().and_then(|sync| sync.window_wanted.as_ref());
            let process = || Uuid::new_v4().as_u64_pair().0;
            let shared = wanted.map(|wanted| SharedWindow::new(Arc::clone(wanted), process()));
            KnownLimit::Configured(Box::new((SlidingWindow::new(limit), shared)))
        });
        let wanted = sync.as_ref().map(|sync| &sync.wanted);
        let state = LimiterState::new(first_window.min(max_window), max_window, known, wanted);
        Self { state: Arc::new(Mutex::new(state)), next_ticket: AtomicU64::new(0), sync }
    }

    /// A call begins that will send a request soon: asks what other processes know. Must be called on a runtime.
    pub(crate) fn refresh(&self) {
        if self.sync.is_some() {
            self.start_sync();
            let (mut state, now) = (lock(&self.state), Instant::now());
            if let Some(shared) = &mut state.shared {
                shared.refresh(now);
            }
            state.known.expect(now);
        }
    }

    fn start_sync(&self) {
        if let Some(LimiterSync { shared, wanted, window_wanted, tasks }) = &self.sync {
            tasks.get_or_init(|| {
                let own = Arc::downgrade(&self.state);
                let window = window_wanted
                    .as_ref()
                    .map(|wanted| tokio::spawn(window_sync::run(own.clone(), Arc::clone(wanted), Arc::clone(shared))));
                let pace = tokio::spawn(sync::run(own, Arc::clone(wanted), Arc::clone(shared)));
                [Some(pace), window].into_iter().flatten().map(|task| task.abort_handle()).collect()
            });
        }
    }

    /// A place at the end of the line.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.next_ticket.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for this ticket's turn. Fails at once when that cannot come before `deadline`.
    pub(crate) async fn admit(
        &self,
        group: RateLimitGroup,
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<Permit<'_>, TooLate> {
        self.start_sync();
        let now = Instant::now();
        let (position, called) = {
            let mut state = lock(&self.state);
            state.check_deadline(now, deadline)?;
            if state.is_idle(group) && state.turn(group, (deadline, ticket.0), now) == Turn::Now {
                return Ok(Permit::new(&self.state, &mut state, group, now));
            }
            state.enqueue(group, ticket, now, deadline)?
        };
        let _place = QueuePlace { queues: &self.state, group, position };
        loop {
            let wake_at = {
                let now = Instant::now();
                let mut state = lock(&self.state);
                state.check_deadline(now, deadline)?;
                match state.turn(group, position, now) {
                    Turn::Now => return Ok(Permit::new(&self.state, &mut state, group, now)),
                    Turn::At(instant) => Some(instant),
                    Turn::WhenCalled => None,
                    Turn::Never(why) => return Err(why),
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
        for task in self.sync.iter().filter_map(|sync| sync.tasks.get()).flatten() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod known_tests;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod shared_tests;
