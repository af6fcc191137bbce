//! Profile lookup, attributes and reports alone.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::time::Instant;

use super::token_manager::guest_api;
use crate::analytics::{Notice, Outbox};
use crate::authenticator::sender;
use crate::config::{EnricherConfig, Rule};
use crate::crm::Crm;
use crate::enrich::Enricher;
use crate::error::Error;
use crate::guest_api::GetToken;
use crate::lifecycle::Lifecycle;

/// Looks profiles up, writes attributes and reports. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct ContextEnricher {
    enricher: Arc<Enricher>,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
}

impl ContextEnricher {
    /// `get_token` provides access tokens; it and the API are there both, or neither, and then no attributes are written.
    /// With an outbox on disk, this must be called within a Tokio runtime, and fails when its file cannot be had.
    /// `on_notice` hears of the outbox.
    pub fn new(
        config: EnricherConfig,
        get_token: Option<Box<GetToken>>,
        on_notice: impl Fn(Notice) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let EnricherConfig { api, reports, traffic } = config;
        let sender = sender(&traffic, None);
        let api = match (api, get_token) {
            (Some(api), Some(get_token)) => Some(Arc::new(guest_api(api, Arc::clone(&sender), get_token))),
            (None, None) => None,
            (Some(_), None) => return Err(required("getAccessToken", "environment")),
            (None, Some(_)) => return Err(required("environment", "getAccessToken")),
        };
        let outbox = reports
            .webhook
            .map(|webhook| Outbox::open(Arc::clone(&sender), webhook, reports.outbox, Arc::new(on_notice)))
            .transpose()?;
        let enricher = Enricher {
            crm: reports.crm.map(|(base, timeout)| Crm::new(Arc::clone(&sender), &base, timeout)),
            api,
            outbox,
            auditor: reports.auditor,
            failed_updates: AtomicU64::new(0),
        };
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

    /// Events that were given up, as a JSON array, oldest first: at most `limit`, those behind the one with the id `after`.
    /// Needs an outbox on disk, as do the next two.
    pub async fn dead_letters(&self, limit: Option<usize>, after: Option<&str>) -> Result<String, Error> {
        self.enricher.outbox()?.dead_letters(limit, after).await
    }

    /// Sends dead letters again, all or those with these ids; returns how many.
    pub async fn redeliver(&self, ids: Option<Vec<String>>) -> Result<usize, Error> {
        self.enricher.outbox()?.redeliver(ids).await
    }

    /// Throws dead letters away, all or those with these ids; returns how many.
    pub async fn discard_dead_letters(&self, ids: Option<Vec<String>>) -> Result<usize, Error> {
        self.enricher.outbox()?.discard(ids).await
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
