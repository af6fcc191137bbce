//! A server that refuses again and again: how long to wait before the next connection, and since when it has refused.

use std::time::Duration;

use tokio::time::Instant;

use crate::net::backoff::full_jitter;

/// Bounds of the wait between two connections. It is random, so that a restarted server does not meet all processes at
/// once. It is at least half of its bound, so that a call tries five connections at most. A recovery is noticed after the
/// upper bound at the latest.
const RECONNECT_BASE: Duration = Duration::from_millis(100);
pub(super) const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// A server that has refused nothing for this long has recovered: under traffic it was tried twice in that time.
const OVER_AFTER: Duration = RECONNECT_MAX.saturating_mul(2);

/// The refusals since the server last worked.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// When the first and the last one came.
    seen: Option<(Instant, Instant)>,
    connections: u32,
}

impl Refusals {
    /// Notes that a command was refused; returns since when the server has refused.
    pub(super) fn add(&mut self, now: Instant) -> Instant {
        let since = self.seen.filter(|(_, last)| now < *last + OVER_AFTER).map(|(since, _)| since);
        if since.is_none() {
            self.connections = 0;
        }
        let since = since.unwrap_or(now);
        self.seen = Some((since, now));
        since
    }

    /// Notes that a connection was given up because of a refusal; returns how long to wait before the next one.
    pub(super) fn pause(&mut self) -> Duration {
        self.connections += 1;
        reconnect_delay(self.connections - 1)
    }
}

/// The wait after an attempt to connect that was refused, too; the first one has `attempt` 0.
pub(super) fn reconnect_delay(attempt: u32) -> Duration {
    half_jitter(RECONNECT_BASE, RECONNECT_MAX, attempt)
}

/// A random wait between a half and the whole of `min(max, base·2^attempt)`.
pub(super) fn half_jitter(base: Duration, max: Duration, attempt: u32) -> Duration {
    let half = base.saturating_mul(2_u32.saturating_pow(attempt)).min(max) / 2;
    half + full_jitter(half, half, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_maximum_and_are_never_short() {
        for (attempt, longest) in [(0, 100), (1, 200), (2, 400), (4, 1600), (5, 2000), (u32::MAX, 2000)] {
            for _ in 0..100 {
                let millis = reconnect_delay(attempt).as_millis();
                assert!((longest / 2..=longest).contains(&millis), "{attempt}: {millis} ms");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_that_go_on_are_one_and_end_with_a_time_without() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.add(start), start);
        refusals.pause();
        refusals.pause();
        let later = start + RECONNECT_MAX;
        assert_eq!(refusals.add(later), start);
        assert!(refusals.pause() >= RECONNECT_BASE * 2);
        let much_later = later + OVER_AFTER;
        assert_eq!(refusals.add(much_later), much_later);
        assert!(refusals.pause() <= RECONNECT_BASE);
    }
}
