//! The endpoints, and which one a path means.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize};

const GUESTS: &str = "/api/v2/engagements/guests";
const CHANNELS: &str = "/api/v2/journey/actions/channels/";
const DEPLOYMENTS: &str = "/webdeployments/v1/deployments/";
const CONTACTS: &str = "/api/v2/externalcontacts/contacts/";

/// An endpoint of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// `POST /oauth/token`
    Token,
    /// `POST /api/v2/engagements/guests`
    Create,
    /// `POST /api/v2/engagements/guests/refresh`
    Refresh,
    /// `PUT /api/v2/engagements/guests/{guestId}`
    Attributes,
    /// `GET /api/v2/journey/actions/channels/{channelId}`
    Channel,
    /// `GET /crm/profiles?email=`
    Crm,
    /// `POST /webhook`
    Webhook,
    /// `GET /v1`, upgraded to a web messaging socket
    Socket,
    /// `GET /webdeployments/v1/deployments/{deploymentId}/config.json`
    Deployment,
    /// `GET /webdeployments/v1/deployments/{deploymentId}/domains.json`
    Domains,
    /// `POST /api/v2/webdeployments/token/oauthcodegrantjwtexchange`
    Exchange,
    /// `POST /api/v2/webdeployments/token/refresh`
    JwtRefresh,
    /// `DELETE /api/v2/webdeployments/token/revoke`
    Revoke,
    /// `GET /api/v2/webmessaging/messages`
    Messages,
    /// `POST /api/v2/externalcontacts/identifierlookup/contacts`
    ContactLookup,
    /// `GET /api/v2/externalcontacts/contacts/{contactId}`
    Contact,
    /// Any other path: answered with 404.
    Unknown,
}

impl Route {
    /// Every route, in the order of [`Route::index`].
    pub const ALL: [Self; 17] = [
        Self::Token,
        Self::Create,
        Self::Refresh,
        Self::Attributes,
        Self::Channel,
        Self::Crm,
        Self::Webhook,
        Self::Socket,
        Self::Deployment,
        Self::Domains,
        Self::Exchange,
        Self::JwtRefresh,
        Self::Revoke,
        Self::Messages,
        Self::ContactLookup,
        Self::Contact,
        Self::Unknown,
    ];

