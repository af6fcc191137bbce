//! The native half of `OAuthManager`.

use std::sync::Arc;

use napi_derive::napi;

use super::bridge::{Bridge, BridgeHandle, milliseconds};
use super::{OrFailure, or_failure};
use crate::components::OAuthManager;
use crate::config::OAuthConfig;

/// Provides access tokens.
#[napi]
pub struct NativeOAuthManager {
    manager: OAuthManager,
    bridge: Arc<BridgeHandle>,
}

#[napi]
impl NativeOAuthManager {
    /// `config` is the JSON of an `OAuthConfig`.
    #[napi(catch_unwind)]
    pub fn open(bridge: &Bridge, config: String) -> OrFailure<NativeOAuthManager> {
        or_failure(
            OAuthConfig::from_json(&config)
                .map(|config| Self { manager: OAuthManager::new(config), bridge: Arc::clone(bridge.handle()) }),
        )
    }

    /// Resolves with an access token.
    #[napi(catch_unwind)]
    pub fn access_token(&self, call: u32, abortable: bool) {
        self.bridge.begin(call, abortable, self.manager.access_token());
    }

    /// Refuses new calls; resolves when the running ones have ended or been cancelled.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        self.bridge.begin(call, false, self.manager.close(milliseconds(timeout_ms)));
    }
}
