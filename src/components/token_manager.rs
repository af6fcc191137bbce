//! Guests and their tokens alone.

use std::sync::Arc;
use std::time::Duration;

use crate::authenticator::assemble::sender;
use crate::bearer::{BearerSender, GetToken, Tokens};
use crate::caller::CallContext;
use crate::config::{Api, TokenManagerConfig};
use crate::error::Error;
use crate::guest::Guest;
use crate::guest_api::GuestApi as _;
use crate::guest_api::engagements::Engagements;
use crate::lifecycle::Lifecycle;
use crate::net::retry::Sender;
use crate::rotation::Rotation;
use crate::secret::Secret;
use crate::sessions::key::KeyHasher;
use crate::signature::TokenVerifier;
use crate::validation::GuestRequest;

/// Creates guests and rotates their tokens.
///
/// ```no_run
/// # async fn run() -> Result<(), genesys_guest_auth::Error> {
/// use futures_util::FutureExt as _;
/// use genesys_guest_auth::components::{OAuthManager, TokenManager};
/// use genesys_guest_auth::config::{OAuthConfig, TokenManagerConfig};
/// use genesys_guest_auth::validation::GuestRequest;
///
/// let json = r#"{"environment":"mypurecloud.com","clientId":"id","clientSecret":"secret"}"#;
/// let access_tokens = OAuthManager::new(OAuthConfig::from_json(json)?);
/// let get_token = Box::new(move |_call| access_tokens.access_token().boxed());
/// let manager = TokenManager::new(TokenManagerConfig::from_json(json)?, get_token);
/// let guest = manager.create(GuestRequest::builder("ada@example.com", "web-1").consent(true).build()?).await?;
/// if let Some(refresh_token) = guest.refresh_token {
///     let token = manager.rotate(refresh_token).await?;
/// }
/// # Ok(()) }
/// ```
pub struct TokenManager(Arc<Inner>);

struct Inner {
    api: Arc<Engagements>,
    rotation: Rotation,
    total_timeout: Duration,
    lifecycle: Arc<Lifecycle>,
}

impl TokenManager {
    /// Sends nothing before the first call. `get_token` provides access tokens.
    #[must_use]
    pub fn new(config: TokenManagerConfig, get_token: Box<GetToken>) -> Self {
        let TokenManagerConfig { api, traffic } = config;
        let api = Arc::new(guest_api(api, sender(&traffic, None), get_token));
        let rotation = Rotation::new(api.clone(), KeyHasher::random(), None);
        let lifecycle = Lifecycle::new(Arc::clone(&api.bearer.sender), None);
        Self(Arc::new(Inner { api, rotation, total_timeout: traffic.total_timeout, lifecycle }))
    }

    /// Creates a guest.
    pub fn create(&self, request: GuestRequest) -> impl Future<Output = Result<Guest, Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let context = CallContext::new(own.total_timeout);
            Ok(entry?.run(|| own.api.create(&request, &context)).await?.guest)
        }
    }

    /// Trades a refresh token for a new guest token.
    pub fn rotate(&self, refresh_token: Secret) -> impl Future<Output = Result<Secret, Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let context = CallContext::new(own.total_timeout);
            Ok(entry?.run(|| own.rotation.rotate(&refresh_token, &context)).await?.token)
        }
    }

    /// Refuses new calls from now on, before the future is first polled. It ends when the running calls have ended; what
    /// outlasts `limit` is cancelled.
    pub fn close(&self, limit: Option<Duration>) -> impl Future<Output = ()> + Send + use<> {
        self.0.lifecycle.close(limit)
    }
}

/// A client of the API whose access tokens come from elsewhere.
pub(super) fn guest_api(api: Api, sender: Arc<Sender>, get_token: Box<GetToken>) -> Engagements {
    Engagements {
        bearer: BearerSender { sender, tokens: Tokens::Given(get_token) },
        endpoints: api.endpoints,
        verifier: TokenVerifier::new(&api.signing_key),
        timeout: api.timeout,
    }
}
