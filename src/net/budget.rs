//! The retry budget of an instance: under an outage it stops retries from multiplying the load.

use std::sync::atomic::{AtomicU32, Ordering};

/// The AWS SDKs' figures for their standard retry mode (capacity, cost of a retry, cost when throttled).
const CAPACITY: u32 = 500;
const TRANSIENT_COST: u32 = 14;
const THROTTLED_COST: u32 = 5;
/// What a call that needed no retry gives back.
const FIRST_TRY_REFUND: u32 = 1;

/// Why a retry is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Transient,
    Throttled,
}

/// A token bucket that refills by successes, not by time.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(CAPACITY))
    }
}

impl Budget {
    /// Pays for a retry; `None` when the budget is used up.
    pub(crate) fn take(&self, reason: Reason) -> Option<u32> {
        let cost = match reason {
            Reason::Transient => TRANSIENT_COST,
            Reason::Throttled => THROTTLED_COST,
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cost)).ok().map(|_| cost)
    }

    /// Full again.
    pub(crate) fn reset(&self) {
        self.0.store(CAPACITY, Ordering::Relaxed);
    }

    /// Gives back what a call that succeeded had paid for its retries.
    pub(crate) fn refund(&self, paid: u32) {
        if paid == 0 && self.0.load(Ordering::Relaxed) >= CAPACITY {
            return;
        }
        let amount = paid.max(FIRST_TRY_REFUND);
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some((left + amount).min(CAPACITY)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_outage_allows_no_more_than_the_capacity() {
        let budget = Budget::default();
        let retries = (0..3000).filter(|_| budget.take(Reason::Transient).is_some()).count();
        assert_eq!(retries, 35);
    }

    #[test]
    fn success_refills_up_to_the_capacity() {
        let budget = Budget::default();
        let paid = budget.take(Reason::Throttled).unwrap();
        budget.refund(paid);
        budget.refund(100);
        assert_eq!(budget.0.load(Ordering::Relaxed), CAPACITY);
    }

    #[test]
    fn calls_without_retries_refill_slowly() {
        let budget = Budget::default();
        while budget.take(Reason::Transient).is_some() {}
        for _ in 0..TRANSIENT_COST {
            budget.refund(0);
        }
        assert!(budget.take(Reason::Transient).is_some());
    }
}
