//! What the webhook is told of an authentication.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::audit::Timestamp;

/// The body of a webhook request; also what `authenticateGuest` returns as `analytics`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    pub(crate) guest_id: &'a str,
    pub(crate) email: &'a str,
    pub(crate) channel_id: &'a str,
    /// The profile's `tier` as it is; `null` without one.
    pub(crate) crm_tier: &'a RawValue,
    pub(crate) auth_latency_ms: u64,
    pub(crate) timestamp: Timestamp,
}

impl Event<'_> {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
