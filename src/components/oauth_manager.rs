//! Access tokens alone.

use std::sync::Arc;
use std::time::Duration;

use crate::authenticator::assemble::sender;
use crate::config::OAuthConfig;
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::oauth::OAuth;
use crate::secret::Secret;
use crate::shared::SharedStore;

/// Provides access tokens: cached, renewed before they end, fetched once for all who ask at the same time.
///
/// ```no_run
/// # async fn run() -> Result<(), genesys_guest_auth::Error> {
/// use genesys_guest_auth::components::OAuthManager;
/// use genesys_guest_auth::config::OAuthConfig;
///
/// let json = r#"{"environment":"mypurecloud.com","clientId":"id","clientSecret":"secret"}"#;
/// let manager = OAuthManager::new(OAuthConfig::from_json(json)?);
/// let token = manager.access_token().await?;
/// # Ok(()) }
/// ```
pub struct OAuthManager {
    oauth: Arc<OAuth>,
    shared: Option<SharedStore>,
    lifecycle: Arc<Lifecycle>,
}

impl OAuthManager {
    /// Sends nothing before the first call.
    #[must_use]
    pub fn new(config: OAuthConfig) -> Self {
        let OAuthConfig { credentials, traffic, store } = config;
        let sender = sender(&traffic, None);
        let shared = store.map(|settings| SharedStore::new(settings, &credentials.client_secret));
        let lifecycle = Lifecycle::new(Arc::clone(&sender), None);
        let access_token = shared.as_ref().map(|shared| shared.access_token(&credentials));
        let oauth = Arc::new(OAuth::new(credentials, sender, access_token));
        Self { oauth, shared, lifecycle }
    }

    /// A token that the API should accept.
    pub fn access_token(&self) -> impl Future<Output = Result<Secret, Error>> + Send + use<> {
        let (oauth, entry) = (Arc::clone(&self.oauth), self.lifecycle.enter());
        async move { entry?.run(|| oauth.access_token()).await }
    }

    /// Refuses new calls from now on, before the future is first polled. It ends when the running calls have ended; what
    /// outlasts `limit` is cancelled.
    pub fn close(&self, limit: Option<Duration>) -> impl Future<Output = ()> + Send + use<> {
        let (closing, shared) = (self.lifecycle.close(limit), self.shared.clone());
        async move {
            closing.await;
            if let Some(shared) = shared {
                shared.close();
            }
        }
    }
}
