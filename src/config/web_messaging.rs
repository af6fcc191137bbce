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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::Config;
    use crate::error::Error;
    use crate::oauth::ClientAuthentication;

    fn config(changed: &serde_json::Value) -> Result<Config, Error> {
        let mut config = json!({"environment": "eu_west_1", "clientId": "id", "clientSecret": "secret", "guestApi": "web-messaging"});
        for (name, value) in changed.as_object().unwrap() {
            config[name] = value.clone();
        }
        Config::from_json(&config.to_string())
    }

    fn socket(messaging_url: &str) -> String {
        config(&json!({"messagingUrl": messaging_url})).unwrap().web_messaging.unwrap().messaging.to_string()
    }

    #[test]
    fn the_socket_is_the_regions_or_what_is_given() {
        let settings = config(&json!({})).unwrap().web_messaging.unwrap();
        assert_eq!(settings.messaging.as_str(), "wss://webmessaging.mypurecloud.ie/v1");
        assert_eq!(settings.cdn.as_str(), "https://api-cdn.mypurecloud.ie/");
        assert_eq!(socket("wss://m.example"), "wss://m.example/v1");
        assert_eq!(socket("https://m.example/chat"), "wss://m.example/chat");
        assert_eq!(socket("WS://127.0.0.1:1/v1"), "ws://127.0.0.1:1/v1");
        for (changed, rule) in [
            (json!({"messagingUrl": "ws://m.example"}), "messagingUrl must use https"),
            (json!({"messagingUrl": "wss://m.example/?a=b"}), "messagingUrl must be an http(s) URL without query"),
            (json!({"messagingUrl": "wss:"}), "messagingUrl must be an absolute"),
            (json!({"cdnUrl": "cdn"}), "cdnUrl must be an absolute"),
            (
                json!({"environment": "acme", "cdnUrl": "https://cdn.example"}),
                "environment must be a region or an origin",
            ),
            (json!({"guestApi": "chat"}), "guestApi must be"),
            (json!({"origin": "https://shop.example\n"}), "origin must be"),
        ] {
            let message = config(&changed).unwrap_err().details().message.clone();
            assert!(message.starts_with(rule), "{changed}: {message}");
        }
    }

    #[test]
    fn genesys_is_asked_for_tokens_as_its_own_clients_do() {
        let credentials = config(&json!({})).unwrap().credentials;
        assert_eq!((credentials.scope, credentials.authentication), (None, ClientAuthentication::Basic));
        assert_eq!(config(&json!({"scope": "a b"})).unwrap().credentials.scope.as_deref(), Some("a b"));
        let tutorial = config(&json!({"guestApi": null})).unwrap();
        assert!(tutorial.web_messaging.is_none());
        assert_eq!(tutorial.credentials.authentication, ClientAuthentication::Form);
    }

    #[test]
    fn contacts_stand_in_for_a_crm() {
        let tier =
            |contacts| config(&json!({"contacts": contacts})).unwrap().reports.contacts.map(|contacts| contacts.tier);
        assert_eq!(tier(json!(true)).as_deref(), Some("tier"));
        assert_eq!(tier(json!({"tier": "level"})).as_deref(), Some("level"));
        assert_eq!((tier(json!(false)), tier(json!(null))), (None, None));
        let crm = config(&json!({"contacts": true, "crmBaseUrl": "https://crm.example"})).unwrap();
        assert!(crm.reports.contacts.is_none() && crm.reports.crm.is_some());
    }
}
