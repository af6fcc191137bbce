//! `guestApi` and the other fields of Genesys Cloud's own.

use http::HeaderValue;
use serde_json::Value;
use url::Url;

use super::defaults;
use super::fields::Fields;
use super::groups::Api;
use super::rule::Rule;
use crate::crm::contacts::ContactsSettings;
use crate::environment::{Environment, base};
use crate::error::Error;
use crate::guest_api::web_messaging::WebMessagingSettings;

/// The socket's path, where `messagingUrl` has none.
const SOCKET_PATH: &str = "/v1";

/// The custom field of a contact that is its tier, where none is named.
const TIER: &str = "tier";

/// What web messaging needs; none with the engagements API.
pub(super) fn read(
    fields: &Fields<'_>,
    environment: &Environment,
    api: &Api,
) -> Result<Option<WebMessagingSettings>, Error> {
    match fields.text("guestApi")?.unwrap_or("engagements") {
        "engagements" => return Ok(None),
        "web-messaging" => {}
        _ => return Err(fields.error("guestApi", Rule::GuestApi)),
    }
    let insecure = fields.flag("allowInsecureHttp", false)?;
    let messaging = match fields.text("messagingUrl")? {
        Some(text) => Some(socket_url(text, insecure)?),
        None => environment.messaging.clone(),
    };
    let cdn = match fields.text("cdnUrl")? {
        Some(text) => Some(base("cdnUrl", text, insecure)?),
        None => environment.cdn.clone(),
    };
    let (Some(messaging), Some(cdn)) = (messaging, cdn) else {
        return Err(fields.error("environment", Rule::NoMessaging));
    };
    Ok(Some(WebMessagingSettings {
        messaging,
        cdn,
        api: environment.api.clone(),
        origin: origin(fields)?,
        start_conversation: fields.flag("startConversation", false)?,
        timeout: api.timeout,
    }))
}

/// A `ws:` or `wss:` URL, also where it is given as `http:` or `https:`. The rules are those of the other URLs.
fn socket_url(text: &str, insecure: bool) -> Result<Url, Error> {
    let http = match text.get(..2) {
        Some(scheme) if scheme.eq_ignore_ascii_case("ws") => format!("http{}", &text[2..]),
        _ => text.to_owned(),
    };
    let mut url = base("messagingUrl", &http, insecure)?;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    if url.path() == "/" {
        url.set_path(SOCKET_PATH);
    }
    url.set_scheme(scheme).map_err(|()| Error::config("messagingUrl", Rule::Text))?;
    Ok(url)
}

/// Whatever the deployment's list of domains is compared with: an origin, or a bare host.
fn origin(fields: &Fields<'_>) -> Result<Option<HeaderValue>, Error> {
    let Some(text) = fields.text("origin")? else { return Ok(None) };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    let value = HeaderValue::from_str(text).ok().filter(|_| is_plain);
    value.map(Some).ok_or_else(|| fields.error("origin", Rule::OriginHeader))
}

/// The organisation's external contacts, where no CRM of its own is given.
pub(super) fn contacts(fields: &Fields<'_>, environment: &Environment) -> Result<Option<ContactsSettings>, Error> {
    let tier = match fields.get("contacts") {
        None | Some(Value::Bool(false)) => return Ok(None),
        Some(Value::Bool(true)) => None,
        Some(Value::Object(_)) => match fields.inner("contacts")? {
            Some(contacts) => contacts.text("tier")?,
            None => None,
        },
        Some(_) => return Err(fields.error("contacts", Rule::Contacts)),
    };
    if fields.text("crmBaseUrl")?.is_some() {
        return Ok(None);
    }
    Ok(Some(ContactsSettings {
        api: environment.api.clone(),
        tier: tier.unwrap_or(TIER).to_owned(),
        timeout: defaults::crm_timeout(fields)?,
    }))
}
