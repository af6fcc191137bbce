//! What answers say about the server's rate limit: `inin-ratelimit-count`, `-allowed` and `-reset`.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// What one answer says. Genesys Cloud's first in a period: 1, 180, 61.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// Requests that the server has counted in its present period, this one included.
    pub(super) count: u32,
    /// Requests that it takes in one period.
    pub(super) allowed: u32,
    /// Until its next period begins.
    pub(super) reset: Duration,
}

impl Announcement {
    /// `None` where any of the three is missing, is no whole number, or allows nothing.
    pub(crate) fn parse(headers: &HeaderMap, longest: Duration) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u32>().ok();
        let allowed = number("inin-ratelimit-allowed").filter(|allowed| *allowed > 0)?;
        let reset = Duration::from_secs(number("inin-ratelimit-reset")?.max(1).into());
        Some(Self { count: number("inin-ratelimit-count")?, allowed, reset: reset.min(longest) })
    }
}

/// Processes that share the limit, where it is known that there are others: each has this part of what is left under way.
const SHARES: u32 = 8;
/// With others about, an answer older than this says little.
const FRESH: Duration = Duration::from_secs(1);

/// What is left of a period of which the server told.
#[derive(Debug)]
pub(super) struct AnnouncedLimit {
    left: u32,
    /// Of what is left, one part in so many is for this process.
    shares: u32,
    /// When the next period begins.
    resets: Instant,
    heard: Instant,
}

impl AnnouncedLimit {
    pub(super) fn new(Announcement { count, allowed, reset }: Announcement, is_shared: bool, now: Instant) -> Self {
        // Of a limit that is small, each has more than a few requests all the same.
        let shares = if is_shared { (allowed / SHARES).clamp(1, SHARES) } else { 1 };
        Self { left: allowed.saturating_sub(count), shares, resets: now + reset, heard: now }
    }

    /// An answer to a request that was sent at `sent_at`.
    pub(super) fn update(&mut self, announcement: Announcement, sent_at: Instant, now: Instant) {
        let new = Self::new(announcement, self.shares > 1, now);
        // Answers overtake one another. An answer is newer than the last one if its request was sent after that came. Of
        // the other answers, the one that leaves the fewest requests counts.
        if sent_at >= self.heard || now >= self.resets || new.left <= self.left {
            *self = new;
        }
    }

    /// When a request may go beside `in_flight` others, of which the server may have counted none; `None` once one of them is
    /// answered.
    pub(super) fn opens(&self, in_flight: u32, now: Instant) -> Option<Instant> {
        let is_over = now >= self.resets;
        let is_old = is_over || (self.shares > 1 && now >= self.heard + FRESH);
        match in_flight {
            // In a new period one request goes first. Its answer says how much of the period is left.
            0 if is_over || self.left >= self.shares => Some(now),
            0 => Some(self.resets),
            _ => (!is_old && (in_flight + 1).saturating_mul(self.shares) <= self.left).then_some(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const LONGEST: Duration = Duration::from_secs(60);

    fn headers(values: [&'static str; 3]) -> HeaderMap {
        let names = ["inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset"];
        let pair = |(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value));
        names.into_iter().zip(values).map(pair).collect()
    }

    fn said(count: u32, allowed: u32, reset_s: u64) -> Announcement {
        Announcement { count, allowed, reset: Duration::from_secs(reset_s) }
    }

    #[test]
    fn three_whole_numbers_are_understood() {
        assert_eq!(Announcement::parse(&headers(["1", "180", "31"]), LONGEST), Some(said(1, 180, 31)));
        assert_eq!(Announcement::parse(&headers(["1", "180", "0"]), LONGEST), Some(said(1, 180, 1)));
    }

    #[test]
    fn no_answer_can_close_the_gate_for_longer_than_may_be_waited() {
        assert_eq!(Announcement::parse(&headers(["180", "180", "4000000000"]), LONGEST), Some(said(180, 180, 60)));
    }

    #[test]
    fn anything_else_says_nothing() {
        for values in [["1", "0", "1"], ["x", "2", "1"], ["1", "-2", "1"], ["1", "2", "1.5"], ["1", "4294967296", "1"]]
        {
            assert_eq!(Announcement::parse(&headers(values), LONGEST), None, "{values:?}");
        }
        assert_eq!(Announcement::parse(&HeaderMap::new(), LONGEST), None);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_without_an_answer_may_not_be_counted_yet() {
        let now = Instant::now();
        let limit = AnnouncedLimit::new(said(7, 10, 30), false, now);
        assert_eq!([0, 2].map(|in_flight| limit.opens(in_flight, now)), [Some(now), Some(now)]);
        assert_eq!(limit.opens(3, now), None);
        let used_up = AnnouncedLimit::new(said(10, 10, 30), false, now);
        assert_eq!(used_up.opens(0, now), Some(now + Duration::from_secs(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_overtaken_takes_nothing_back() {
        let now = Instant::now();
        let mut limit = AnnouncedLimit::new(said(9, 10, 30), false, now);
        limit.update(said(3, 10, 30), now - Duration::from_secs(1), now);
        assert_eq!(limit.left, 1);
        limit.update(said(3, 10, 30), now, now);
        assert_eq!(limit.left, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_new_period_one_request_goes_ahead() {
        let now = Instant::now();
        let limit = AnnouncedLimit::new(said(10, 10, 30), false, now);
        let later = now + Duration::from_secs(30);
        assert_eq!(limit.opens(0, later), Some(later));
        assert_eq!(limit.opens(1, later), None);
    }

    #[tokio::test(start_paused = true)]
    async fn with_others_about_each_has_a_part_of_what_is_left() {
        let now = Instant::now();
        let limit = AnnouncedLimit::new(said(76, 100, 30), true, now);
        assert_eq!([0, 2, 3].map(|in_flight| limit.opens(in_flight, now)), [Some(now), Some(now), None]);
        let later = now + FRESH;
        assert_eq!([0, 1].map(|in_flight| limit.opens(in_flight, later)), [Some(later), None]);
        let little = AnnouncedLimit::new(said(93, 100, 30), true, now);
        assert_eq!(little.opens(0, now), Some(now + Duration::from_secs(30)));
    }
}
