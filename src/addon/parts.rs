//! The native halves of the classes that do one part of the work.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::authenticator::tell;
use super::bridge::{Bridge, NOTHING, Shared, failed, plain};
use super::payload::{self, Found, Oddities};
use super::runtime::runtime;
use super::thrown;
use crate::analytics::Outbox;
use crate::authenticator::sender;
use crate::config;
use crate::crm::Crm;
use crate::enrich::Enricher;
use crate::error::{Code, Error};
use crate::guest_api::{GuestApi, Tokens, Trip};
use crate::json::quote;
use crate::lifecycle::Lifecycle;
use crate::oauth::OAuth;
use crate::rotation::Rotation;
use crate::secret::Secret;
use crate::sessions::key::KeyHasher;
use crate::sessions::memory::MemorySessions;
use crate::shared::SharedStore;
use crate::signature::TokenVerifier;

/// The native half of `OAuthManager`.
#[napi]
pub struct NativeOAuth {
    oauth: Arc<OAuth>,
    shared: Option<SharedStore>,
    lifecycle: Arc<Lifecycle>,
    bridge: Arc<Shared>,
}

#[napi]
impl NativeOAuth {
    /// Throws an error's structure.
    #[napi(constructor, catch_unwind)]
    pub fn new(bridge: &Bridge, config: String) -> napi::Result<Self> {
        let (credentials, traffic, store) = config::oauth_from_json(&config).map_err(|error| thrown(&error))?;
        let sender = sender(&traffic, None);
        let shared = store.map(|settings| SharedStore::new(settings, &credentials.client_secret));
        let lifecycle = Lifecycle::new(Arc::clone(&sender), None);
        let access_token = shared.as_ref().map(|shared| shared.access_token(&credentials));
        let oauth = Arc::new(OAuth::new(credentials, sender, access_token));
        Ok(Self { oauth, shared, lifecycle, bridge: Arc::clone(bridge.shared()) })
    }

    /// Resolves with an access token.
    #[napi(catch_unwind)]
    pub fn access_token(&self, call: u32, abortable: bool) -> napi::Result<()> {
        let (oauth, entry) = (Arc::clone(&self.oauth), self.lifecycle.enter());
        run(
            &self.bridge,
            call,
            abortable,
            async move { Ok(quote(entry?.run(|| oauth.access_token()).await?.expose())) },
        )
    }

    /// Refuses new calls; resolves when the running ones have ended or been cancelled.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) -> napi::Result<()> {
        let closing = self.lifecycle.close(timeout_ms.map(|ms| Duration::from_millis(ms.into())));
        let shared = self.shared.clone();
        run(&self.bridge, call, false, async move {
            closing.await;
            if let Some(shared) = shared {
                shared.close();
            }
            Ok(NOTHING.to_owned())
        })
    }
}

/// The native half of `GuestTokenManager`.
#[napi]
pub struct NativeTokenManager {
    manager: Arc<TokenManager>,
    bridge: Arc<Shared>,
}

struct TokenManager {
    api: Arc<GuestApi>,
    rotation: Rotation,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
}

#[napi]
impl NativeTokenManager {
    /// `source` names this manager when a token is wanted. Throws an error's structure.
    #[napi(constructor, catch_unwind)]
    pub fn new(bridge: &Bridge, config: String, source: u32) -> napi::Result<Self> {
        let (api, traffic) = config::token_manager_from_json(&config).map_err(|error| thrown(&error))?;
        let bridge = Arc::clone(bridge.shared());
        let total_timeout = traffic.total_timeout;
        let api = guest_api(api, sender(&traffic, None), &bridge, source);
        let rotation = Rotation::new(Arc::clone(&api), KeyHasher::random(), None);
        let lifecycle = Lifecycle::new(Arc::clone(&api.sender), None);
        let manager = Arc::new(TokenManager { api, rotation, total_timeout, lifecycle });
        Ok(Self { manager, bridge })
    }

