//! The native half of `GuestAuthenticator`.

use std::sync::Arc;

use futures_util::{FutureExt as _, TryFutureExt as _};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::bridge::{Bridge, BridgeHandle, failure, milliseconds};
use super::payload::{self, Payload};
use super::runtime::runtime;
use super::{OrFailure, or_failure, session_store};
use crate::audit::{Facts, Subject};
use crate::authenticator::{Authenticator, Outcome};
use crate::config::{Config, SessionStoreSettings};
use crate::environment::Environment;
use crate::error::Error;
use crate::guest_options::GuestOptions;
use crate::json::quote;
use crate::notice::Notice;
use crate::secret::Secret;
use crate::template::Fact;
use crate::text::{self, Text};
use crate::validation::GuestRequest;

/// How much of an identifier audit records show, in UTF-16 code units.
#[napi]
pub const LONGEST_IDENTIFIER: u32 = text::LONGEST_IDENTIFIER as u32;

/// Where the guest's id stands among the facts of a template.
#[napi]
pub const FACT_GUEST_ID: u32 = Fact::GuestId as u32;

/// Where the caller's address stands among the facts of a template.
#[napi]
pub const FACT_EMAIL: u32 = Fact::Email as u32;

/// Where the caller's channel stands among the facts of a template.
#[napi]
pub const FACT_CHANNEL_ID: u32 = Fact::ChannelId as u32;

/// Authenticates guests. Every method with a `call` settles that number through the bridge.
#[napi]
pub struct NativeAuthenticator {
    core: Authenticator,
    environment: Environment,
    bridge: Arc<BridgeHandle>,
}

#[napi]
impl NativeAuthenticator {
    /// `config` is the JSON of an `AuthenticatorConfig`; `store` is the number of a session store of the user's own, and
    /// `local` whether memory stands in for it.
    #[napi(catch_unwind)]
    pub fn open(
        bridge: &Bridge,
        config: String,
        store: Option<u32>,
        local: Option<bool>,
    ) -> OrFailure<NativeAuthenticator> {
        or_failure(Self::assemble(bridge, &config, store, local))
    }

    fn assemble(bridge: &Bridge, config: &str, store: Option<u32>, local: Option<bool>) -> Result<Self, Error> {
        let mut config = Config::from_json(config)?;
        let bridge = Arc::clone(bridge.handle());
        if let Some(owner) = store {
            config.store = Some(session_store::custom(&bridge, owner, local.unwrap_or(false)));
        }
        let environment = config.environment.clone();
        // What waits on disk is on its way from here on, and so is the connection to Redis.
        let begins = config.reports.outbox.is_some() || matches!(config.store, Some(SessionStoreSettings::Redis(_)));
        let _runtime = begins.then(runtime).transpose()?.map(Handle::enter);
        let core = Authenticator::new(config, on_notice(&bridge))?;
        Ok(Self { core, environment, bridge })
    }

    /// What an authentication resolves with, as templates: `{ "analytics": …, "audit": … }` as JSON. `{ "fact": place }` in
    /// them stands for an element of the array with which `authenticate` resolves.
    #[napi(catch_unwind)]
    pub fn templates(&self) -> String {
        self.core.templates()
    }

