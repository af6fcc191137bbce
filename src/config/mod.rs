//! What a caller may set; checked once, then only valid values exist.

mod fields;
mod groups;
mod outbox;
mod parts;
mod rule;
mod store;

use serde_json::Value;

pub use crate::analytics::{DiskOutbox, Webhook};
use crate::environment::Environment;
use crate::error::Error;
use crate::oauth::Credentials;
pub use crate::sessions::custom::CustomStore;
use crate::shared::settings::RedisSettings;
pub use crate::shared::settings::SessionStoreSettings;
use fields::Fields;
pub use groups::{Api, Reports, Traffic};
pub(crate) use rule::Rule;

/// A guest authenticator's configuration: every field of the package's `AuthenticatorConfig`, valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Login and API origins.
    pub environment: Environment,
    /// OAuth client.
    pub credentials: Credentials,
    /// The Guest API.
    pub api: Api,
    /// How requests are made and repeated.
    pub traffic: Traffic,
    /// CRM lookup, analytics, audit.
    pub reports: Reports,
    /// Bound of the memory store, in live sessions.
    pub max_sessions: usize,
    /// Where sessions and tokens are shared between processes; memory without it.
    pub store: Option<SessionStoreSettings>,
    /// Whether the channel is checked before a guest is created.
    pub preflight_channel: bool,
}

impl Config {
    /// Reads the JSON form of `AuthenticatorConfig`. Unknown fields are ignored at the top, as a larger object may be
    /// shared with other parts of a service, and refused further down.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let value = parse(json)?;
        let fields = Fields::new(&value)?;
        let environment = parts::environment(&fields)?;
        let traffic = parts::traffic(&fields)?;
        let credentials = parts::credentials(&fields, &environment, &traffic)?;
        Ok(Self {
            api: parts::api(&fields, &environment)?,
            reports: parts::reports(&fields, Some(&credentials.client_secret))?,
            max_sessions: fields.whole("maxSessions", parts::MAX_SESSIONS, 1, 1_000_000_000)? as usize,
            store: store::store(&fields)?.map(SessionStoreSettings::Redis),
            preflight_channel: fields.flag("preflightChannel", false)?,
            environment,
            credentials,
            traffic,
        })
    }
}

/// The configuration of an OAuth manager alone.
pub fn oauth_from_json(json: &str) -> Result<(Credentials, Traffic, Option<RedisSettings>), Error> {
    let value = parse(json)?;
    let fields = Fields::new(&value)?;
    let environment = parts::environment(&fields)?;
    let traffic = parts::traffic(&fields)?;
    let credentials = parts::credentials(&fields, &environment, &traffic)?;
    Ok((credentials, traffic, store::store(&fields)?))
}

/// The configuration of a guest token manager, which gets its access tokens from elsewhere.
pub fn token_manager_from_json(json: &str) -> Result<(Api, Traffic), Error> {
    let value = parse(json)?;
    let fields = Fields::new(&value)?;
    let environment = parts::environment(&fields)?;
    Ok((parts::api(&fields, &environment)?, parts::traffic(&fields)?))
}

/// The configuration of a context enricher; without an `environment` it writes no attributes.
pub fn enricher_from_json(json: &str) -> Result<(Option<Api>, Reports, Traffic), Error> {
    let value = parse(json)?;
    let fields = Fields::new(&value)?;
    let api = match fields.get("environment").or(fields.get("apiUrl")) {
        Some(_) => Some(parts::api(&fields, &parts::environment(&fields)?)?),
        None => None,
    };
    let secret = fields.secret("clientSecret")?;
    Ok((api, parts::reports(&fields, secret.as_ref())?, parts::traffic(&fields)?))
}

fn parse(json: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|_| Error::config("configuration", Rule::Object))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