    /// Returns nothing when the call has begun, or the failure of a payload that was refused. The fields are those of
    /// `lib/payload.js`.
    #[napi(catch_unwind)]
    pub fn create<'e>(
        &self,
        env: Env,
        call: u32,
        abortable: bool,
        write: Unknown<'e>,
        traits: u32,
        email: Unknown<'e>,
        consent: Unknown<'e>,
        channel_id: Unknown<'e>,
        name: Unknown<'e>,
        attributes: Unknown<'e>,
        oddities: Option<Oddities>,
    ) -> napi::Result<Option<String>> {
        let found = Found { traits, values: [email, consent, channel_id, name, attributes], oddities };
        let request = match payload::read(env, &found, write)? {
            Ok(request) => request,
            Err(refused) => return Ok(Some(failed(&refused.to_error(), None))),
        };
        let (manager, entry) = (Arc::clone(&self.manager), self.manager.lifecycle.enter());
        run(&self.bridge, call, abortable, async move {
            let trip = Trip::new(manager.total_timeout);
            Ok(entry?.run(|| manager.api.create(&request, &trip)).await?.json.expose().to_owned())
        })?;
        Ok(None)
    }

    /// Resolves with a new guest token.
    #[napi(catch_unwind)]
    pub fn rotate(&self, call: u32, refresh_token: String, abortable: bool) -> napi::Result<()> {
        let (manager, entry) = (Arc::clone(&self.manager), self.manager.lifecycle.enter());
        let refresh_token = Secret::new(refresh_token);
        run(&self.bridge, call, abortable, async move {
            let trip = Trip::new(manager.total_timeout);
            Ok(quote(entry?.run(|| manager.rotation.rotate(&refresh_token, &trip)).await?.token.expose()))
        })
    }

    /// Refuses new calls; resolves when the running ones have ended or been cancelled.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) -> napi::Result<()> {
        close(&self.bridge, call, timeout_ms, &self.manager.lifecycle)
    }
}

/// The native half of `GuestContextEnricher`.
#[napi]
pub struct NativeEnricher {
    enricher: Arc<Enricher>,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
    bridge: Arc<Shared>,
}

#[napi]
impl NativeEnricher {
    /// `source` names this enricher when a token is wanted; without one it writes no attributes. Throws an error's
    /// structure.
    #[napi(constructor, catch_unwind)]
    pub fn new(bridge: &Bridge, config: String, source: Option<u32>) -> napi::Result<Self> {
        let (api, reports, traffic) = config::enricher_from_json(&config).map_err(|error| thrown(&error))?;
        if api.is_some() != source.is_some() {
            let (given, wanted) =
                if api.is_some() { ("environment", "getAccessToken") } else { ("getAccessToken", "environment") };
            return Err(thrown(&Error::config(wanted, config::Rule::AlsoRequired { given })));
        }
        let (bridge, sender) = (Arc::clone(bridge.shared()), sender(&traffic, None));
        let _runtime = reports.outbox.is_some().then(runtime).transpose()?.map(Handle::enter);
        let outbox = reports
            .webhook
            .map(|webhook| Outbox::open(Arc::clone(&sender), webhook, reports.outbox, Arc::new(tell(&bridge))))
            .transpose()
            .map_err(|error| thrown(&error))?;
        let enricher = Enricher {
            crm: reports.crm.map(|(base, timeout)| Crm::new(Arc::clone(&sender), &base, timeout)),
            api: api.zip(source).map(|(api, source)| guest_api(api, Arc::clone(&sender), &bridge, source)),
            outbox,
            auditor: reports.auditor,
            failed_updates: AtomicU64::new(0),
        };
        let lifecycle = Lifecycle::new(sender, enricher.outbox.clone());
        Ok(Self { enricher: Arc::new(enricher), total_timeout: traffic.total_timeout, lifecycle, bridge })
    }

