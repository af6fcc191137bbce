//! What a caller may set; checked once, then only valid values exist.

mod components;
mod defaults;
mod fields;
mod groups;
pub mod options;
mod outbox;
mod rule;
mod store;
mod web_messaging;

use serde_json::Value;

pub use crate::analytics::{OutboxSettings, Webhook};
use crate::environment::Environment;
use crate::error::Error;
pub use crate::guest_api::web_messaging::WebMessagingSettings;
use crate::oauth::Credentials;
pub use crate::sessions::custom::CustomStore;
pub use crate::shared::settings::SessionStoreSettings;
pub use components::{EnricherConfig, OAuthConfig, TokenManagerConfig, WebMessagingTokensConfig};
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
    /// The engagements API.
    pub api: Api,
    /// Genesys Cloud's own API, where guests are created with it.
    pub web_messaging: Option<WebMessagingSettings>,
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
    /// Reads the JSON form of `AuthenticatorConfig`. What is no option is passed over; [`options::misspelt`] tells of it.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let value = parse(json)?;
        let fields = Fields::new(&value)?;
        let environment = defaults::environment(&fields)?;
        let traffic = defaults::traffic(&fields)?;
        let api = defaults::api(&fields, &environment)?;
        let web_messaging = web_messaging::read(&fields, &environment, &api)?;
        let mut credentials = defaults::credentials(&fields, &environment, &traffic)?;
        if web_messaging.is_some() {
            credentials = credentials.in_genesys_form(fields.text("scope")?.is_some());
        }
        Ok(Self {
            api,
            web_messaging,
            reports: Reports {
                contacts: web_messaging::contacts(&fields, &environment)?,
                ..defaults::reports(&fields, Some(&credentials.client_secret))?
            },
            max_sessions: fields.whole("maxSessions", defaults::MAX_SESSIONS, 1, 1_000_000_000)? as usize,
            store: store::store(&fields)?.map(SessionStoreSettings::Redis),
            preflight_channel: fields.flag("preflightChannel", false)?,
            environment,
            credentials,
            traffic,
        })
    }
}

fn parse(json: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|_| Error::config("configuration", Rule::Object))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
