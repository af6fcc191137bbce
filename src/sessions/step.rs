//! How much time a call gives to a store that processes share.

use std::time::Duration;

use tokio::time::Instant;

/// For all commands that one step needs, reconnection included.
pub(crate) const STEP_LIMIT: Duration = Duration::from_secs(1);

/// A reservation outlives its process by this at most: long enough for a pause of the process, short enough that nobody
/// who tries again notices a crash.
pub(crate) const RESERVED_FOR: Duration = Duration::from_secs(5);

/// Three renewals fit into [`RESERVED_FOR`], so that one may fail.
pub(crate) const RENEW_EVERY: Duration = Duration::from_millis(1500);

/// By when a step must be over that begins now.
pub(crate) fn step_deadline() -> Instant {
    Instant::now() + STEP_LIMIT
}

/// Rounded up: a session must not end before its token.
pub(crate) fn whole_millis(span: Duration) -> u128 {
    span.as_nanos().div_ceil(1_000_000)
}

/// What happens to calls while a shared store cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// They fail.
    Reject,
    /// The memory of this process stands in.
    Local,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_is_a_whole_one() {
        let spans = [0, 1, 999_999, 1_000_000, 1_999_000_001].map(Duration::from_nanos);
        assert_eq!(spans.map(whole_millis), [0, 1, 1, 1, 2000]);
    }
}
