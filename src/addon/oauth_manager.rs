//! The native half of `OAuthManager`.

use std::sync::Arc;

use napi_derive::napi;

use super::bridge::{Bridge, BridgeHandle, NOTHING, milliseconds};
use super::{OrFailure, or_failure};
use crate::authenticator::sender;
use crate::config;
use crate::error::Error;
use crate::json::quote;
use crate::lifecycle::Lifecycle;
use crate::oauth::OAuth;
use crate::shared::Shared;

/// Provides access tokens.
#[napi]
pub struct NativeOAuthManager {
    oauth: Arc<OAuth>,
    shared: Option<Shared>,
    lifecycle: Arc<Lifecycle>,
    bridge: Arc<BridgeHandle>,
}

#[napi]
impl NativeOAuthManager {
    /// `config` is the JSON of an `OAuthConfig`.
    #[napi(catch_unwind)]
    pub fn open(bridge: &Bridge, config: String) -> OrFailure<NativeOAuthManager> {
        or_failure(Self::assemble(bridge, &config))
    }

    fn assemble(bridge: &Bridge, config: &str) -> Result<Self, Error> {
        let (credentials, traffic, store) = config::oauth_from_json(config)?;
        let sender = sender(&traffic, None);
        let shared = store.map(|settings| Shared::new(settings, &credentials.client_secret));
        let lifecycle = Lifecycle::new(Arc::clone(&sender), None);
        let oauth = Arc::new(OAuth::new(credentials, sender, shared.as_ref()));
        Ok(Self { oauth, shared, lifecycle, bridge: Arc::clone(bridge.handle()) })
    }

    /// Resolves with an access token.
    #[napi(catch_unwind)]
    pub fn access_token(&self, call: u32, abortable: bool) {
        let (oauth, entry) = (Arc::clone(&self.oauth), self.lifecycle.enter());
        self.bridge
            .run_plain(call, abortable, async move { Ok(quote(entry?.run(|| oauth.access_token()).await?.expose())) });
    }

    /// Refuses new calls; resolves when the running ones have ended or been cancelled.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        let closing = self.lifecycle.close(milliseconds(timeout_ms));
        let shared = self.shared.clone();
        self.bridge.run_plain(call, false, async move {
            closing.await;
            if let Some(shared) = shared {
                shared.vault.redis().close();
            }
            Ok(NOTHING.to_owned())
        });
    }
}
