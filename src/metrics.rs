//! Counters since the start, and the present load.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Serialize;

pub use crate::analytics::Deliveries;
use crate::error::Code;
use crate::sessions::store::StoreMetrics;
use crate::sync::lock;

/// A snapshot for `metrics()`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Guests returned.
    pub authenticated: u64,
    /// Calls that failed, by code.
    pub failed: BTreeMap<&'static str, u64>,
    /// Calls refused by the duplicate guard.
    pub duplicates: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Answers that asked to slow down.
    pub throttled: u64,
    /// Lookups that brought no profile.
    pub crm_failures: u64,
    /// Those of them to which the CRM gave no usable answer.
    pub crm_unavailable: u64,
    /// Attribute updates that failed for good.
    pub enrichment_failures: u64,
    /// Token requests.
    pub oauth_requests: u64,
    /// Sessions and reservations in memory; with a shared store, the reservations that this process holds.
    pub live_sessions: usize,
    /// The shared store, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreMetrics>,
    /// Guest API requests under way.
    pub in_flight: u32,
    /// Calls that wait for their turn.
    pub queued: usize,
    /// Analytics events.
    pub analytics: Deliveries,
}

/// Failed calls by code. Failures are rare enough for a lock.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<BTreeMap<&'static str, u64>>);

impl Failures {
    pub(crate) fn count(&self, code: Code) {
        *lock(&self.0).entry(code.as_str()).or_default() += 1;
    }

    pub(crate) fn of(&self, code: Code) -> u64 {
        lock(&self.0).get(code.as_str()).copied().unwrap_or_default()
    }

    pub(crate) fn by_code(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0).clone()
    }
}
