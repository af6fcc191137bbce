//! What the webhook is told of an authentication.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::audit::Timestamp;
use crate::template::{Fact, Member};

/// The body of a webhook request; also what `authenticateGuest` returns as `analytics`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    pub(crate) guest_id: Member<&'a str>,
    pub(crate) email: Member<&'a str>,
    pub(crate) channel_id: Member<&'a str>,
    /// The profile's `tier` as it is; `null` without one.
    pub(crate) crm_tier: Member<&'a RawValue>,
    pub(crate) auth_latency_ms: Member<u64>,
    pub(crate) timestamp: Member<Timestamp>,
}

impl Event<'_> {
    /// For JavaScript to fill in.
    pub(crate) fn template() -> Self {
        Self {
            guest_id: Member::place(Fact::GuestId),
            email: Member::place(Fact::Email),
            channel_id: Member::place(Fact::ChannelId),
            crm_tier: Member::place(Fact::CrmTier),
            auth_latency_ms: Member::place(Fact::LatencyMs),
            timestamp: Member::place(Fact::Timestamp),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
