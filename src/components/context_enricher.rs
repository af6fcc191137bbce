//! Profile lookup, attributes and reports alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::token_manager::guest_api;
use crate::analytics::Outbox;
use crate::authenticator::assemble::{enricher, sender};
use crate::bearer::GetToken;
use crate::config::{EnricherConfig, Rule};
use crate::enrich::Enricher;
use crate::error::Error;
use crate::guest_api::GuestApi;
use crate::lifecycle::Lifecycle;
use crate::notice::Notice;

/// Looks profiles up, writes attributes and reports.
///
/// ```no_run
/// # async fn run() -> Result<(), genesys_guest_auth::Error> {
/// use genesys_guest_auth::components::ContextEnricher;
/// use genesys_guest_auth::config::EnricherConfig;
///
/// let json = r#"{"crmBaseUrl":"https://crm.example.com","analyticsWebhookUrl":"https://hooks.example.com/guests"}"#;
/// // Without access tokens no attributes are written.
/// let enricher = ContextEnricher::new(EnricherConfig::from_json(json)?, None, |_notice| ())?;
/// let guest = r#"{"guestId":"guest-1","expiresIn":3600}"#;
/// let request = r#"{"email":"ada@example.com","consent":true,"channelId":"web-1"}"#;
/// let reports = enricher.enrich(guest.to_owned(), request.to_owned()).await?;
/// # Ok(()) }
/// ```
pub struct ContextEnricher {
    enricher: Arc<Enricher>,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
}

impl ContextEnricher {
    /// `get_token` provides access tokens. It needs an API in the configuration, and the API needs it; without both, no
    /// attributes are written.
    /// With an outbox on disk, this must be called within a Tokio runtime, and fails when its file cannot be had.
    /// `on_notice` hears of the outbox and of the CRM.
    pub fn new(
        config: EnricherConfig,
        get_token: Option<Box<GetToken>>,
        on_notice: impl Fn(Notice) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let EnricherConfig { api, reports, traffic } = config;
        let sender = sender(&traffic, None);
        let api = match (api, get_token) {
            (Some(api), Some(get_token)) => {
                Some(Arc::new(guest_api(api, Arc::clone(&sender), get_token)) as Arc<dyn GuestApi>)
            }
            (None, None) => None,
            (Some(_), None) => return Err(required("getAccessToken", "environment")),
            (None, Some(_)) => return Err(required("environment", "getAccessToken")),
        };
        let enricher = enricher(reports, &sender, api, None, Arc::new(on_notice))?;
        let lifecycle = Lifecycle::new(sender, enricher.outbox.clone());
        Ok(Self { enricher: Arc::new(enricher), total_timeout: traffic.total_timeout, lifecycle })
    }

    /// Enriches a guest. Both are JSON objects: the API's answer, and the payload that it was created from. Ends with the
    /// analytics event and the audit record, `{ "analytics": …, "audit": … }`.
    pub fn enrich(&self, guest: String, request: String) -> impl Future<Output = Result<String, Error>> + Send + use<> {
        let (enricher, entry, total) = (Arc::clone(&self.enricher), self.lifecycle.enter(), self.total_timeout);
        let started = Instant::now();
        async move { entry?.run(|| enricher.enrich(&guest, &request, total, started)).await }
    }

    /// The outbox, for its dead letters. Fails where nothing is reported.
    pub fn outbox(&self) -> Result<Outbox, Error> {
        self.enricher.outbox().cloned()
    }

    /// Analytics events that the end of the process would lose.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.enricher.outbox.as_ref().map_or(0, Outbox::at_stake)
    }

    /// Refuses new calls from now on, before the future is first polled. It ends when the running calls and the deliveries
    /// have ended; what outlasts `limit` is cancelled or given up.
    pub fn close(&self, limit: Option<Duration>) -> impl Future<Output = ()> + Send + use<> {
        self.lifecycle.close(limit)
    }
}

fn required(wanted: &str, given: &'static str) -> Error {
    Error::config(wanted, Rule::AlsoRequired { given })
}
