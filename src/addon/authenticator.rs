//! The native half of `GuestAuthenticator`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::bridge::{Bridge, NOTHING, Shared, failed, plain};
use super::payload::{self, Found, Oddities};
use super::runtime::runtime;
use super::{store, thrown};
use crate::analytics::News;
use crate::audit::{Facts, Subject};
use crate::authenticator::{Authenticator, Outcome};
use crate::config::{Config, SessionStoreSettings};
use crate::environment::Environment;
use crate::error::Error;
use crate::json::quote;
use crate::secret::Secret;

/// Authenticates guests. Every method with a `call` settles that number through the bridge.
#[napi]
pub struct NativeAuthenticator {
    core: Authenticator,
    environment: Environment,
    bridge: Arc<Shared>,
}

#[napi]
impl NativeAuthenticator {
    /// `config` is the JSON of an `AuthenticatorConfig`; `store` is the number of a session store of the user's own, and
    /// `local` whether memory stands in for it. Throws an error's structure.
    #[napi(constructor, catch_unwind)]
    pub fn new(bridge: &Bridge, config: String, store: Option<u32>, local: Option<bool>) -> napi::Result<Self> {
        let mut config = Config::from_json(&config).map_err(|error| thrown(&error))?;
        let bridge = Arc::clone(bridge.shared());
        if let Some(source) = store {
            config.store = Some(store::custom(&bridge, source, local.unwrap_or(false)));
        }
        let environment = config.environment.clone();
        // What waits on disk is on its way from here on, and so is the connection to Redis.
        let begins = config.reports.outbox.is_some() || matches!(config.store, Some(SessionStoreSettings::Redis(_)));
        let _runtime = begins.then(runtime).transpose()?.map(Handle::enter);
        let core = Authenticator::new(config, tell(&bridge)).map_err(|error| thrown(&error))?;
        Ok(Self { core, environment, bridge })
    }

