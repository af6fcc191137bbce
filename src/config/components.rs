//! What the tutorial's other classes are configured with: parts of the whole, in the same JSON.

use std::time::Duration;

use url::Url;

use super::fields::Fields;
use super::groups::{Api, Reports, Traffic};
use super::{defaults, parse, store};
use crate::error::Error;
use crate::oauth::Credentials;
use crate::secret::Secret;
use crate::shared::settings::RedisSettings;

/// An OAuth manager's configuration: every field of the package's `OAuthConfig`, valid.
#[derive(Debug, Clone)]
pub struct OAuthConfig {
    /// OAuth client.
    pub credentials: Credentials,
    /// How requests are made and repeated.
    pub traffic: Traffic,
    /// Where the token is shared between processes; memory without it.
    pub store: Option<RedisSettings>,
}

/// A token manager's configuration. It gets its access tokens from elsewhere.
#[derive(Debug, Clone)]
pub struct TokenManagerConfig {
    /// The Guest API.
    pub api: Api,
    /// How requests are made and repeated.
    pub traffic: Traffic,
}

/// A configuration for tokens of web messaging. No OAuth client is needed.
#[derive(Debug, Clone)]
pub struct WebMessagingTokensConfig {
    /// The API's origin, with a path prefix if there is one.
    pub api: Url,
    /// Limit for one exchange.
    pub timeout: Duration,
    /// How requests are made and repeated.
    pub traffic: Traffic,
}

/// A context enricher's configuration. It gets its access tokens from elsewhere.
#[derive(Debug, Clone)]
pub struct EnricherConfig {
    /// The Guest API; None → no attributes are written.
    pub api: Option<Api>,
    /// CRM lookup, analytics, audit.
    pub reports: Reports,
    /// How requests are made and repeated.
    pub traffic: Traffic,
}

impl OAuthConfig {
    /// Reads the JSON form. What is no option is passed over, as below.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let value = parse(json)?;
        let fields = Fields::new(&value)?;
        let environment = defaults::environment(&fields)?;
        let traffic = defaults::traffic(&fields)?;
        let credentials = defaults::credentials(&fields, &environment, &traffic)?;
        Ok(Self { credentials, traffic, store: store::store(&fields)? })
    }
}

impl TokenManagerConfig {
    /// Reads the JSON form.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let value = parse(json)?;
        let fields = Fields::new(&value)?;
        let environment = defaults::environment(&fields)?;
        Ok(Self { api: defaults::api(&fields, &environment)?, traffic: defaults::traffic(&fields)? })
    }
}

impl WebMessagingTokensConfig {
    /// Reads the JSON form.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let value = parse(json)?;
        let fields = Fields::new(&value)?;
        let environment = defaults::environment(&fields)?;
        let timeout = defaults::api(&fields, &environment)?.timeout;
        Ok(Self { api: environment.api, timeout, traffic: defaults::traffic(&fields)? })
    }
}

impl EnricherConfig {
    /// Reads the JSON form. Without an `environment` no attributes are written.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let value = parse(json)?;
        let fields = Fields::new(&value)?;
        let api = match fields.get("environment").or(fields.get("apiUrl")) {
            Some(_) => Some(defaults::api(&fields, &defaults::environment(&fields)?)?),
            None => None,
        };
        let secret = fields.credential("clientSecret")?.map(Secret::new);
        Ok(Self { api, reports: defaults::reports(&fields, secret.as_ref())?, traffic: defaults::traffic(&fields)? })
    }
}
