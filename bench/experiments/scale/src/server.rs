//! The API's limit, as servers commonly count.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// So many in each period, all at its beginning if they come so; `Retry-After` says when the next one begins.
    FixedWindow,
    /// So many in any time as long as the period; `Retry-After` says when the oldest one no longer counts.
    SlidingWindow,
    /// A bucket as large as a period's requests that refills steadily; `Retry-After: 1`.
    TokenBucket,
}

/// `most` requests in each `period`.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub counting: Counting,
    pub most: u32,
    pub period: Duration,
}

pub struct Server {
    limit: Limit,
    state: RefCell<State>,
}

struct State {
    window: Instant,
    left: f64,
    accepted: VecDeque<Instant>,
    requests: u64,
    refused: u64,
}

impl Server {
    pub fn new(limit: Limit) -> Self {
        let state = State {
            window: Instant::now(),
            left: f64::from(limit.most),
            accepted: VecDeque::new(),
            requests: 0,
            refused: 0,
        };
        Self { limit, state: RefCell::new(state) }
    }

    /// Takes a request, or says after how many whole seconds to come again, as the header does.
    pub fn take(&self) -> Result<(), Duration> {
        let state = &mut *self.state.borrow_mut();
        let wait = self.limit.wait(state, Instant::now());
        state.requests += 1;
        state.refused += u64::from(wait.is_some());
        wait.map_or(Ok(()), |wait| Err(Duration::from_secs(wait.as_secs_f64().ceil().max(1.0) as u64)))
    }

    /// Requests, and how many of them were refused.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state.borrow();
        (state.requests, state.refused)
    }
}

impl Limit {
    pub fn per_second(&self) -> f64 {
        f64::from(self.most) / self.period.as_secs_f64()
    }

    fn wait(&self, state: &mut State, now: Instant) -> Option<Duration> {
        match self.counting {
            Counting::FixedWindow => {
                while now >= state.window + self.period {
                    state.window += self.period;
                    state.left = f64::from(self.most);
                }
                spend(state).then(|| state.window + self.period - now)
            }
            Counting::SlidingWindow => {
                while state.accepted.front().is_some_and(|oldest| *oldest + self.period <= now) {
                    state.accepted.pop_front();
                }
                if state.accepted.len() < self.most as usize {
                    state.accepted.push_back(now);
                    return None;
                }
                state.accepted.front().map(|oldest| *oldest + self.period - now)
            }
            Counting::TokenBucket => {
                let refill = (now - state.window).as_secs_f64() * self.per_second();
                state.left = (state.left + refill).min(f64::from(self.most));
                state.window = now;
                spend(state).then_some(Duration::from_secs(1))
            }
        }
    }
}

/// Whether there was nothing left to spend.
fn spend(state: &mut State) -> bool {
    let is_empty = state.left < 1.0;
    if !is_empty {
        state.left -= 1.0;
    }
    is_empty
}
