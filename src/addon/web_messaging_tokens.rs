//! The native half of `WebMessagingTokens`.

use std::sync::Arc;

use futures_util::TryFutureExt as _;
use napi_derive::napi;

use super::bridge::{Bridge, BridgeHandle, milliseconds};
use super::{OrFailure, or_failure};
use crate::components::WebMessagingTokens;
use crate::config::WebMessagingTokensConfig;
use crate::guest_api::GuestGrant;
use crate::guest_options::SignIn;
use crate::json::quote;
use crate::secret::Secret;

/// Trades what guests of web messaging have from their sign-in.
#[napi]
pub struct NativeWebMessagingTokens {
    tokens: WebMessagingTokens,
    bridge: Arc<BridgeHandle>,
}

#[napi]
impl NativeWebMessagingTokens {
    /// `config` is the JSON of a `WebMessagingTokensConfig`.
    #[napi(catch_unwind)]
    pub fn open(bridge: &Bridge, config: String) -> OrFailure<NativeWebMessagingTokens> {
        or_failure(
            WebMessagingTokensConfig::from_json(&config)
                .map(|config| Self { tokens: WebMessagingTokens::new(config), bridge: Arc::clone(bridge.handle()) }),
        )
    }

    /// Resolves with `{ jwt, refreshToken?, jwtExpiresIn? }`. `sign_in` is the JSON of a `SignIn`.
    #[napi(catch_unwind)]
    pub fn exchange(&self, call: u32, deployment_id: String, sign_in: String, abortable: bool) -> napi::Result<()> {
        let sign_in =
            SignIn::from_json(&sign_in).ok_or_else(|| napi::Error::from_reason("signIn must be well-formed text"))?;
        self.bridge.begin(call, abortable, self.tokens.exchange(deployment_id, sign_in).map_ok(shown));
        Ok(())
    }

    /// Resolves with `{ jwt, jwtExpiresIn? }`.
    #[napi(catch_unwind)]
    pub fn refresh(&self, call: u32, refresh_token: String, deployment_id: Option<String>, abortable: bool) {
        let refreshed = self.tokens.refresh(Secret::new(refresh_token), deployment_id).map_ok(shown);
        self.bridge.begin(call, abortable, refreshed);
    }

    /// Resolves when the JWT is revoked.
    #[napi(catch_unwind)]
    pub fn revoke(&self, call: u32, jwt: String, refresh_token: Option<String>, abortable: bool) {
        self.bridge.begin(call, abortable, self.tokens.revoke(Secret::new(jwt), refresh_token.map(Secret::new)));
    }

    /// Refuses new calls; resolves when the running ones have ended or been cancelled.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32, timeout_ms: Option<u32>) {
        self.bridge.begin(call, false, self.tokens.close(milliseconds(timeout_ms)));
    }
}

/// As JSON.
fn shown(grant: GuestGrant) -> String {
    let GuestGrant { jwt, jwt_expires_in, refresh_token } = grant;
    let refresh_token = refresh_token.map(|token| format!(",\"refreshToken\":{}", quote(token.expose())));
    let life = jwt_expires_in.map(|life| format!(",\"jwtExpiresIn\":{}", life.as_secs()));
    format!("{{\"jwt\":{}{}{}}}", quote(jwt.expose()), refresh_token.unwrap_or_default(), life.unwrap_or_default())
}
