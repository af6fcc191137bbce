//! What the fields of a configuration say, in groups.

use std::time::Duration;

use crate::analytics::{OutboxSettings, Webhook};
use crate::audit::Auditor;
use crate::crm::contacts::ContactsSettings;
use crate::guest_api::Endpoints;
use crate::net::{Policy, RateLimit, Settings};
use crate::secret::Secret;

/// Where the Guest API is and how its tokens are signed.
#[derive(Debug, Clone)]
pub struct Api {
    /// Absolute URLs of its calls.
    pub endpoints: Endpoints,
    /// HMAC key of guest tokens.
    pub signing_key: Secret,
    /// Limit for one exchange.
    pub timeout: Duration,
}

/// How requests are made and repeated.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// Connections.
    pub settings: Settings,
    /// Retries.
    pub policy: Policy,
    /// Guest calls in flight.
    pub max_concurrency: u32,
    /// The limit of one access token, where it is known.
    pub rate_limit: Option<RateLimit>,
    /// Limit for a whole call with its retries and queueing.
    pub total_timeout: Duration,
}

/// What follows a creation.
#[derive(Debug, Clone)]
pub struct Reports {
    /// Base URL of the CRM and the limit for a lookup.
    pub crm: Option<(url::Url, Duration)>,
    /// External contacts, where they stand in for a CRM.
    pub contacts: Option<ContactsSettings>,
    /// The analytics webhook.
    pub webhook: Option<Webhook>,
    /// Where events are kept until they are delivered; None → in memory.
    pub outbox: Option<OutboxSettings>,
    /// Writes audit records.
    pub auditor: Auditor,
}
