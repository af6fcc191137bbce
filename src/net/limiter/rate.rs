//! The pace of one group of requests once the server has said 429: estimated, raised while it is accepted, halved on a 429.

use std::time::Duration;

use tokio::time::Instant;

/// Answers are counted over one second, the period over which API limits are commonly enforced.
const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_millis(100);

/// A fifth more per second while everything is accepted: finds a limit that was raised within seconds, and overshoots
/// one that was not by a few calls.
const GROWTH_PER_ACCEPTED: f64 = 0.2;

/// While nobody waits, the pace holds nothing back but the next call: it goes away within a few of them.
const GROWTH_WHEN_IDLE: f64 = 2.0;

/// From fewer accepted calls than this no limit can be told: they say that few were made, not that few are allowed.
const FEW_ACCEPTED: u32 = 20;

/// A rough pace holds nobody back for long.
const SLOWEST_ROUGH_PER_SECOND: f64 = 10.0;

/// A rough pace doubles each second, so that it is either gone or corrected soon.
const ROUGH_GROWTH_PER_ACCEPTED: f64 = 1.0;

/// Never slower than one call every two seconds: below that the server's own `Retry-After` is what paces.
const SLOWEST_PER_SECOND: f64 = 0.5;

/// Faster than this, pacing has nothing left to say and is dropped until the next 429.
const FREE_PER_SECOND: f64 = 5_000.0;

/// How far sending may lag behind its schedule and catch up: timers tick in milliseconds.
const CATCH_UP: Duration = Duration::from_millis(5);

/// Accepted calls of the last second, and the pace where one was found necessary.
#[derive(Debug)]
pub(super) struct Rate {
    counts: [u32; SLOTS],
    newest: Option<Instant>,
    pace: Option<Pace>,
}

#[derive(Debug)]
struct Pace {
    per_second: f64,
    reopens: Instant,
    /// When the last call went, or should have gone, since then.
    last: Option<Instant>,
    /// Found from few calls: the next 429 replaces it, instead of halving it.
    is_rough: bool,
}

impl Pace {
    fn new(per_second: f64, reopens: Instant, is_rough: bool) -> Self {
        let slowest = if is_rough { SLOWEST_ROUGH_PER_SECOND } else { SLOWEST_PER_SECOND };
        Self { per_second: per_second.max(slowest), reopens, last: None, is_rough }
    }

