//! An exact sliding window over the requests of one access token.
//!
//! A request takes a place when it is sent and gives it back one period after its answer has come. The server has counted
//! it by then, however long the network took: of any two requests that take the same place, the second one is sent, and so
//! counted, a whole period after the first one was counted. So no period of the server's clock holds more requests than
//! there are places, whether its window slides, is fixed, or is a bucket that refills.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A limit that the server is known to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that it takes in one period; at least one.
    pub requests: u32,
    /// How long a period is; at least a millisecond.
    pub period: Duration,
}

/// A period is held for longer by this share of it. While NTP sets a clock it runs fast or slow by 500 ppm at most, half of
/// this share, and our clock and the server's may do so in opposite directions.
const CLOCK_DRIFT: u32 = 1000;

/// A request that was given up without an answer may still be on its way to the server for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Times in whole milliseconds since the window was made, each with its number of requests, oldest first.
#[derive(Debug, Default)]
struct Times {
    entries: VecDeque<(u64, u32)>,
    sum: u32,
}

impl Times {
    fn push(&mut self, at: u64, requests: u32) {
        self.sum += requests;
        match self.entries.back_mut() {
            Some((last, count)) if *last == at => *count += requests,
            _ => self.entries.push_back((at, requests)),
        }
    }

    /// Takes out the oldest entry, unless it is younger than `limit`.
    fn pop(&mut self, limit: u64) -> Option<(u64, u32)> {
        self.entries.front().filter(|(at, _)| *at <= limit)?;
        let entry = self.entries.pop_front()?;
        self.sum -= entry.1;
        Some(entry)
    }
}

#[derive(Debug)]
pub(super) struct SlidingWindow {
    configured: u32,
    /// What the server says that it allows, where it says so.
    allowed: u32,
    /// A process's share of the limit while it knows nothing of the others.
    share: u32,
    /// For how many milliseconds a place is held after the answer.
    hold: u64,
    origin: Instant,
    /// Requests without an answer.
    in_flight: u32,
    /// Requests that were given up, by when they can have arrived at the latest.
    lost: Times,
    /// Requests that were answered. No more entries than places, nor than a period has milliseconds.
    answered: Times,
}

impl SlidingWindow {
    pub(super) fn new(RateLimit { requests, period }: RateLimit) -> Self {
        let hold = period + (period / CLOCK_DRIFT).max(Duration::from_millis(1));
        Self {
            configured: requests,
            allowed: u32::MAX,
            share: u32::MAX,
            hold: hold.as_millis() as u64,
            origin: Instant::now(),
            in_flight: 0,
            lost: Times::default(),
            answered: Times::default(),
        }
    }

    /// The smallest of the limits that are known.
    pub(super) fn limit(&self) -> u32 {
        self.configured.min(self.allowed)
    }

    /// The server says how many requests it allows.
    pub(super) fn allow(&mut self, allowed: u32) {
        self.allowed = allowed.max(1);
    }

    /// With `processes`, the limit is an equal share for each of them, because nothing is known of the others; without, it is
    /// the whole limit.
    pub(super) fn share(&mut self, processes: Option<u32>) {
        self.share = processes.map_or(u32::MAX, |processes| (self.limit() / processes.max(1)).max(1));
    }

    /// As if nothing had been answered so far. Requests in flight stay.
    pub(super) fn reset(&mut self) {
        (self.allowed, self.lost, self.answered) = (u32::MAX, Times::default(), Times::default());
    }

    /// A request goes out.
    pub(super) fn sent(&mut self) {
        self.in_flight += 1;
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, now: Instant) {
        self.settle(now);
        self.in_flight -= 1;
        self.answered.push(self.ceil(now), 1);
    }

    /// A request never left this machine.
    pub(super) fn unsent(&mut self) {
        self.in_flight -= 1;
    }

    /// A request was given up; nobody knows whether the server got it.
    pub(super) fn lost(&mut self, now: Instant) {
        self.settle(now);
        self.in_flight -= 1;
        self.lost.push(self.ceil(now + ON_ITS_WAY), 1);
    }