    /// Returns nothing when the call has begun, or the failure of a payload that was refused. The fields are those of
    /// `lib/payload.js`.
    #[napi(catch_unwind)]
    pub fn authenticate<'e>(
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
        let started = Instant::now();
        let found = Found { traits, values: [email, consent, channel_id, name, attributes], oddities };
        let request = match payload::read(env, &found, write)? {
            Ok(request) => request,
            Err(refused) => {
                let failed = self.core.failed(refused.subject(), refused.to_error(), started);
                return Ok(Some(self::failed(&failed.error, Some(&failed.audit))));
            }
        };
        let request = Arc::new(request);
        let (core, own, entry) = (self.core.clone(), Arc::clone(&request), self.core.enter());
        let work = move || async move {
            match core.authenticate_entered(entry, &own, started).await {
                Ok(outcome) => Ok(news(&outcome, core.shown(&own.email).as_deref())),
                Err(failure) => Err(failed(&failure.error, Some(&failure.audit))),
            }
        };
        let core = self.core.clone();
        let broken_off = move |error: Error| {
            let subject =
                Subject { email: Some(&request.email), consent: true, channel_id: Some(request.channel_id.as_str()) };
            let failure = core.failed(subject, error, started);
            failed(&failure.error, Some(&failure.audit))
        };
        self.bridge.run(call, abortable, work, broken_off)?;
        Ok(None)
    }

    /// Ends a session. Returns the audit record, or nothing when the call has begun that resolves with it. Throws an
    /// error's structure.
    #[napi(catch_unwind)]
    pub fn invalidate(&self, call: u32, session_key: String, abortable: bool) -> napi::Result<Option<String>> {
        if !self.core.shares_sessions()
            && let Some(ended) = self.core.invalidate(&session_key).now_or_never()
        {
            return ended.map(Some).map_err(|error| thrown(&error));
        }
        let (core, entry) = (self.core.clone(), self.core.enter());
        self.run(call, abortable, async move { core.invalidate_entered(entry, &session_key).await })?;
        Ok(None)
    }

    /// Frees the key of a session that nobody took.
    #[napi(catch_unwind)]
    pub fn release(&self, session_key: String) -> napi::Result<()> {
        if !self.core.shares_sessions() && self.core.release(&session_key).now_or_never().is_some() {
            return Ok(());
        }
        let (core, entry) = (self.core.clone(), self.core.enter());
        runtime()?.spawn(async move {
            let _running = entry;
            core.release(&session_key).await;
        });
        Ok(())
    }

    /// Resolves with an access token.
    #[napi(catch_unwind)]
    pub fn access_token(&self, call: u32, abortable: bool) -> napi::Result<()> {
        let (core, entry) = (self.core.clone(), self.core.enter());
        self.run(call, abortable, async move { Ok(quote(core.access_token_entered(entry).await?.expose())) })
    }

    /// Drops an access token that the API refused.
    #[napi(catch_unwind)]
    pub fn reject_access_token(&self, token: String) {
        self.core.reject_access_token(&Secret::new(token));
    }

    /// Resolves with a new guest token.
    #[napi(catch_unwind)]
    pub fn rotate(&self, call: u32, refresh_token: String, abortable: bool) -> napi::Result<()> {
        let (core, entry, refresh_token) = (self.core.clone(), self.core.enter(), Secret::new(refresh_token));
        self.run(call, abortable, async move { Ok(quote(core.rotate_entered(entry, &refresh_token).await?.expose())) })
    }

    /// Resolves when a token is there and connections are open.
    #[napi(catch_unwind)]
    pub fn warm_up(&self, call: u32, abortable: bool) -> napi::Result<()> {
        let (core, entry) = (self.core.clone(), self.core.enter());
        self.run(call, abortable, async move { core.warm_up_entered(entry).await.map(|()| NOTHING.to_owned()) })
    }

    /// Resolves with the dead letters as a JSON array.
    #[napi(catch_unwind)]
    pub fn dead_letters(&self, call: u32) -> napi::Result<()> {
        let core = self.core.clone();
        self.run(call, false, async move { core.dead_letters().await })
    }

    /// Sends dead letters again, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn redeliver(&self, call: u32, ids: Option<Vec<String>>) -> napi::Result<()> {
        let core = self.core.clone();
        self.run(call, false, async move { core.redeliver(ids).await.map(|count| count.to_string()) })
    }

    /// Throws dead letters away, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn discard_dead_letters(&self, call: u32, ids: Option<Vec<String>>) -> napi::Result<()> {
        let core = self.core.clone();
        self.run(call, false, async move { core.discard_dead_letters(ids).await.map(|count| count.to_string()) })
    }

    /// Resolves when no analytics event waits; with an outbox on disk, when none is due.
    #[napi(catch_unwind)]
    pub fn flush(&self, call: u32) -> napi::Result<()> {
        let core = self.core.clone();
        self.run(call, false, async move {
            core.flush().await;
            Ok(NOTHING.to_owned())
        })
    }

    /// Refuses new calls; resolves when the running ones and the deliveries have ended.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) -> napi::Result<()> {
        let closing = self.core.close(timeout_ms.map(|ms| Duration::from_millis(ms.into())));
        self.run(call, false, async move {
            closing.await;
            Ok(NOTHING.to_owned())
        })
    }

    /// `{ apiUrl, loginUrl, domain? }` as JSON, for the official SDK.
    #[napi(catch_unwind)]
    pub fn endpoints(&self) -> String {
        let environment = &self.environment;
        serde_json::json!({ "apiUrl": environment.api, "loginUrl": environment.login, "domain": environment.domain })
            .to_string()
    }

    /// Analytics events that wait.
    #[napi(catch_unwind)]
    pub fn undelivered(&self) -> u32 {
        self.core.undelivered() as u32
    }

    /// Counters and load as JSON.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> String {
        serde_json::to_string(&self.core.metrics()).unwrap_or_default()
    }

    fn run(
        &self,
        call: u32,
        abortable: bool,
        work: impl Future<Output = Result<String, Error>> + Send + 'static,
    ) -> napi::Result<()> {
        self.bridge.run(call, abortable, || async move { work.await.map_err(plain) }, plain)
    }
}

/// What JavaScript does not know yet of a call that succeeded; `lib/records.js` makes the event and the record of it. Whole,
/// they would cost its thread 2 µs more to parse.
fn news(outcome: &Outcome, shown: Option<&str>) -> String {
    let Outcome { guest_data, request_id, facts, .. } = outcome;
    let Facts { latency_ms, expires_in, timestamp, crm_tier, enrichment } = facts;
    let shown = shown.map_or_else(|| NOTHING.to_owned(), quote);
    format!(
        "[{},{latency_ms},{expires_in},\"{timestamp}\",{crm_tier},\"{}\",\"{request_id}\",{shown}]",
        guest_data.expose(),
        enrichment.as_str(),
    )
}

/// Passes news on to JavaScript: the code of a warning, a space, and its text.
pub(super) fn tell(bridge: &Arc<Shared>) -> impl Fn(News) + Send + Sync + 'static {
    let bridge = Arc::clone(bridge);
    move |news| match news {
        News::Idle => bridge.idle(),
        News::Undelivered(text) => bridge.warn(format!("ANALYTICS_UNDELIVERED {text}")),
        News::DeadLetter(text) => bridge.warn(format!("ANALYTICS_DEAD_LETTER {text}")),
        News::SetAside(text) => bridge.warn(format!("OUTBOX_SET_ASIDE {text}")),
        News::Unwritable(text) => bridge.warn(format!("OUTBOX_UNWRITABLE {text}")),
        News::Store(text) => bridge.warn(format!("SESSION_STORE {text}")),
    }
}
