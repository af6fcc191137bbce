//! What guests' sign-ins are worth, alone.

use std::sync::Arc;
use std::time::Duration;

use crate::authenticator::assemble::sender;
use crate::caller::CallContext;
use crate::config::WebMessagingTokensConfig;
use crate::error::Error;
use crate::guest_api::GuestGrant;
use crate::guest_api::web_messaging::sign_in::GuestTokens;
use crate::guest_options::SignIn;
use crate::lifecycle::Lifecycle;
use crate::secret::Secret;

/// Trades what guests of web messaging have from their sign-in, for services that need no session. No OAuth client is
/// needed. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct WebMessagingTokens(Arc<Inner>);

struct Inner {
    tokens: GuestTokens,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
}

impl WebMessagingTokens {
    /// Sends nothing before the first call.
    #[must_use]
    pub fn new(config: WebMessagingTokensConfig) -> Self {
        let WebMessagingTokensConfig { api, timeout, traffic } = config;
        let sender = sender(&traffic, None);
        let lifecycle = Lifecycle::new(Arc::clone(&sender), None);
        Self(Arc::new(Inner {
            tokens: GuestTokens::new(sender, api, timeout),
            total_timeout: traffic.total_timeout,
            lifecycle,
        }))
    }

    /// Trades a sign-in for a JWT. A code can be used once: it is sent again only where it cannot have arrived.
    pub fn exchange(
        &self,
        deployment_id: String,
        sign_in: SignIn,
    ) -> impl Future<Output = Result<GuestGrant, Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let context = CallContext::new(own.total_timeout);
            entry?.run(|| own.tokens.exchange(&deployment_id, &sign_in, &context)).await
        }
    }

    /// Trades a refresh token, which stays good, for a JWT.
    pub fn refresh(
        &self,
        refresh_token: Secret,
        deployment_id: Option<String>,
    ) -> impl Future<Output = Result<GuestGrant, Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let context = CallContext::new(own.total_timeout);
            entry?.run(|| own.tokens.refresh(&refresh_token, deployment_id.as_deref(), &context)).await
        }
    }

    /// Ends the sign-in of a JWT, and all its connections.
    pub fn revoke(
        &self,
        jwt: Secret,
        refresh_token: Option<Secret>,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let context = CallContext::new(own.total_timeout);
            entry?.run(|| own.tokens.revoke(&jwt, refresh_token.as_ref(), &context)).await
        }
    }

    /// Refuses new calls from now on, before the future is first polled. It ends when the running calls have ended; what
    /// outlasts `limit` is cancelled.
    pub fn close(&self, limit: Option<Duration>) -> impl Future<Output = ()> + Send + use<> {
        self.0.lifecycle.close(limit)
    }
}
