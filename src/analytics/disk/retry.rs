//! When an event on disk is tried again, and when it is given up.

use std::time::Duration;

use crate::analytics::webhook_client::{self, spread};
use crate::net::fault::Failure;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Waits before the second and later attempts; the last is repeated. A deployment takes seconds, an incident minutes, an
/// outage hours.
pub(crate) const RETRY_DELAYS: [Duration; 6] = [
    SECOND.saturating_mul(5),
    SECOND.saturating_mul(30),
    SECOND.saturating_mul(120),
    SECOND.saturating_mul(600),
    SECOND.saturating_mul(1800),
    HOUR,
];

/// All waits of an event together: the receiver's operators see a day's outage within a day.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// The statuses with which a webhook may ask everybody to wait.
const THROTTLES: [u16; 2] = [429, 503];

/// The longest that one answer holds all events back: a mistyped `Retry-After` must not stop an outbox for a day.
const LONGEST_PAUSE: Duration = HOUR;

/// How often and for how long an event is tried.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Waits before the second and later attempts; the last is repeated. Not empty.
    pub delays: Vec<Duration>,
    /// All waits of an event together.
    pub max_age: Duration,
}

/// What follows a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Another attempt after `wait`; nothing else is sent for `pause`.
    Later { wait: Duration, pause: Option<Duration> },
    /// A dead letter.
    Dead,
}

impl Retry {
    /// For an event that failed `attempts` times and has waited `waited` in all.
    ///
    /// Its age is the sum of its waits and not a difference of dates: neither a clock that jumps nor a process that is down
    /// takes attempts away.
    pub(super) fn judge(&self, failure: &Failure, attempts: u32, waited: Duration) -> Verdict {
        if !webhook_client::may_pass(failure) {
            return Verdict::Dead;
        }
        let is_throttle = failure.status().is_some_and(|status| THROTTLES.contains(&status));
        let asked = webhook_client::asked_wait(failure).filter(|_| is_throttle);
        let step = (attempts.max(1) as usize).min(self.delays.len()) - 1;
        let wait = asked.or_else(|| self.delays.get(step).map(|delay| spread(*delay))).unwrap_or(HOUR);
        if waited + wait > self.max_age {
            return Verdict::Dead;
        }
        Verdict::Later { wait, pause: asked.map(|asked| asked.min(LONGEST_PAUSE)) }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { delays: RETRY_DELAYS.to_vec(), max_age: MAX_AGE }
    }
}

#[cfg(test)]
mod tests {
    use crate::analytics::webhook_client::DELIVERY;
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::net::exchange::Answer;
    use crate::net::fault::Fault;

    fn status(status: u16, retry_after: Option<&'static str>) -> Failure {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", HeaderValue::from_static(value));
        }
        let answer = Answer { status, headers, body: bytes::Bytes::new() };
        Failure { operation: &DELIVERY, fault: Fault::Status(answer.into()), attempts: 1, retry_after: None }
    }

    fn unreached() -> Failure {
        let fault = Fault::Unreached { host: "h".into(), cause: crate::net::cause::Cause::refused() };
        Failure { operation: &DELIVERY, fault, attempts: 1, retry_after: None }
    }

    /// The waits of an event that never gets through.
    fn waits(retry: &Retry) -> Vec<Duration> {
        let (mut waits, mut waited) = (Vec::new(), Duration::ZERO);
        while let Verdict::Later { wait, .. } = retry.judge(&unreached(), waits.len() as u32 + 1, waited) {
            waits.push(wait);
            waited += wait;
        }
        waits
    }

    #[test]
    fn the_schedule_grows_to_an_hour_and_ends_after_a_day() {
        for _ in 0..50 {
            let waits = waits(&Retry::default());
            for (wait, plan) in waits.iter().zip(RETRY_DELAYS.iter().chain(std::iter::repeat(&HOUR))) {
                assert!(*wait >= plan.mul_f64(0.8) && *wait <= plan.mul_f64(1.2), "{wait:?} for {plan:?}");
            }
            let total: Duration = waits.iter().sum();
            assert!(total <= MAX_AGE && total > MAX_AGE.saturating_sub(HOUR.mul_f64(1.2)), "{total:?}");
        }
    }

    #[test]
    fn waits_are_spread() {
        let firsts: std::collections::HashSet<_> = (0..20).map(|_| waits(&Retry::default())[0]).collect();
        assert!(firsts.len() > 10);
    }

    #[test]
    fn refusals_are_final_except_for_those_that_pass() {
        let retry = Retry::default();
        for refusal in [300, 301, 400, 401, 403, 404, 405, 409, 410, 413, 422, 451, 499] {
            assert_eq!(retry.judge(&status(refusal, Some("1")), 1, Duration::ZERO), Verdict::Dead, "{refusal}");
        }
        for passing in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert_ne!(retry.judge(&status(passing, None), 1, Duration::ZERO), Verdict::Dead, "{passing}");
        }
    }

    #[test]
    fn a_throttle_says_how_long_and_holds_everybody_back() {
        let retry = Retry::default();
        for throttle in THROTTLES {
            let wait = Duration::from_secs(7);
            let verdict = retry.judge(&status(throttle, Some("7")), 5, Duration::ZERO);
            assert_eq!(verdict, Verdict::Later { wait, pause: Some(wait) });
            let verdict = retry.judge(&status(throttle, Some("7200")), 1, Duration::ZERO);
            assert_eq!(verdict, Verdict::Later { wait: HOUR * 2, pause: Some(HOUR) });
            assert_eq!(retry.judge(&status(throttle, Some("100000")), 1, Duration::ZERO), Verdict::Dead);
        }
        let Verdict::Later { wait, pause: None } = retry.judge(&status(500, Some("7000")), 1, Duration::ZERO) else {
            panic!("only a throttle's Retry-After counts");
        };
        assert!(wait < Duration::from_secs(10));
    }

    #[test]
    fn a_short_list_repeats_its_last_wait() {
        let retry = Retry { delays: vec![SECOND], max_age: SECOND * 60 };
        let count = waits(&retry).len();
        assert!((50..=75).contains(&count), "{count}");
    }
}
