//! The `Retry-After` header, RFC 9110 §10.2.3: whole seconds or an HTTP date.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// The wait that the server asks for, rounded up to whole seconds. A malformed value, or more than one, means none. A date
/// counts from the answer's own `Date`: the server's clock need not be ours.
pub(crate) fn parse(headers: &HeaderMap) -> Option<Duration> {
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let value = values.next()?.to_str().ok()?;
    let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    if values.next().is_some() { None } else { parse_value(value, date.unwrap_or_else(SystemTime::now)) }
}

fn parse_value(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "not for a very long time", which every caller treats alike.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX)).min(u64::from(u32::MAX))));
    }
    let wait = httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or(Duration::ZERO);
    Some(Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(value: &str, now: u64) -> Option<u64> {
        parse_value(value, SystemTime::UNIX_EPOCH + Duration::from_secs(now)).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(at("0", 0), Some(0));
        assert_eq!(at(" 120 ", 0), Some(120));
        assert_eq!(at("Thu, 01 Jan 1970 00:01:40 GMT", 40), Some(60));
        assert_eq!(at("Thu, 01 Jan 1970 00:00:40 GMT", 100), Some(0));
        assert_eq!(at("99999999999999999999999", 0), Some(u64::from(u32::MAX)));
    }

    #[test]
    fn a_date_counts_from_the_servers_own_clock() {
        let headers = |date: &str| {
            let pairs = [(RETRY_AFTER, "Thu, 01 Jan 1970 00:01:40 GMT"), (DATE, date)];
            pairs.map(|(name, value)| (name, http::HeaderValue::from_str(value).unwrap())).into_iter().collect()
        };
        assert_eq!(parse(&headers("Thu, 01 Jan 1970 00:01:30 GMT")), Some(Duration::from_secs(10)));
        assert_eq!(parse(&headers("Thu, 01 Jan 1970 02:00:00 GMT")), Some(Duration::ZERO));
        assert_eq!(parse(&headers("soon")), Some(Duration::ZERO));
    }

    #[test]
    fn malformed_values_mean_none() {
        for value in ["", "-1", "1.5", "1e3", "0x10", "soon", "1, 2", "+3", "٣", "1970-01-01T00:00:00Z"] {
            assert_eq!(at(value, 0), None, "{value}");
        }
    }

    #[test]
    fn a_date_is_rounded_up() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(40_001);
        assert_eq!(parse_value("Thu, 01 Jan 1970 00:00:42 GMT", now), Some(Duration::from_secs(2)));
    }

    proptest! {
        #[test]
        fn nothing_panics(value in ".*", now in 0_u64..4_000_000_000) {
            let _ = at(&value, now);
        }

        #[test]
        fn every_date_comes_back(seconds in 0_u64..4_000_000_000, ahead in 0_u64..100_000) {
            let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds + ahead));
            prop_assert_eq!(at(&date, seconds), Some(ahead));
        }
    }
}
