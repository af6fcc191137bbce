//! Deployments: which there are, their public files, and the origins they are open to.

use std::collections::BTreeMap;

use http::StatusCode;
use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::settings::MessagingSettings;
use crate::answer::Answer;
use crate::request::Request;
use crate::route::Route;

/// A deployment of web messaging. In JSON the names are in camel case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// Its id.
    pub id: Uuid,
    /// Whether guests sign in.
    #[serde(default)]
    pub auth: bool,
    /// Whether a guest may begin anonymously and sign in later.
    #[serde(default)]
    pub upgrade: bool,
    /// The domains that it is open to; all when absent.
    #[serde(default)]
    pub domains: Option<Vec<String>>,
    /// `Active`, or another status, which refuses sockets.
    #[serde(default = "active")]
    pub status: String,
    /// What the end of a conversation does.
    #[serde(default)]
    pub disconnect: Disconnect,
    /// Whether a guest may clear the conversation.
    #[serde(default = "yes")]
    pub clear: bool,
}

/// What the end of a conversation does to its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disconnect {
    /// It is shown; the next message goes on with the conversation.
    Send,
    /// The session can be read, and no more.
    #[default]
    ReadOnly,
}

fn active() -> String {
    "Active".into()
}

const fn yes() -> bool {
    true
}

impl Deployment {
    /// A deployment for everybody, without a sign-in.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        Self {
            id,
            auth: false,
            upgrade: false,
            domains: None,
            status: active(),
            disconnect: Disconnect::default(),
            clear: true,
        }
    }

    /// Guests sign in; with `upgrade` they may begin anonymously.
    #[must_use]
    pub fn with_auth(self, upgrade: bool) -> Self {
        Self { auth: true, upgrade, ..self }
    }

    /// Open to these domains and their subdomains.
    #[must_use]
    pub fn with_domains<D: Into<String>>(self, domains: impl IntoIterator<Item = D>) -> Self {
        Self { domains: Some(domains.into_iter().map(Into::into).collect()), ..self }
    }

    pub(super) fn is_active(&self) -> bool {
        self.status == "Active"
    }

    /// Whether a guest may configure a session without signing in.
    pub(super) fn takes_anonymous(&self) -> bool {
        !self.auth || self.upgrade
    }

    /// Whether an `Origin` may connect. The socket's own host always may: the mobile SDKs send that.
    pub(super) fn admits(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(domains) = &self.domains else { return true };
        let Some(origin) = origin.map(host_of) else { return false };
        host.is_some_and(|host| host_of(host) == origin)
            || domains.iter().map(|domain| host_of(domain)).any(|domain| {
                origin.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
    }

    fn config(&self, settings: &MessagingSettings, origin: &str) -> Value {
        json!({
            "id": self.id,
            "version": "1",
            "languages": ["en-us"],
            "defaultLanguage": "en-us",
            "apiEndpoint": origin,
            "headlessMode": { "enabled": false },
            "messenger": {
                "enabled": true,
                "apps": {
                    "conversations": {
                        "enabled": true,
                        "messagingEndpoint": origin,
                        "showAgentTypingIndicator": true,
                        "showUserTypingIndicator": true,
                        "autoStart": { "enabled": false },
                        "markdown": { "enabled": true },
                        "conversationDisconnect": { "enabled": true, "type": self.disconnect },
                        "conversationClear": { "enabled": self.clear },
                        "notifications": { "enabled": false, "notificationContentType": "IncludeMessagesContent" },
                        "humanize": { "enabled": false },
                        "sessionDurationSeconds": settings.session_seconds.round() as i64,
                    },
                },
                "styles": { "primaryColor": "#336699" },
                "launcherButton": { "visibility": "On" },
                "fileUpload": { "modes": [{ "fileTypes": ["image/png"], "maxFileSizeKB": 10240 }] },
                "sessionPersistenceType": "None",
            },
            "journeyEvents": { "enabled": false },
            "status": self.status,
            "auth": { "enabled": self.auth, "allowSessionUpgrade": self.upgrade },
        })
    }
}

/// The host of an origin, or of a host with a port, in lower case.
fn host_of(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let end = if authority.starts_with('[') { authority.find(']').map(|end| end + 1) } else { authority.find(':') };
    authority[..end.unwrap_or(authority.len())].to_ascii_lowercase()
}

/// The deployments; without one, every UUID is a deployment that is open to everybody, signed in or not.
#[derive(Default)]
pub(crate) struct Deployments(BTreeMap<Uuid, Deployment>);

impl Deployments {
    pub(crate) fn new(known: &[Deployment]) -> Self {
        Self(known.iter().map(|deployment| (deployment.id, deployment.clone())).collect())
    }

    pub(crate) fn set(&mut self, deployment: Deployment) {
        self.0.insert(deployment.id, deployment);
    }

    pub(crate) fn list(&self) -> Vec<Deployment> {
        self.0.values().cloned().collect()
    }

    /// The deployment that a text names.
    pub(super) fn find(&self, id: &str) -> Option<Deployment> {
        let id = Uuid::try_parse(id).ok()?;
        match self.0.get(&id) {
            None if self.0.is_empty() => Some(Deployment::new(id).with_auth(true)),
            known => known.cloned(),
        }
    }

    /// `config.json` and `domains.json`. For what is not there, the object store behind them answers 403.
    pub(super) fn file(&self, settings: &MessagingSettings, origin: &str, request: &Request) -> Answer {
        let Some(deployment) = self.find(&request.part) else {
            return Answer::error(StatusCode::FORBIDDEN, "not.authorized", "Access denied", request.correlation);
        };
        let body = match request.route {
            Route::Domains => json!({
                "allowAllDomains": deployment.domains.is_none(),
                "allowedDomains": deployment.domains.unwrap_or_default(),
            }),
            _ => deployment.config(settings, origin),
        };
        let mut answer = Answer::json(StatusCode::OK, body.to_string());
        answer.set(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_by_host_alone() {
        let deployment = Deployment::new(Uuid::nil()).with_domains(["Shop.example"]);
        let admits = |origin| deployment.admits(Some(origin), Some("webmessaging.test:443"));
        for good in ["https://shop.example", "http://SHOP.example:8080", "shop.example", "https://www.shop.example"] {
            assert!(admits(good), "{good}");
        }
        for bad in ["https://myshop.example", "https://shop.example.evil", "null", "", "https://[::1]:1"] {
            assert!(!admits(bad), "{bad}");
        }
        assert!(admits("webmessaging.test"), "its own host");
        assert!(!deployment.admits(None, Some("webmessaging.test")), "no origin");
        assert!(Deployment::new(Uuid::nil()).admits(None, None));
        assert!(!Deployment::new(Uuid::nil()).with_domains::<&str>([]).admits(Some("a.b"), None));
    }
}
