//! Time as the server sees it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Now, on the real clock.
#[expect(clippy::disallowed_methods, reason = "a server does not stand still when the test's own clock is paused")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Whole milliseconds from now until then: 0 only when it is over.
pub(crate) fn ms_until(then: Instant, now: Instant) -> u64 {
    then.saturating_duration_since(now).as_nanos().div_ceil(1_000_000) as u64
}

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as i64)
}

/// `2026-01-31T12:34:56.789Z`, as JavaScript's `toISOString` writes it.
pub(crate) fn iso(ms: i64) -> String {
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let rest = ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000)
}

/// Year, month and day of a day counted from 1970-01-01. The year starts in March here, so that the leap day is its
/// last (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_javascript_does() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(1_767_225_599_001), "2025-12-31T23:59:59.001Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
    }
}
