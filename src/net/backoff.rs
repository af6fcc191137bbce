//! How long to wait before a repeat: full jitter, as AWS's "Exponential Backoff and Jitter" found best under contention.

use std::time::Duration;

/// Base for a transient fault: a broken connection or a restarted backend is back at once or not for a while.
pub(crate) const TRANSIENT_BASE: Duration = Duration::from_millis(50);

/// A random wait between 0 and `min(max, base·2^attempt)`; the first repeat has `attempt` 0.
pub(crate) fn full_jitter(base: Duration, max: Duration, attempt: u32) -> Duration {
    ceiling(base, max, attempt).mul_f64(fastrand::f64())
}

fn ceiling(base: Duration, max: Duration, attempt: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(attempt)).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let (base, max) = (Duration::from_secs(1), Duration::from_secs(20));
        let ceilings: Vec<u64> = (0..7).map(|attempt| ceiling(base, max, attempt).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 20, 20]);
        assert_eq!(ceiling(base, max, u32::MAX), max);
    }

    #[test]
    fn the_wait_is_spread_over_the_whole_range() {
        let waits: Vec<f64> =
            (0..1000).map(|_| full_jitter(Duration::from_secs(1), Duration::from_secs(20), 0).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (0.0..=1.0).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 0.2) && waits.iter().any(|wait| *wait > 0.8));
    }
}
