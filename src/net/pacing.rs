//! How many guest calls are under way, and how fast they go: one gate for the instance, one lane for each kind of call.
//!
//! A 429 closes the gate for every lane until the server's time is over. Calls wait in the order in which they came; one
//! that was refused keeps its place before the later ones. Each lane starts slowly: the number in flight grows by one for
//! every sixteen calls that were accepted, so that the first 429 of a server can waste no more than about that share.
//!
//! Processes that share a limit can share the gate and the pace too, through a [`Fleet`]. Without its answer, and without
//! a 429 lately, each goes by its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::courier::{self, Desk};
use super::fleet::{Fleet, Report, Ruling};
use super::lane::{LANES, Lane};
use super::member::{Member, Slot};
use super::rate::Rate;
use crate::sync::lock;

/// In flight at first: enough to keep a server on loopback busy, few enough to waste little when the first 429 comes.
const FIRST_WINDOW: f64 = 24.0;
/// The same where other processes start under the same limit.
const FIRST_SHARED_WINDOW: f64 = 8.0;
/// In flight at least, after any number of 429s: keeps 100 calls/s possible with 80 ms to the server.
const LEAST_WINDOW: f64 = 8.0;
const ACCEPTED_PER_STEP: f64 = 16.0;

/// The gate and its lanes.
#[derive(Debug)]
pub(crate) struct Pacing {
    state: Arc<Mutex<State>>,
    next_ticket: AtomicU64,
    max_in_flight: f64,
    link: Option<Link>,
}

/// The way to the other processes.
struct Link {
    fleet: Arc<dyn Fleet>,
    bell: Arc<Notify>,
    /// Started by the first call: before it there need be no runtime.
    courier: OnceLock<AbortHandle>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    /// Closed until then.
    reopens: Option<Instant>,
    /// When a 429 last closed it: answers to calls sent before are old news.
    closed_at: Option<Instant>,
    lanes: [LaneState; LANES],
    /// Where the pace is shared.
    member: Option<Member>,
}

#[derive(Debug)]
struct LaneState {
    in_flight: u32,
    window: f64,
    rate: Rate,
    queue: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    called: Arc<Notify>,
    deadline: Instant,
}

/// A call's place in line; kept over its retries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(u64);

/// The caller's turn comes after its deadline, in so long a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paused(pub(crate) Duration);

enum Turn {
    Now,
    At(Instant),
    WhenCalled,
    TooLate(Duration),
}

impl Pacing {
    /// At most `max_in_flight` calls of each lane at a time. `fleet` are the processes under the same limit.
    pub(crate) fn new(max_in_flight: u32, fleet: Option<Arc<dyn Fleet>>) -> Self {
        let max_in_flight = f64::from(max_in_flight);
        let first_window = if fleet.is_some() { FIRST_SHARED_WINDOW } else { FIRST_WINDOW };
        let lane = || LaneState {
            in_flight: 0,
            window: first_window.min(max_in_flight),
            rate: Rate::new(),
            queue: BTreeMap::new(),
        };
        let link = fleet.map(|fleet| Link { fleet, bell: Arc::default(), courier: OnceLock::new() });
        let state = State {
            reopens: None,
            closed_at: None,
            lanes: std::array::from_fn(|_| lane()),
            member: link.as_ref().map(|link| Member::new(Arc::clone(&link.bell))),
        };
        Self { state: Arc::new(Mutex::new(state)), next_ticket: AtomicU64::new(0), max_in_flight, link }
    }

    /// A call begins that will be sent soon: asks what other processes know. Must be called on a runtime.
    pub(crate) fn look(&self) {
        if self.link.is_some() {
            self.start_courier();
            if let Some(member) = &mut lock(&self.state).member {
                member.look(Instant::now());
            }
        }
    }

    fn start_courier(&self) {
        if let Some(link) = &self.link {
            link.courier.get_or_init(|| {
                let desk = Arc::downgrade(&self.state);
                tokio::spawn(courier::carry(desk, Arc::clone(&link.bell), Arc::clone(&link.fleet))).abort_handle()
            });
        }
    }

