//! The native half of `GuestContextEnricher`.

use std::sync::Arc;

use napi_derive::napi;
use tokio::runtime::Handle;

use super::bridge::{Bridge, BridgeHandle, milliseconds};
use super::guest_authenticator::on_notice;
use super::guest_token_manager::get_token;
use super::runtime::runtime;
use super::{OrFailure, or_failure};
use crate::components::ContextEnricher;
use crate::config::EnricherConfig;
use crate::error::Error;

/// Looks profiles up, writes attributes and reports.
#[napi]
pub struct NativeContextEnricher {
    enricher: ContextEnricher,
    bridge: Arc<BridgeHandle>,
}

#[napi]
impl NativeContextEnricher {
    /// `owner` is the number of who has the function that provides access tokens; without one no attributes are written.
    #[napi(catch_unwind)]
    pub fn open(bridge: &Bridge, config: String, owner: Option<u32>) -> OrFailure<NativeContextEnricher> {
        or_failure(Self::adapt(bridge.handle(), &config, owner))
    }

    fn adapt(bridge: &Arc<BridgeHandle>, config: &str, owner: Option<u32>) -> Result<Self, Error> {
        let config = EnricherConfig::from_json(config)?;
        // What waits on disk is on its way from here on.
        let _runtime = config.reports.outbox.is_some().then(runtime).transpose()?.map(Handle::enter);
        let get_token = owner.map(|owner| get_token(bridge, owner));
        let enricher = ContextEnricher::new(config, get_token, on_notice(bridge))?;
        Ok(Self { enricher, bridge: Arc::clone(bridge) })
    }

    /// Resolves with `{ analytics, audit }`. Both arguments are the JSON of what the caller gave.
    #[napi(catch_unwind)]
    pub fn enrich(&self, call: u32, guest: String, request: String, abortable: bool) {
        self.bridge.begin(call, abortable, self.enricher.enrich(guest, request));
    }

    /// Resolves with the dead letters as a JSON array.
    #[napi(catch_unwind)]
    pub fn dead_letters(&self, call: u32, limit: Option<u32>, after: Option<String>) {
        let (outbox, limit) = (self.enricher.outbox(), limit.map(|limit| limit as usize));
        self.bridge.begin(call, false, async move { outbox?.dead_letters(limit, after.as_deref()).await });
    }

    /// Sends dead letters again, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn redeliver(&self, call: u32, ids: Option<Vec<String>>) {
        let outbox = self.enricher.outbox();
        self.bridge.begin(call, false, async move { outbox?.redeliver(ids).await });
    }

    /// Throws dead letters away, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn discard_dead_letters(&self, call: u32, ids: Option<Vec<String>>) {
        let outbox = self.enricher.outbox();
        self.bridge.begin(call, false, async move { outbox?.discard(ids).await });
    }

    /// Refuses new calls; resolves when the running ones and the deliveries have ended or been given up.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        self.bridge.begin(call, false, self.enricher.close(milliseconds(timeout_ms)));
    }

    /// Analytics events that wait.
    #[napi(catch_unwind)]
    pub fn undelivered(&self) -> u32 {
        self.enricher.undelivered() as u32
    }
}