    /// The server has counted so many requests in its present period; those that are not ours take places too.
    pub(super) fn counted(&mut self, count: u32, now: Instant) {
        self.settle(now);
        let foreign = count.min(self.limit()).saturating_sub(self.used());
        if foreign > 0 {
            self.answered.push(self.ceil(now), foreign);
        }
    }

    /// The earliest time at which a request with this many others before it has a place.
    pub(super) fn opens(&mut self, ahead: usize, now: Instant) -> Instant {
        self.settle(now);
        let (limit, used) = (u64::from(self.limit().min(self.share)), u64::from(self.used()));
        let mut missing = (used + ahead as u64 + 1).saturating_sub(limit);
        if missing == 0 {
            return now;
        }
        // A place that comes free is taken by one of those before, and held for another period.
        let rounds = missing.saturating_sub(used.max(limit)).div_ceil(limit);
        missing -= rounds * limit;
        // What has no answer yet, or goes out now, is held for a whole period at least.
        let others = u64::from(self.in_flight) + limit.saturating_sub(used);
        let (answered, lost) = (self.answered.entries.iter().copied(), self.lost.entries.iter().copied());
        let present = (self.floor(now), u32::try_from(others).unwrap_or(u32::MAX));
        let taken = answered.chain([present]).chain(lost);
        let since = taken.into_iter().find(|(_, requests)| {
            let is_found = missing <= u64::from(*requests);
            missing = missing.saturating_sub(u64::from(*requests));
            is_found
        });
        let since = since.map_or(self.floor(now), |(at, _)| at);
        self.instant(since.saturating_add((rounds + 1).saturating_mul(self.hold)))
    }

    /// Places that no answer has come for.
    pub(super) fn unanswered(&self) -> u32 {
        self.in_flight + self.lost.sum
    }

    /// The answered requests that hold places, by age in steps of `step` milliseconds: (age in milliseconds, requests). An
    /// age is never greater than the true one.
    pub(super) fn history(&mut self, now: Instant, step: u64) -> Vec<(u64, u32)> {
        self.settle(now);
        let mut steps: Vec<(u64, u32)> = Vec::new();
        for (at, requests) in &self.answered.entries {
            let end = at.div_ceil(step);
            match steps.last_mut() {
                Some((last, sum)) if last.div_ceil(step) == end => (*last, *sum) = (*at, *sum + requests),
                _ => steps.push((*at, *requests)),
            }
        }
        let now = self.floor(now);
        steps.into_iter().map(|(at, requests)| (now.saturating_sub(at), requests)).collect()
    }

    /// Whether any place is held.
    pub(super) fn is_used(&mut self, now: Instant) -> bool {
        self.settle(now);
        self.used() > 0
    }

    pub(super) fn hold(&self) -> Duration {
        Duration::from_millis(self.hold)
    }

    fn used(&self) -> u32 {
        self.unanswered().saturating_add(self.answered.sum)
    }

    /// Gives places back whose time has come.
    fn settle(&mut self, now: Instant) {
        let now = self.floor(now);
        // By then the server had them: they count from there.
        while let Some((at, requests)) = self.lost.pop(now) {
            self.answered.push(at, requests);
        }
        if let Some(limit) = now.checked_sub(self.hold) {
            while self.answered.pop(limit).is_some() {}
        }
    }

    /// Rounded to where the place is held for longer.
    fn ceil(&self, instant: Instant) -> u64 {
        (instant - self.origin).as_nanos().div_ceil(1_000_000) as u64
    }

    fn floor(&self, instant: Instant) -> u64 {
        (instant - self.origin).as_millis() as u64
    }

    fn instant(&self, millis: u64) -> Instant {
        self.origin + Duration::from_millis(millis)
    }
}

#[cfg(test)]
#[path = "sliding_window_tests.rs"]
mod tests;
