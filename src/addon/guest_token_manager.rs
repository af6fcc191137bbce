//! The native half of `GuestTokenManager`.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use super::bridge::{Bridge, BridgeHandle, NOTHING, failure, milliseconds};
use super::payload::{self, Payload};
use super::{OrFailure, or_failure};
use crate::authenticator::sender;
use crate::config;
use crate::error::Error;
use crate::guest_api::{CallContext, GuestApi, Tokens};
use crate::json::quote;
use crate::lifecycle::Lifecycle;
use crate::net::retry::Sender;
use crate::rotation::Rotation;
use crate::secret::Secret;
use crate::sessions::key::KeyHasher;
use crate::signature::TokenVerifier;

/// Creates guests and rotates their tokens.
#[napi]
pub struct NativeTokenManager {
    manager: Arc<TokenManager>,
    bridge: Arc<BridgeHandle>,
}

struct TokenManager {
    api: Arc<GuestApi>,
    rotation: Rotation,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
}

#[napi]
impl NativeTokenManager {
    /// `owner` is the number of who has the function that provides access tokens.
    #[napi(catch_unwind)]
    pub fn open(bridge: &Bridge, config: String, owner: u32) -> OrFailure<NativeTokenManager> {
        or_failure(Self::assemble(bridge, &config, owner))
    }

    fn assemble(bridge: &Bridge, config: &str, owner: u32) -> Result<Self, Error> {
        let (api, traffic) = config::token_manager_from_json(config)?;
        let bridge = Arc::clone(bridge.handle());
        let total_timeout = traffic.total_timeout;
        let api = guest_api(api, sender(&traffic, None), &bridge, owner);
        let rotation = Rotation::new(Arc::clone(&api), KeyHasher::random(), None);
        let lifecycle = Lifecycle::new(Arc::clone(&api.sender), None);
        Ok(Self { manager: Arc::new(TokenManager { api, rotation, total_timeout, lifecycle }), bridge })
    }

    /// Resolves with the API's answer. Returns a `Failure` as JSON where the payload is refused and nothing begins.
    /// `write` is as in `NativeAuthenticator.authenticate`.
    #[napi(catch_unwind)]
    pub fn create<'e>(
        &self,
        env: Env,
        call: u32,
        abortable: bool,
        #[napi(ts_arg_type = "import('./payload').Payload")] payload: Payload<'e>,
        #[napi(ts_arg_type = "(attributes: unknown) => string | undefined")] write: Unknown<'e>,
    ) -> napi::Result<Option<String>> {
        let request = match payload::read(env, &payload, write)? {
            Ok(request) => request,
            Err(refused) => return Ok(Some(failure(&refused.to_error(), None))),
        };
        let (manager, entry) = (Arc::clone(&self.manager), self.manager.lifecycle.enter());
        self.bridge.run_plain(call, abortable, async move {
            let context = CallContext::new(manager.total_timeout);
            Ok(entry?.run(|| manager.api.create(&request, &context)).await?.json.expose().to_owned())
        });
        Ok(None)
    }

    /// Resolves with a new guest token.
    #[napi(catch_unwind)]
    pub fn rotate(&self, call: u32, refresh_token: String, abortable: bool) {
        let (manager, entry) = (Arc::clone(&self.manager), self.manager.lifecycle.enter());
        let refresh_token = Secret::new(refresh_token);
        self.bridge.run_plain(call, abortable, async move {
            let context = CallContext::new(manager.total_timeout);
            Ok(quote(entry?.run(|| manager.rotation.rotate(&refresh_token, &context)).await?.token.expose()))
        });
    }

    /// Refuses new calls; resolves when the running ones have ended or been cancelled.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        let closing = self.manager.lifecycle.close(milliseconds(timeout_ms));
        self.bridge.run_plain(call, false, async move {
            closing.await;
            Ok(NOTHING.to_owned())
        });
    }
}

/// A client of the API whose access tokens a function of the user's provides.
pub(super) fn guest_api(
    api: config::Api,
    sender: Arc<Sender>,
    bridge: &Arc<BridgeHandle>,
    owner: u32,
) -> Arc<GuestApi> {
    let bridge = Arc::clone(bridge);
    Arc::new(GuestApi {
        sender,
        tokens: Tokens::Given(Box::new(move |caller| bridge.want_token(owner, caller))),
        endpoints: api.endpoints,
        verifier: TokenVerifier::new(&api.signing_key),
        timeout: api.timeout,
    })
}
