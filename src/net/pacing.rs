//! How many guest calls are under way, and how fast they go: one gate for the instance, one lane for each kind of call.
//!
//! A 429 closes the gate for every lane until the server's time is over. Calls wait in the order in which they came; one
//! that was refused keeps its place before the later ones. Each lane starts slowly: the number in flight grows by one for
//! every sixteen calls that were accepted, so that the first 429 of a server can waste no more than about that share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::rate::Rate;
use crate::sync::lock;

/// In flight at first: enough to keep a server on loopback busy, few enough to waste little when the first 429 comes.
const FIRST_WINDOW: f64 = 24.0;
/// In flight at least, after any number of 429s: keeps 100 calls/s possible with 80 ms to the server.
const LEAST_WINDOW: f64 = 8.0;
const ACCEPTED_PER_STEP: f64 = 16.0;

/// The kinds of call that the API limits apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Create,
    Refresh,
    Attributes,
    Channel,
}

const LANES: usize = 4;

/// The gate and its lanes.
#[derive(Debug)]
pub(crate) struct Pacing {
    state: Mutex<State>,
    next_ticket: AtomicU64,
    max_in_flight: f64,
}

#[derive(Debug)]
struct State {
    /// Closed until then.
    reopens: Option<Instant>,
    /// When a 429 last closed it: answers to calls sent before are old news.
    closed_at: Option<Instant>,
    lanes: [LaneState; LANES],
}

#[derive(Debug)]
struct LaneState {
    in_flight: u32,
    window: f64,
    rate: Rate,
    queue: BTreeMap<u64, Arc<Notify>>,
}

/// A call's place in line; kept over its retries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(u64);

/// The gate stays closed beyond the caller's deadline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paused(pub(crate) Duration);

enum Turn {
    Now,
    At(Instant),
    WhenCalled,
}

impl Pacing {
    /// At most `max_in_flight` calls of each lane at a time.
    pub(crate) fn new(max_in_flight: u32) -> Self {
        let max_in_flight = f64::from(max_in_flight);
        let lane = || LaneState {
            in_flight: 0,
            window: FIRST_WINDOW.min(max_in_flight),
            rate: Rate::new(),
            queue: BTreeMap::new(),
        };
        let state = State { reopens: None, closed_at: None, lanes: std::array::from_fn(|_| lane()) };
        Self { state: Mutex::new(state), next_ticket: AtomicU64::new(0), max_in_flight }
    }

    /// A place at the end of the line.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.next_ticket.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for this ticket's turn. Fails at once when the gate stays closed until after `deadline`.
    pub(crate) async fn admit(&self, lane: Lane, ticket: Ticket, deadline: Instant) -> Result<Permit<'_>, Paused> {
        let now = Instant::now();
        let called = {
            let mut state = lock(&self.state);
            state.check_deadline(now, deadline)?;
            if state.lanes[lane as usize].queue.is_empty() && matches!(state.turn(lane, now), Turn::Now) {
                return Ok(self.permit(&mut state, lane, now));
            }
            let called = Arc::new(Notify::new());
            state.lanes[lane as usize].queue.insert(ticket.0, Arc::clone(&called));
            called
        };
        let _place = Place { pacing: self, lane, ticket };
        loop {
            let wake_at = {
                let now = Instant::now();
                let mut state = lock(&self.state);
                state.check_deadline(now, deadline)?;
                let is_first =
                    state.lanes[lane as usize].queue.first_key_value().is_some_and(|(first, _)| *first == ticket.0);
                match if is_first { state.turn(lane, now) } else { Turn::WhenCalled } {
                    Turn::Now => return Ok(self.permit(&mut state, lane, now)),
                    Turn::At(instant) => Some(instant),
                    Turn::WhenCalled => None,
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

    /// Calls in flight and calls that wait for their turn.
    pub(crate) fn load(&self) -> (u32, usize) {
        let state = lock(&self.state);
        state.lanes.iter().fold((0, 0), |(flying, waiting), lane| (flying + lane.in_flight, waiting + lane.queue.len()))
    }

    fn permit(&self, state: &mut State, lane: Lane, now: Instant) -> Permit<'_> {
        let own = &mut state.lanes[lane as usize];
        own.in_flight += 1;
        own.rate.sent(now);
        Permit { pacing: self, lane, sent_at: now }
    }
}

impl State {
    fn check_deadline(&self, now: Instant, deadline: Instant) -> Result<(), Paused> {
        match self.reopens {
            Some(reopens) if reopens > now && reopens >= deadline => Err(Paused(reopens - now)),
            _ => Ok(()),
        }
    }

    fn turn(&mut self, lane: Lane, now: Instant) -> Turn {
        if let Some(reopens) = self.reopens {
            if reopens > now {
                return Turn::At(reopens);
            }
            self.reopens = None;
        }
        let lane = &self.lanes[lane as usize];
        if f64::from(lane.in_flight) >= lane.window.floor() {
            return Turn::WhenCalled;
        }
        match lane.rate.next() {
            Some(next) if next > now => Turn::At(next),
            _ => Turn::Now,
        }
    }
}

impl LaneState {
    fn call_first(&self) {
        if let Some((_, called)) = self.queue.first_key_value() {
            called.notify_one();
        }
    }
}

/// Leaving the line, admitted or not, lets the next one look.
struct Place<'a> {
    pacing: &'a Pacing,
    lane: Lane,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.pacing.state);
        let lane = &mut state.lanes[self.lane as usize];
        lane.queue.remove(&self.ticket.0);
        lane.call_first();
    }
}

/// One call under way. Dropping it without a word counts as neither accepted nor refused.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    pacing: &'a Pacing,
    lane: Lane,
    sent_at: Instant,
}

impl Permit<'_> {
    /// The server took the call, whatever it then answered.
    pub(crate) fn accepted(self) {
        let mut state = lock(&self.pacing.state);
        let lane = &mut state.lanes[self.lane as usize];
        lane.window = (lane.window + 1.0 / ACCEPTED_PER_STEP).min(self.pacing.max_in_flight);
        let idle = lane.queue.is_empty();
        lane.rate.accepted(Instant::now(), idle);
    }

    /// The server said 429: nobody sends anything for `wait`.
    pub(crate) fn throttled(self, wait: Duration) {
        let now = Instant::now();
        let mut state = lock(&self.pacing.state);
        let reopens = (now + wait).max(state.reopens.unwrap_or(now));
        state.reopens = Some(reopens);
        // The other calls that were under way at that moment tell nothing new about the server's limit.
        if state.closed_at.is_none_or(|closed_at| self.sent_at > closed_at) {
            state.closed_at = Some(now);
            let lane = &mut state.lanes[self.lane as usize];
            lane.window = (lane.window / 2.0).max(LEAST_WINDOW.min(self.pacing.max_in_flight));
            lane.rate.throttled(now, reopens);
        }
        for called in state.lanes.iter().flat_map(|lane| lane.queue.values()) {
            called.notify_one();
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.pacing.state);
        let lane = &mut state.lanes[self.lane as usize];
        lane.in_flight -= 1;
        lane.call_first();
    }
}

#[cfg(test)]
#[path = "pacing_tests.rs"]
mod tests;