    fn next(&self) -> Instant {
        self.last.map_or(self.reopens, |last| last + Duration::from_secs_f64(1.0 / self.per_second))
    }
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { counts: [0; SLOTS], newest: None, pace: None }
    }

    /// When the next call may go, if there is a pace.
    pub(super) fn next(&self) -> Option<Instant> {
        self.pace.as_ref().map(Pace::next)
    }

    /// A call goes out.
    pub(super) fn sent(&mut self, now: Instant) {
        if let Some(pace) = &mut self.pace {
            let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
            pace.last = Some(pace.next().max(earliest));
        }
    }

    /// The server took a call. `idle`: no other one waits.
    pub(super) fn accepted(&mut self, now: Instant, idle: bool) {
        self.turn(now);
        self.counts[0] = self.counts[0].saturating_add(1);
        if let Some(pace) = &mut self.pace {
            match (idle, pace.is_rough) {
                (true, _) => pace.per_second *= GROWTH_WHEN_IDLE,
                (false, true) => pace.per_second += ROUGH_GROWTH_PER_ACCEPTED,
                (false, false) => pace.per_second += GROWTH_PER_ACCEPTED,
            }
            if pace.per_second > FREE_PER_SECOND {
                self.pace = None;
            }
        }
    }

    /// The server said 429 and wants nothing before `reopens`.
    pub(super) fn throttled(&mut self, now: Instant, reopens: Instant) {
        self.turn(now);
        let accepted = self.counts.iter().sum::<u32>();
        let per_second = match &self.pace {
            Some(pace) if !pace.is_rough => pace.per_second / 2.0,
            _ => self.estimate(now, reopens),
        };
        // With nothing to go by, the pause and the window alone have to do.
        let is_rough = accepted < FEW_ACCEPTED;
        self.pace = (accepted > 0).then(|| Pace::new(per_second, reopens, is_rough));
    }

    /// What the server gave over the time it took, the pause included: a bucket that was emptied at once and needs a
    /// second to refill gives its size per second.
    fn estimate(&self, now: Instant, reopens: Instant) -> f64 {
        let used = self.counts.iter().rposition(|count| *count > 0).map_or(0, |oldest| oldest + 1) as u32;
        let span = SLOT * used + (reopens - now);
        f64::from(self.counts.iter().sum::<u32>()) / span.as_secs_f64().max(SLOT.as_secs_f64())
    }

    fn turn(&mut self, now: Instant) {
        let newest = *self.newest.get_or_insert(now);
        let slots = ((now - newest).as_millis() / SLOT.as_millis()) as usize;
        if slots >= SLOTS {
            self.counts = [0; SLOTS];
            self.newest = Some(now);
        } else if slots > 0 {
            self.counts.rotate_right(slots);
            self.counts[..slots].fill(0);
            self.newest = Some(newest + SLOT * slots as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_429_estimates_the_limit_from_what_was_accepted() {
        let (mut rate, start) = (Rate::new(), Instant::now());
        (0..100).for_each(|_| rate.accepted(start, false));
        rate.throttled(start + ms(10), start + ms(1010));
        let per_second = rate.pace.unwrap().per_second;
        assert!((85.0..=100.0).contains(&per_second), "{per_second}");
    }

    #[tokio::test(start_paused = true)]
    async fn later_429s_halve_and_acceptance_raises() {
        let (mut rate, start) = (Rate::new(), Instant::now());
        rate.pace = Some(Pace::new(80.0, start, false));
        (0..FEW_ACCEPTED).for_each(|_| rate.accepted(start, false));
        rate.pace.as_mut().unwrap().per_second = 80.0;
        rate.throttled(start, start + ms(1000));
        assert!((rate.pace.as_ref().unwrap().per_second - 40.0).abs() < f64::EPSILON);
        (0..40).for_each(|_| rate.accepted(start + ms(2000), false));
        assert!((rate.pace.as_ref().unwrap().per_second - 48.0).abs() < 0.001);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_spread_over_time_and_a_late_timer_catches_up() {
        let (mut rate, start) = (Rate::new(), Instant::now());
        rate.pace = Some(Pace::new(100.0, start, false));
        rate.sent(start);
        assert_eq!(rate.next(), Some(start + ms(10)));
        rate.sent(start + ms(12));
        assert_eq!(rate.next(), Some(start + ms(20)));
        rate.sent(start + ms(500));
        assert_eq!(rate.next(), Some(start + ms(505)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_that_outgrew_every_limit_is_dropped() {
        let (mut rate, start) = (Rate::new(), Instant::now());
        rate.pace = Some(Pace::new(FREE_PER_SECOND, start, false));
        rate.accepted(start, false);
        assert_eq!(rate.next(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_429_does_not_hold_back_a_quiet_instance() {
        let (mut rate, start) = (Rate::new(), Instant::now());
        rate.accepted(start, true);
        rate.throttled(start, start + ms(1000));
        let mut now = start + ms(1000);
        for _ in 0..10 {
            now = now.max(rate.next().unwrap_or(now));
            rate.sent(now);
            rate.accepted(now, true);
        }
        assert!(now < start + ms(1300), "{:?}", now - start);
        assert_eq!(rate.next(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_last_second_counts() {
        let (mut rate, start) = (Rate::new(), Instant::now());
        (0..500).for_each(|_| rate.accepted(start, false));
        (0..10).for_each(|_| rate.accepted(start + ms(1_500), false));
        assert_eq!(rate.counts.iter().sum::<u32>(), 10);
        rate.turn(start + ms(1_850));
        assert_eq!(rate.counts[3], 10);
    }
}