    /// Resolves with `[guestData, …]`, the facts of the templates without the last two, which are the caller's own. Returns a
    /// `Failure` as JSON where the payload is refused and nothing begins. `write` gives the text of the attributes in a
    /// request, `{"attributes":…}`; it is called once the rest of the payload is known to be good. `options` is
    /// the JSON of `{ signIn?, token? }`.
    #[napi(catch_unwind)]
    pub fn authenticate<'e>(
        &self,
        env: Env,
        call: u32,
        abortable: bool,
        #[napi(ts_arg_type = "import('./payload').Payload")] payload: Payload<'e>,
        #[napi(ts_arg_type = "(attributes: unknown) => string | undefined")] write: Unknown<'e>,
        options: Option<String>,
    ) -> napi::Result<Option<String>> {
        let started = Instant::now();
        let request = match payload::read(env, &payload, write, self.core.rules())? {
            Ok(request) => GuestRequest { options: guest_options(options.as_deref())?, ..request },
            Err(refused) => {
                let failed = self.core.failed(refused.subject(), refused.to_error(), started);
                return Ok(Some(failure(&failed.error, Some(&failed.audit))));
            }
        };
        let request = Arc::new(request);
        let (core, own) = (self.core.clone(), Arc::clone(&request));
        let work = self.core.authenticate(Arc::clone(&request), started).map(move |outcome| match outcome {
            Ok(outcome) => Ok(facts(&outcome, core.shown(&own.email).as_deref())),
            Err(failed) => Err(failure(&failed.error, Some(&failed.audit))),
        });
        let core = self.core.clone();
        let broken_off = move |error: Error| {
            let failed = core.failed(Subject::of(&request), error, started);
            failure(&failed.error, Some(&failed.audit))
        };
        self.bridge.begin_with(call, abortable, work, broken_off);
        Ok(None)
    }

    /// Ends a session. Returns `{ audit }` or a `Failure` as JSON where that is done at once. Where it returns nothing, a
    /// call has begun, which resolves with `{ audit }`.
    #[napi(catch_unwind)]
    pub fn invalidate(
        &self,
        call: u32,
        #[napi(ts_arg_type = "string")] session_key: Text,
        abortable: bool,
    ) -> Option<String> {
        let ended = self.core.invalidate(session_key.lossless().to_owned());
        let ended = ended.map_ok(|audit| format!("{{\"audit\":{audit}}}"));
        if self.core.shares_sessions() {
            self.bridge.begin(call, abortable, ended);
            return None;
        }
        let ready = self.bridge.begin_unless_ready(call, abortable, ended);
        ready.map(|outcome| outcome.unwrap_or_else(|error| failure(&error, None)))
    }

    /// Frees the key of a session whose guest nobody received. Returns `true` where a call has begun that does it, and
    /// `false` where it is done already.
    #[napi(catch_unwind)]
    pub fn release(&self, call: u32, #[napi(ts_arg_type = "string")] session_key: Text) -> bool {
        let released = self.core.release(session_key.lossless().to_owned());
        if self.core.shares_sessions() {
            self.bridge.begin(call, false, released);
            return true;
        }
        self.bridge.begin_unless_ready(call, false, released).is_none()
    }

    /// Resolves with an access token.
    #[napi(catch_unwind)]
    pub fn access_token(&self, call: u32, abortable: bool) {
        self.bridge.begin(call, abortable, self.core.access_token());
    }

    /// Drops an access token that the API refused.
    #[napi(catch_unwind)]
    pub fn reject_access_token(&self, token: String) {
        self.core.reject_access_token(&Secret::new(token));
    }

    /// Resolves with a new guest token.
    #[napi(catch_unwind)]
    pub fn rotate(&self, call: u32, refresh_token: String, abortable: bool) {
        self.bridge.begin(call, abortable, self.core.rotate(Secret::new(refresh_token)));
    }

    /// Resolves when a guest's JWT is revoked.
    #[napi(catch_unwind)]
    pub fn sign_out(&self, call: u32, jwt: String, refresh_token: Option<String>, abortable: bool) {
        self.bridge.begin(call, abortable, self.core.sign_out(Secret::new(jwt), refresh_token.map(Secret::new)));
    }

    /// Resolves when a token is there and connections are open.
    #[napi(catch_unwind)]
    pub fn warm_up(&self, call: u32, abortable: bool) {
        self.bridge.begin(call, abortable, self.core.warm_up());
    }

    /// Resolves with the dead letters as a JSON array.
    #[napi(catch_unwind)]
    pub fn dead_letters(&self, call: u32, limit: Option<u32>, after: Option<String>) {
        let (outbox, limit) = (self.core.outbox(), limit.map(|limit| limit as usize));
        self.bridge.begin(call, false, async move { outbox?.dead_letters(limit, after.as_deref()).await });
    }

    /// Sends dead letters again, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn redeliver(&self, call: u32, ids: Option<Vec<String>>) {
        let outbox = self.core.outbox();
        self.bridge.begin(call, false, async move { outbox?.redeliver(ids).await });
    }

    /// Throws dead letters away, all or those with these ids; resolves with their number.
    #[napi(catch_unwind)]
    pub fn discard_dead_letters(&self, call: u32, ids: Option<Vec<String>>) {
        let outbox = self.core.outbox();
        self.bridge.begin(call, false, async move { outbox?.discard(ids).await });
    }

    /// Resolves when no analytics event waits; with an outbox on disk, when none is due. Returns `false`, and begins
    /// nothing, when that is so already.
    #[napi(catch_unwind)]
    pub fn flush(&self, call: u32, abortable: bool) -> bool {
        self.bridge.begin_unless_ready(call, abortable, self.core.flush()).is_none()
    }

    /// Refuses new calls; resolves when the running ones and the deliveries have ended.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        self.bridge.begin(call, false, self.core.close(milliseconds(timeout_ms)));
    }

    /// For tests: forgets what was learnt from answers.
    #[napi(catch_unwind)]
    pub fn reset(&self) {
        self.core.reset();
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
}

/// What JavaScript does not know yet of a call that succeeded, in the order of [`Fact`]. The event and the record as JSON
/// would cost its thread 2 µs more to parse.
fn facts(outcome: &Outcome, shown: Option<&str>) -> String {
    let Outcome { guest_data, guest_id, request_id, facts } = outcome;
    let Facts { latency_ms, expires_in, timestamp, crm_tier, enrichment } = facts;
    let shown = shown.map_or_else(|| "null".to_owned(), quote);
    format!(
        "[{},{},{crm_tier},{latency_ms},{expires_in},\"{timestamp}\",\"{}\",\"{request_id}\",{shown}]",
        guest_data.expose(),
        quote(guest_id),
        enrichment.as_str(),
    )
}

/// Passes notices on to JavaScript.
pub(super) fn on_notice(bridge: &Arc<BridgeHandle>) -> impl Fn(Notice) + Send + Sync + 'static {
    let bridge = Arc::clone(bridge);
    move |notice| match notice {
        Notice::Idle => bridge.idle(),
        Notice::Undelivered(text) => bridge.warn("ANALYTICS_UNDELIVERED", text),
        Notice::DeadLetter(text) => bridge.warn("ANALYTICS_DEAD_LETTER", text),
        Notice::SetAside(text) => bridge.warn("OUTBOX_SET_ASIDE", text),
        Notice::Unwritable(text) => bridge.warn("OUTBOX_UNWRITABLE", text),
        Notice::Store(text) => bridge.warn("SESSION_STORE", text),
        Notice::Crm(text) => bridge.warn("CRM_UNAVAILABLE", text),
    }
}

/// What `lib/sign-in.js` has checked.
fn guest_options(json: Option<&str>) -> napi::Result<GuestOptions> {
    let Some(json) = json else { return Ok(GuestOptions::default()) };
    GuestOptions::from_json(json).ok_or_else(|| napi::Error::from_reason("signIn and token must be well-formed text"))
}