    /// A place at the end of the line.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.next_ticket.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for this ticket's turn. Fails at once when the gate stays closed until after `deadline`.
    pub(crate) async fn admit(&self, lane: Lane, ticket: Ticket, deadline: Instant) -> Result<Permit<'_>, Paused> {
        self.start_courier();
        let now = Instant::now();
        let called = {
            let mut state = lock(&self.state);
            state.check_deadline(now, deadline)?;
            if state.lanes[lane as usize].queue.is_empty() && matches!(state.turn(lane, now, deadline), Turn::Now) {
                return Ok(self.permit(&mut state, lane, now));
            }
            let called = Arc::new(Notify::new());
            let waiting = Waiting { called: Arc::clone(&called), deadline };
            state.lanes[lane as usize].queue.insert(ticket.0, waiting);
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
                match if is_first { state.turn(lane, now, deadline) } else { Turn::WhenCalled } {
                    Turn::Now => return Ok(self.permit(&mut state, lane, now)),
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

    /// Calls in flight and calls that wait for their turn.
    pub(crate) fn load(&self) -> (u32, usize) {
        let state = lock(&self.state);
        state.lanes.iter().fold((0, 0), |(flying, waiting), lane| (flying + lane.in_flight, waiting + lane.queue.len()))
    }

    fn permit(&self, state: &mut State, lane: Lane, now: Instant) -> Permit<'_> {
        let own = &mut state.lanes[lane as usize];
        own.in_flight += 1;
        own.rate.sent(now);
        if let Some(member) = &mut state.member {
            member.sent(lane);
        }
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

    fn turn(&mut self, lane: Lane, now: Instant, deadline: Instant) -> Turn {
        if let Some(reopens) = self.reopens {
            if reopens > now {
                return Turn::At(reopens);
            }
            self.reopens = None;
        }
        let own = &self.lanes[lane as usize];
        if f64::from(own.in_flight) >= own.window.floor() {
            return Turn::WhenCalled;
        }
        match self.member.as_mut().and_then(|member| member.slot(lane, now, deadline)) {
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
}

impl Desk for Mutex<State> {
    fn is_urgent(&self) -> bool {
        lock(self).member.as_ref().is_some_and(Member::is_urgent)
    }

    fn report(&self) -> Option<Report> {
        let state = &mut *lock(self);
        let queue = |lane: usize| {
            let queue = &state.lanes[lane].queue;
            queue.first_key_value().map(|(_, first)| (queue.len(), first.deadline))
        };
        state.member.as_mut().and_then(|member| member.report(Instant::now(), queue))
    }

    fn heard(&self, ruling: Option<Ruling>) {
        let now = Instant::now();
        let state = &mut *lock(self);
        if let Some(member) = &mut state.member {
            match ruling {
                Some(ruling) => {
                    let reopens = member.heard(&ruling, now);
                    if reopens.is_some() && state.reopens.is_none_or(|known| known <= now) {
                        state.closed_at = Some(now);
                    }
                    state.reopens = state.reopens.max(reopens);
                }
                None => member.alone(),
            }
        }
        state.lanes.iter().for_each(LaneState::call_first);
    }
}

impl LaneState {
    fn call_first(&self) {
        if let Some((_, first)) = self.queue.first_key_value() {
            first.called.notify_one();
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

impl Drop for Pacing {
    fn drop(&mut self) {
        if let Some(courier) = self.link.as_ref().and_then(|link| link.courier.get()) {
            courier.abort();
        }
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
        let is_news = state.closed_at.is_none_or(|closed_at| self.sent_at > closed_at);
        if let Some(member) = &mut state.member {
            member.refused(self.lane, is_news.then_some(reopens));
        }
        if is_news {
            state.closed_at = Some(now);
            let lane = &mut state.lanes[self.lane as usize];
            lane.window = (lane.window / 2.0).max(LEAST_WINDOW.min(self.pacing.max_in_flight));
            lane.rate.throttled(now, reopens);
        }
        for waiting in state.lanes.iter().flat_map(|lane| lane.queue.values()) {
            waiting.called.notify_one();
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

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod fleet_tests;
