//! How an authenticator is made of its configuration.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Semaphore;

use super::{Authenticator, Inner, warm_up};
use crate::analytics::Outbox;
use crate::bearer::{BearerSender, Tokens};
use crate::config::{Config, Reports, Traffic};
use crate::crm::Crm;
use crate::enrich::Enricher;
use crate::error::Error;
use crate::guest_api::GuestApi;
use crate::guest_api::engagements::Engagements;
use crate::guest_api::web_messaging::WebMessaging;
use crate::lifecycle::Lifecycle;
use crate::metrics::Failures;
use crate::net::client::Http;
use crate::net::limiter::{Limits, SharedLimiter};
use crate::net::retry::Sender;
use crate::notice::{Notice, OnNotice};
use crate::oauth::OAuth;
use crate::preflight::Preflight;
use crate::rotation::Rotation;
use crate::sessions::guest_cache::GuestCache;
use crate::sessions::shared::Warn;
use crate::shared::{self, SharedStore};
use crate::signature::TokenVerifier;

/// The sender of a configuration: one HTTP client with its retries and its limiter, which other processes may share.
pub(crate) fn sender(traffic: &Traffic, limiter: Option<Arc<dyn SharedLimiter>>) -> Arc<Sender> {
    let limits = Limits { max_in_flight: traffic.max_concurrency, rate_limit: traffic.rate_limit, shared: limiter };
    Arc::new(Sender::new(Http::new(traffic.settings.clone()), traffic.policy.clone(), limits))
}

/// What enriches guests and reports on them. `bearer` is for profiles from the API's external contacts.
pub(crate) fn enricher(
    reports: Reports,
    sender: &Arc<Sender>,
    api: Option<Arc<dyn GuestApi>>,
    bearer: Option<BearerSender>,
    on_notice: OnNotice,
) -> Result<Enricher, Error> {
    let outbox = reports
        .webhook
        .map(|webhook| Outbox::open(Arc::clone(sender), webhook, reports.outbox, Arc::clone(&on_notice)))
        .transpose()?;
    let crm = match (reports.crm, reports.contacts.zip(bearer)) {
        (Some((base, timeout)), _) => Some(Crm::new(Arc::clone(sender), &base, timeout, on_notice)),
        (None, Some((contacts, bearer))) => Some(Crm::contacts(bearer, contacts, on_notice)),
        (None, None) => None,
    };
    Ok(Enricher { crm, api, outbox, auditor: reports.auditor, failed_updates: AtomicU64::new(0) })
}

impl Authenticator {
    /// Nothing is sent before the first call, except for what waits in an outbox on disk; with one, this must be called
    /// within a Tokio runtime, and fails when its file cannot be had. `on_notice` hears of the outbox, of the CRM
    /// and of a shared store.
    pub fn new(config: Config, on_notice: impl Fn(Notice) + Send + Sync + 'static) -> Result<Self, Error> {
        let Config {
            credentials, api, web_messaging, traffic, reports, max_sessions, store, preflight_channel, ..
        } = config;
        let on_notice: OnNotice = Arc::new(on_notice);
        let warn: Warn = {
            let on_notice = Arc::clone(&on_notice);
            Arc::new(move |text| on_notice(Notice::Store(text)))
        };
        let (sessions, shared) = shared::open(store, &credentials.client_secret, max_sessions, Arc::clone(&warn));
        let limiter = shared.as_ref().map(|shared| shared.limiter(&api.endpoints.guests, &credentials.client_id, warn));
        let sender = sender(&traffic, limiter);
        let origins = warm_up::origins(&credentials.token_url, &api.endpoints.guests, &reports);
        let access_token = shared.as_ref().map(|shared| shared.access_token(&credentials));
        let client_secret = credentials.client_secret.clone();
        let oauth = Arc::new(OAuth::new(credentials, Arc::clone(&sender), access_token));
        let timeout = api.timeout;
        let uses_token = web_messaging.is_none() || reports.contacts.is_some();
        let bearer = || BearerSender { sender: Arc::clone(&sender), tokens: Tokens::Managed(Arc::clone(&oauth)) };
        let api: Arc<dyn GuestApi> = match web_messaging {
            Some(settings) => Arc::new(WebMessaging::new(&sender, settings, client_secret)),
            None => Arc::new(Engagements {
                bearer: bearer(),
                endpoints: api.endpoints,
                verifier: TokenVerifier::new(&api.signing_key),
                timeout: api.timeout,
            }),
        };
        let enricher = enricher(reports, &sender, Some(Arc::clone(&api)), Some(bearer()), on_notice)?;
        Ok(Self(Arc::new(Inner {
            preflight: preflight_channel.then(|| Preflight::new(Arc::clone(&api))),
            rotation: Rotation::new(
                Arc::clone(&api),
                sessions.hasher().clone(),
                shared.as_ref().map(SharedStore::rotations),
            ),
            sessions,
            guests: GuestCache::default(),
            call_permits: Semaphore::new(traffic.max_concurrency as usize),
            traffic,
            origins,
            lifecycle: Lifecycle::new(Arc::clone(&sender), enricher.outbox.clone()),
            timeout,
            uses_token,
            sender,
            enricher,
            authenticated: AtomicU64::new(0),
            failures: Failures::default(),
            oauth,
            api,
        })))
    }
}
