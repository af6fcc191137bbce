//! The native half of `GuestContextEnricher`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use napi_derive::napi;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::bridge::{Bridge, BridgeHandle, NOTHING, milliseconds};
use super::guest_authenticator::on_notice;
use super::guest_token_manager::guest_api;
use super::runtime::runtime;
use super::{OrFailure, or_failure};
use crate::analytics::Outbox;
use crate::authenticator::sender;
use crate::config;
use crate::crm::Crm;
use crate::enrich::Enricher;
use crate::error::Error;
use crate::lifecycle::Lifecycle;

/// Looks profiles up, writes attributes and reports.
#[napi]
pub struct NativeContextEnricher {
    enricher: Arc<Enricher>,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
    bridge: Arc<BridgeHandle>,
}

#[napi]
impl NativeContextEnricher {
    /// `owner` is the number of who has the function that provides access tokens; without one no attributes are written.
    #[napi(catch_unwind)]
    pub fn open(bridge: &Bridge, config: String, owner: Option<u32>) -> OrFailure<NativeContextEnricher> {
        or_failure(Self::assemble(bridge, &config, owner))
    }

    fn assemble(bridge: &Bridge, config: &str, owner: Option<u32>) -> Result<Self, Error> {
        let (api, reports, traffic) = config::enricher_from_json(config)?;
        if api.is_some() != owner.is_some() {
            let (given, wanted) =
                if api.is_some() { ("environment", "getAccessToken") } else { ("getAccessToken", "environment") };
            return Err(Error::config(wanted, config::Rule::AlsoRequired { given }));
        }
        let (bridge, sender) = (Arc::clone(bridge.handle()), sender(&traffic, None));
        // What waits on disk is on its way from here on.
        let _runtime = reports.outbox.is_some().then(runtime).transpose()?.map(Handle::enter);
        let outbox = reports
            .webhook
            .map(|webhook| Outbox::open(Arc::clone(&sender), webhook, reports.outbox, Arc::new(on_notice(&bridge))))
            .transpose()?;
        let enricher = Enricher {
            crm: reports.crm.map(|(base, timeout)| Crm::new(Arc::clone(&sender), &base, timeout)),
            api: api.zip(owner).map(|(api, owner)| guest_api(api, Arc::clone(&sender), &bridge, owner)),
            outbox,
            auditor: reports.auditor,
            failed_updates: AtomicU64::new(0),
        };
        let lifecycle = Lifecycle::new(sender, enricher.outbox.clone());
        Ok(Self { enricher: Arc::new(enricher), total_timeout: traffic.total_timeout, lifecycle, bridge })
    }

    /// Resolves with `{ analytics, audit }`. Both arguments are the JSON of what the caller gave.
    #[napi(catch_unwind)]
    pub fn enrich(&self, call: u32, guest: String, request: String, abortable: bool) {
        let (enricher, entry, total) = (Arc::clone(&self.enricher), self.lifecycle.enter(), self.total_timeout);
        let started = Instant::now();
        self.bridge.run_plain(call, abortable, async move {
            entry?.run(|| enricher.enrich(&guest, &request, total, started)).await
        });
    }

    /// Resolves with the dead letters as a JSON array.
    #[napi(catch_unwind)]
    pub fn dead_letters(&self, call: u32, limit: Option<u32>, after: Option<String>) {
        let enricher = Arc::clone(&self.enricher);
        let limit = limit.map(|limit| limit as usize);
        self.bridge.run_plain(
            call,
            false,
            async move { enricher.outbox()?.dead_letters(limit, after.as_deref()).await },
        );
    }

    /// Sends dead letters again, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn redeliver(&self, call: u32, ids: Option<Vec<String>>) {
        let enricher = Arc::clone(&self.enricher);
        let work = async move { enricher.outbox()?.redeliver(ids).await.map(|count| count.to_string()) };
        self.bridge.run_plain(call, false, work);
    }

    /// Throws dead letters away, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn discard_dead_letters(&self, call: u32, ids: Option<Vec<String>>) {
        let enricher = Arc::clone(&self.enricher);
        let work = async move { enricher.outbox()?.discard(ids).await.map(|count| count.to_string()) };
        self.bridge.run_plain(call, false, work);
    }

    /// Refuses new calls; resolves when the running ones and the deliveries have ended or been given up.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        let closing = self.lifecycle.close(milliseconds(timeout_ms));
        self.bridge.run_plain(call, false, async move {
            closing.await;
            Ok(NOTHING.to_owned())
        });
    }

    /// Analytics events that wait.
    #[napi(catch_unwind)]
    pub fn undelivered(&self) -> u32 {
        self.enricher.outbox.as_ref().map_or(0, Outbox::at_stake) as u32
    }
}
