//! The limit of one access token over all that it is used for, counted exactly.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::RetryAfter;
use super::limit::Verdict;
use crate::request::Request;

/// How many requests a bearer token may make. In JSON the names are in camel case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenLimit {
    /// Requests in one period.
    pub requests: usize,
    /// Milliseconds of a period.
    pub per_ms: u64,
    /// Whether a period begins with the first request after the last one, instead of sliding.
    #[serde(default)]
    pub fixed: bool,
}

/// By bearer token: when the requests of its period arrived.
#[derive(Default)]
pub(crate) struct TokenLimits(HashMap<String, VecDeque<Instant>>);

impl TokenLimits {
    /// Counts a request, unless it is one too many. Refused ones do not count.
    pub(crate) fn take(&mut self, limit: TokenLimit, request: &Request) -> Verdict {
        let arrivals = self.0.entry(request.bearer().unwrap_or_default().into()).or_default();
        take(limit, arrivals, request.arrived)
    }
}

fn take(limit: TokenLimit, arrivals: &mut VecDeque<Instant>, arrived: Instant) -> Verdict {
    let period = Duration::from_millis(limit.per_ms);
    // Two threads may read the clock in one order and get here in the other.
    let now = arrivals.back().map_or(arrived, |last| arrived.max(*last));
    let is_over = |arrival: Option<&Instant>| arrival.is_some_and(|arrival| now - *arrival >= period);
    if limit.fixed && is_over(arrivals.front()) {
        arrivals.clear();
    }
    while is_over(arrivals.front()) {
        arrivals.pop_front();
    }
    let granted = arrivals.len() < limit.requests;
    if granted {
        arrivals.push_back(now);
    }
    let left = |arrival: Option<&Instant>| period.saturating_sub(now - *arrival.unwrap_or(&now));
    let oldest = left(arrivals.front());
    Verdict {
        granted,
        login: false,
        retry_after: RetryAfter::Computed,
        used: arrivals.len() as u64 + u64::from(!granted),
        allowed: limit.requests as u64,
        reset_s: seconds(if limit.fixed { oldest } else { left(arrivals.back()) }),
        wait_s: seconds(oldest),
    }
}

fn seconds(span: Duration) -> u64 {
    span.as_secs_f64().ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(fixed: bool, arrivals_ms: &[u64]) -> Vec<bool> {
        let (limit, mut arrivals, start) =
            (TokenLimit { requests: 2, per_ms: 1000, fixed }, VecDeque::new(), crate::clock::now());
        arrivals_ms.iter().map(|ms| take(limit, &mut arrivals, start + Duration::from_millis(*ms)).granted).collect()
    }

    #[test]
    fn no_period_holds_more_than_the_limit() {
        assert_eq!(granted(false, &[0, 900, 999, 1000, 1001, 1900]), [true, true, false, true, false, true]);
    }

    #[test]
    fn a_fixed_period_begins_anew_when_it_is_over() {
        assert_eq!(granted(true, &[0, 900, 999, 1000, 1001, 1900]), [true, true, false, true, true, false]);
    }

    #[test]
    fn answers_tell_what_is_used_and_until_when() {
        let (limit, mut arrivals, start) =
            (TokenLimit { requests: 2, per_ms: 60_000, fixed: true }, VecDeque::new(), crate::clock::now());
        take(limit, &mut arrivals, start);
        let verdict = take(limit, &mut arrivals, start + Duration::from_millis(500));
        assert_eq!([verdict.used, verdict.allowed, verdict.reset_s], [2, 2, 60]);
    }
}
