//! The native half of `GuestTokenManager`.

use std::sync::Arc;

use futures_util::TryFutureExt as _;
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use super::bridge::{Bridge, BridgeHandle, failure, milliseconds};
use super::payload::{self, Payload};
use super::{OrFailure, or_failure};
use crate::bearer::GetToken;
use crate::components::TokenManager;
use crate::config::TokenManagerConfig;
use crate::secret::Secret;
use crate::validation::Rules;

/// Creates guests and rotates their tokens.
#[napi]
pub struct NativeTokenManager {
    manager: TokenManager,
    bridge: Arc<BridgeHandle>,
}

#[napi]
impl NativeTokenManager {
    /// `owner` is the number of who has the function that provides access tokens.
    #[napi(catch_unwind)]
    pub fn open(bridge: &Bridge, config: String, owner: u32) -> OrFailure<NativeTokenManager> {
        or_failure(TokenManagerConfig::from_json(&config).map(|config| Self {
            manager: TokenManager::new(config, get_token(bridge.handle(), owner)),
            bridge: Arc::clone(bridge.handle()),
        }))
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
        let request = match payload::read(env, &payload, write, Rules::default())? {
            Ok(request) => request,
            Err(refused) => return Ok(Some(failure(&refused.to_error(), None))),
        };
        let created = self.manager.create(request).map_ok(|guest| guest.json.expose().to_owned());
        self.bridge.begin(call, abortable, created);
        Ok(None)
    }

    /// Resolves with a new guest token.
    #[napi(catch_unwind)]
    pub fn rotate(&self, call: u32, refresh_token: String, abortable: bool) {
        self.bridge.begin(call, abortable, self.manager.rotate(Secret::new(refresh_token)));
    }

    /// Refuses new calls; resolves when the running ones have ended or been cancelled.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        self.bridge.begin(call, false, self.manager.close(milliseconds(timeout_ms)));
    }
}

/// Access tokens from a function of the user's.
pub(super) fn get_token(bridge: &Arc<BridgeHandle>, owner: u32) -> Box<GetToken> {
    let bridge = Arc::clone(bridge);
    Box::new(move |caller| bridge.want_token(owner, caller))
}