    /// Resolves with `{ analytics, audit }`. Both arguments are the JSON of what the caller gave.
    #[napi(catch_unwind)]
    pub fn enrich(&self, call: u32, guest: String, request: String, abortable: bool) -> napi::Result<()> {
        let (enricher, entry, total) = (Arc::clone(&self.enricher), self.lifecycle.enter(), self.total_timeout);
        let started = Instant::now();
        run(&self.bridge, call, abortable, async move {
            entry?.run(|| enricher.enrich(&guest, &request, total, started)).await
        })
    }

    /// Resolves with the dead letters as a JSON array.
    #[napi(catch_unwind)]
    pub fn dead_letters(&self, call: u32) -> napi::Result<()> {
        let enricher = Arc::clone(&self.enricher);
        run(&self.bridge, call, false, async move { enricher.outbox()?.dead_letters().await })
    }

    /// Sends dead letters again, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn redeliver(&self, call: u32, ids: Option<Vec<String>>) -> napi::Result<()> {
        let enricher = Arc::clone(&self.enricher);
        let work = async move { enricher.outbox()?.redeliver(ids).await.map(|count| count.to_string()) };
        run(&self.bridge, call, false, work)
    }

    /// Throws dead letters away, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn discard_dead_letters(&self, call: u32, ids: Option<Vec<String>>) -> napi::Result<()> {
        let enricher = Arc::clone(&self.enricher);
        let work = async move { enricher.outbox()?.discard(ids).await.map(|count| count.to_string()) };
        run(&self.bridge, call, false, work)
    }

    /// Refuses new calls; resolves when the running ones and the deliveries have ended or been given up.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) -> napi::Result<()> {
        close(&self.bridge, call, timeout_ms, &self.lifecycle)
    }

    /// Analytics events that wait.
    #[napi(catch_unwind)]
    pub fn undelivered(&self) -> u32 {
        self.enricher.outbox.as_ref().map_or(0, Outbox::at_stake) as u32
    }
}

/// The native half of `DuplicateSessionGuard`.
#[napi]
pub struct NativeGuard(MemorySessions);

/// The tutorial's guard has no bound; this one is the machine's memory, about 4 GB.
const GUARD_SESSIONS: usize = 100_000_000;

#[napi]
impl NativeGuard {
    /// An empty guard.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self(MemorySessions::new(KeyHasher::random(), GUARD_SESSIONS))
    }

    /// Whether the key is taken; takes it if not. Throws an error's structure when the guard is full.
    #[napi(catch_unwind)]
    pub fn check_duplicate(&self, session_key: String) -> napi::Result<bool> {
        match self.0.reserve(&session_key) {
            Ok(reservation) => {
                reservation.keep(Duration::MAX);
                Ok(false)
            }
            Err(error) if error.code() == Code::DuplicateSession => Ok(true),
            Err(error) => Err(thrown(&error)),
        }
    }

    /// Frees a key.
    #[napi(catch_unwind)]
    pub fn invalidate(&self, session_key: String) {
        self.0.invalidate(&session_key);
    }
}

fn guest_api(
    api: config::Api,
    sender: Arc<crate::net::retry::Sender>,
    bridge: &Arc<Shared>,
    source: u32,
) -> Arc<GuestApi> {
    let bridge = Arc::clone(bridge);
    Arc::new(GuestApi {
        sender,
        tokens: Tokens::Given(Box::new(move || bridge.want_token(source))),
        endpoints: api.endpoints,
        verifier: TokenVerifier::new(&api.signing_key),
        timeout: api.timeout,
    })
}

fn run(
    bridge: &Arc<Shared>,
    call: u32,
    abortable: bool,
    work: impl Future<Output = Result<String, Error>> + Send + 'static,
) -> napi::Result<()> {
    bridge.run(call, abortable, || async move { work.await.map_err(plain) }, plain)
}

fn close(bridge: &Arc<Shared>, call: u32, timeout_ms: Option<u32>, lifecycle: &Arc<Lifecycle>) -> napi::Result<()> {
    let closing = lifecycle.close(timeout_ms.map(|ms| Duration::from_millis(ms.into())));
    run(bridge, call, false, async move {
        closing.await;
        Ok(NOTHING.to_owned())
    })
}