    /// The name in the control API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Create => "create",
            Self::Refresh => "refresh",
            Self::Attributes => "attributes",
            Self::Channel => "channel",
            Self::Crm => "crm",
            Self::Webhook => "webhook",
            Self::Socket => "socket",
            Self::Deployment => "deployment",
            Self::Domains => "domains",
            Self::Exchange => "exchange",
            Self::JwtRefresh => "jwt-refresh",
            Self::Revoke => "revoke",
            Self::Messages => "messages",
            Self::ContactLookup => "contact-lookup",
            Self::Contact => "contact",
            Self::Unknown => "unknown",
        }
    }

    /// The place of this route in [`Route::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The one method that this route takes; none for [`Route::Unknown`].
    pub(crate) fn method(self) -> Option<Method> {
        match self {
            Self::Token
            | Self::Create
            | Self::Refresh
            | Self::Webhook
            | Self::Exchange
            | Self::JwtRefresh
            | Self::ContactLookup => Some(Method::POST),
            Self::Attributes => Some(Method::PUT),
            Self::Revoke => Some(Method::DELETE),
            Self::Channel
            | Self::Crm
            | Self::Socket
            | Self::Deployment
            | Self::Domains
            | Self::Messages
            | Self::Contact => Some(Method::GET),
            Self::Unknown => None,
        }
    }

    /// Whether a bearer token of the login host is asked for.
    pub(crate) const fn needs_bearer(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Refresh | Self::Attributes | Self::Channel | Self::ContactLookup | Self::Contact
        )
    }

    /// The route of a path, and its variable part, decoded.
    pub(crate) fn find(path: &str) -> (Self, Cow<'_, str>) {
        let (route, part) = Self::find_raw(path);
        (route, percent_decode_str(part).decode_utf8_lossy())
    }

    fn find_raw(path: &str) -> (Self, &str) {
        match path {
            "/oauth/token" => (Self::Token, ""),
            "/crm/profiles" => (Self::Crm, ""),
            "/webhook" => (Self::Webhook, ""),
            "/v1" => (Self::Socket, ""),
            GUESTS => (Self::Create, ""),
            "/api/v2/engagements/guests/refresh" => (Self::Refresh, ""),
            "/api/v2/webdeployments/token/oauthcodegrantjwtexchange" => (Self::Exchange, ""),
            "/api/v2/webdeployments/token/refresh" => (Self::JwtRefresh, ""),
            "/api/v2/webdeployments/token/revoke" => (Self::Revoke, ""),
            "/api/v2/webmessaging/messages" => (Self::Messages, ""),
            "/api/v2/externalcontacts/identifierlookup/contacts" => (Self::ContactLookup, ""),
            _ => Self::find_by_prefix(path).filter(|(_, part)| is_part(part)).unwrap_or((Self::Unknown, "")),
        }
    }

    /// The routes with a variable part.
    fn find_by_prefix(path: &str) -> Option<(Self, &str)> {
        if let Some(id) = path.strip_prefix(GUESTS) {
            return Some((Self::Attributes, id.strip_prefix('/')?));
        }
        if let Some(rest) = path.strip_prefix(DEPLOYMENTS) {
            let (id, file) = rest.split_once('/')?;
            return match file {
                "config.json" => Some((Self::Deployment, id)),
                "domains.json" => Some((Self::Domains, id)),
                _ => None,
            };
        }
        let contact = path.strip_prefix(CONTACTS).map(|id| (Self::Contact, id));
        contact.or_else(|| path.strip_prefix(CHANNELS).map(|id| (Self::Channel, id)))
    }
}

/// Exactly one part of a path. An identifier with a slash must have it encoded.
fn is_part(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of no route.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no route is called {0:?}")]
pub struct UnknownRoute(String);

impl FromStr for Route {
    type Err = UnknownRoute;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|route| route.name() == name).ok_or_else(|| UnknownRoute(name.to_owned()))
    }
}

/// Reads a route's name; `"*"` or null for all of them.
pub(crate) fn route_or_all<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Route>, D::Error> {
    match Option::<Cow<'de, str>>::deserialize(source)?.as_deref() {
        None | Some("*") => Ok(None),
        Some(name) => name.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_routes_and_decodes_their_part() {
        assert_eq!(Route::find("/oauth/token"), (Route::Token, "".into()));
        assert_eq!(Route::find("/api/v2/engagements/guests"), (Route::Create, "".into()));
        assert_eq!(Route::find("/api/v2/engagements/guests/refresh"), (Route::Refresh, "".into()));
        assert_eq!(Route::find("/api/v2/engagements/guests/a%2Fb"), (Route::Attributes, "a/b".into()));
        assert_eq!(Route::find("/api/v2/journey/actions/channels/a%20b%C3%A9"), (Route::Channel, "a bé".into()));
        assert_eq!(Route::find("/webdeployments/v1/deployments/D/config.json"), (Route::Deployment, "D".into()));
        assert_eq!(Route::find("/webdeployments/v1/deployments/D/domains.json"), (Route::Domains, "D".into()));
        for path in [
            "/",
            "/v1/",
            "/webdeployments/v1/deployments/D/other.json",
            "/api/v2/engagements/guests/",
            "/api/v2/engagements/guests/a/b",
            "/api/v2/engagements/guestsx",
        ] {
            assert_eq!(Route::find(path).0, Route::Unknown, "{path}");
        }
    }

    #[test]
    fn names_lead_back_to_their_route() {
        for (place, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route.name().parse(), Ok(route));
            assert_eq!(route.index(), place);
        }
        assert!("tokens".parse::<Route>().is_err());
    }
}
