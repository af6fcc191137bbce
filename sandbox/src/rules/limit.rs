//! Rate limits: a token bucket for each route, and the three ways to say "later".

use std::collections::HashMap;
use std::time::{Instant, SystemTime};

use http::StatusCode;
use http::header::{HeaderName, RETRY_AFTER};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::InvalidRule;
use crate::answer::Answer;
use crate::request::Request;
use crate::route::Route;

const COUNT: HeaderName = HeaderName::from_static("inin-ratelimit-count");
const ALLOWED: HeaderName = HeaderName::from_static("inin-ratelimit-allowed");
const RESET: HeaderName = HeaderName::from_static("inin-ratelimit-reset");

/// What a refused request reads in `Retry-After`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RetryAfter {
    /// The whole seconds until there is a token again. The login host, as in reality, sends none.
    #[default]
    Computed,
    /// These seconds.
    Seconds(u64),
    /// The computed seconds from now, as an HTTP date.
    Date,
    /// No header.
    Absent,
    /// This text.
    Text(String),
}

impl<'de> Deserialize<'de> for RetryAfter {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(source)? {
            Value::Null => Self::Absent,
            Value::String(word) if word == "date" => Self::Date,
            Value::String(word) if word == "computed" => Self::Computed,
            Value::String(text) => Self::Text(text),
            value => value.as_u64().map_or_else(|| Self::Text(value.to_string()), Self::Seconds),
        })
    }
}

impl Serialize for RetryAfter {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Computed => "computed".serialize(target),
            Self::Seconds(seconds) => seconds.serialize(target),
            Self::Date => "date".serialize(target),
            Self::Absent => target.serialize_none(),
            Self::Text(text) => text.serialize(target),
        }
    }
}

/// The rate limit of one route. In JSON the names are in camel case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// The route.
    pub route: Route,
    /// Tokens that flow into the bucket each second.
    pub rate: f64,
    /// Tokens that the bucket holds; it starts full.
    pub burst: f64,
    /// What a refused request reads in `Retry-After`.
    #[serde(default)]
    pub retry_after: RetryAfter,
    /// A bucket for each bearer token, as Genesys has it, instead of one for all.
    #[serde(default)]
    pub per_token: bool,
}

impl Limit {
    /// A limit for all callers of a route together, with a computed `Retry-After`.
    #[must_use]
    pub fn new(route: Route, rate: f64, burst: f64) -> Self {
        Self { route, rate, burst, retry_after: RetryAfter::Computed, per_token: false }
    }

    /// Whether it makes sense.
    pub(crate) fn check(&self) -> Result<(), InvalidRule> {
        let sound = self.rate.is_finite() && self.rate >= 0.0 && self.burst.is_finite() && self.burst >= 1.0;
        if sound { Ok(()) } else { Err(InvalidRule::Limit) }
    }
}

/// The rate limits in force.
#[derive(Default)]
pub(crate) struct Limits([Option<Limiter>; Route::ALL.len()]);

struct Limiter {
    limit: Limit,
    /// By bearer token; the empty one when the bucket is shared.
    buckets: HashMap<String, Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What a limiter says about one request.
pub(crate) struct Verdict {
    pub(crate) granted: bool,
    pub(super) login: bool,
    pub(super) retry_after: RetryAfter,
    pub(super) used: u64,
    pub(super) allowed: u64,
    pub(super) reset_s: u64,
    pub(super) wait_s: u64,
}

impl Limits {
    pub(crate) fn set(&mut self, limit: Limit) {
        let place = limit.route.index();
        self.0[place] = Some(Limiter { limit, buckets: HashMap::new() });
    }

    /// Takes away the limit of a route, or all limits.
    pub(crate) fn clear(&mut self, route: Option<Route>) {
        match route {
            Some(route) => self.0[route.index()] = None,
            None => *self = Self::default(),
        }
    }

    pub(crate) fn list(&self) -> Vec<Limit> {
        self.0.iter().flatten().map(|limiter| limiter.limit.clone()).collect()
    }

    /// Takes a token for a request; nothing when its route has no limit.
    pub(crate) fn take(&mut self, request: &Request) -> Option<Verdict> {
        let Limiter { limit, buckets } = self.0[request.route.index()].as_mut()?;
        let key = if limit.per_token { request.bearer().unwrap_or_default() } else { "" };
        let now = request.arrived;
        if !buckets.contains_key(key) {
            buckets.insert(key.into(), Bucket { tokens: limit.burst, at: now });
        }
        let bucket = buckets.get_mut(key)?;
        Some(bucket.take(limit, now))
    }
}

impl Bucket {
    fn take(&mut self, limit: &Limit, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * limit.rate).min(limit.burst);
        // Two threads may read the clock in one order and get here in the other.
        self.at = self.at.max(now);
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        let seconds_for = |tokens: f64| if limit.rate > 0.0 { (tokens / limit.rate).ceil() as u64 } else { 60 };
        Verdict {
            granted,
            login: limit.route == Route::Token,
            retry_after: limit.retry_after.clone(),
            used: (limit.burst - self.tokens).ceil() as u64 + u64::from(!granted),
            allowed: limit.burst as u64,
            reset_s: seconds_for(limit.burst - self.tokens),
            wait_s: seconds_for((1.0 - self.tokens).max(0.0)).max(1),
        }
    }
}

impl Verdict {
    /// The answer to a request that was not granted.
    pub(crate) fn refusal(&self, request: &Request) -> Answer {
        let wait = match self.retry_after {
            RetryAfter::Seconds(seconds) => seconds,
            _ => self.wait_s,
        };
        let mut answer = if self.login {
            let message = format!("rate limit exceeded; retry the request in {wait} seconds");
            Answer::login_error(StatusCode::BAD_REQUEST, "invalid_request", &message)
        } else {
            let message = format!("Rate limit exceeded the maximum. Retry the request in [{wait}] seconds");
            Answer::error(StatusCode::TOO_MANY_REQUESTS, "too.many.requests.retry.after", &message, request.correlation)
        };
        let header = match &self.retry_after {
            RetryAfter::Computed if self.login => None,
            RetryAfter::Computed => Some(wait.to_string()),
            RetryAfter::Seconds(seconds) => Some(seconds.to_string()),
            // A date has whole seconds: one more, so that it never lies before the token.
            RetryAfter::Date => {
                Some(httpdate::fmt_http_date(SystemTime::now() + std::time::Duration::from_secs(wait + 1)))
            }
            RetryAfter::Absent => None,
            RetryAfter::Text(text) => Some(text.clone()),
        };
        if let Some(text) = header {
            answer.set(RETRY_AFTER, &text);
        }
        answer
    }

    /// The headers that every answer under a limit has.
    pub(crate) fn describe(&self, answer: &mut Answer) {
        answer.headers.insert(COUNT, self.used.into());
        answer.headers.insert(ALLOWED, self.allowed.into());
        answer.headers.insert(RESET, self.reset_s.into());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_fills_at_its_rate_up_to_its_burst() {
        let now = crate::clock::now();
        let limit = Limit::new(Route::Create, 10.0, 2.0);
        let mut bucket = Bucket { tokens: 2.0, at: now };
        let mut granted = |ms| bucket.take(&limit, now + Duration::from_millis(ms)).granted;
        assert_eq!([granted(0), granted(0), granted(0)], [true, true, false]);
        assert_eq!([granted(101), granted(102)], [true, false]);
        assert_eq!([granted(5000), granted(5000), granted(5000)], [true, true, false]);
    }
}
