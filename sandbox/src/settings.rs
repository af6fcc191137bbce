//! How the sandbox behaves when nothing is scripted: lifetimes, credentials, keys.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::messaging::MessagingSettings;
use crate::rules::TokenLimit;

/// Seconds that a guest lives: the tutorial's service expects an hour or so.
const GUEST_LIFE_S: f64 = 3600.0;
/// Seconds that an access token lives: the default of an OAuth client in Genesys Cloud.
const TOKEN_LIFE_S: f64 = 86_400.0;
/// Genesys Cloud's `request.bytes.max`.
const MAX_REQUEST_BYTES: usize = 512_000;

/// What an answer says about a lifetime, which may differ from the truth.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Reported {
    /// The real lifetime.
    #[default]
    Truth,
    /// The field is left out.
    Omitted,
    /// This JSON text: `null`, `"abc"`, `0`, …
    Json(String),
}

impl Reported {
    /// The JSON text to write, or nothing when the field is left out.
    pub(crate) fn text(&self, seconds: f64) -> Option<String> {
        match self {
            // Whole seconds look like an integer, as they do in the real answers.
            Self::Truth => Some(seconds.to_string()),
            Self::Omitted => None,
            Self::Json(text) => Some(text.clone()),
        }
    }
}

impl Serialize for Reported {
    fn serialize<S: serde::Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Truth => "truth".serialize(target),
            Self::Omitted => "omit".serialize(target),
            Self::Json(text) => serde_json::from_str(text).unwrap_or(Value::Null).serialize(target),
        }
    }
}

impl<'de> Deserialize<'de> for Reported {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(source)? {
            Value::String(word) if word == "truth" => Self::Truth,
            Value::String(word) if word == "omit" => Self::Omitted,
            value => Self::Json(value.to_string()),
        })
    }
}

/// Settings that a test may change while the sandbox runs. In JSON the names are in camel case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// The only client id that is accepted; any non-empty one when absent.
    pub client_id: Option<String>,
    /// The only client secret that is accepted; any non-empty one when absent.
    pub client_secret: Option<String>,
    /// What clients call this environment: part of the default signing key. The sandbox's origin when absent.
    pub environment: Option<String>,
    /// The key of guest tokens; `{environment}-guest-signing-key` when absent.
    pub signing_key: Option<String>,
    /// Seconds that a guest lives.
    pub expires_in: f64,
    /// What answers say in `expiresIn`.
    pub reported_expires_in: Reported,
    /// Seconds that an access token lives.
    pub token_lifetime: f64,
    /// What answers say in `expires_in`.
    pub reported_token_lifetime: Reported,
    /// Whether a second live guest for the same e-mail and channel is refused with 409.
    pub conflicts: bool,
    /// Members added to the answer that describes a new guest: the text of a JSON object, kept as written, so that
    /// duplicate keys and numbers beyond 2^53 arrive as they are.
    #[serde(deserialize_with = "object_text")]
    pub answer_extra: Option<String>,
    /// Longer request bodies are refused with 413.
    pub max_request_bytes: usize,
    /// The limit of each access token over all requests that carry it; none when absent.
    pub token_limit: Option<TokenLimit>,
    /// Whether answers under a limit tell it, in `inin-ratelimit-count`, `-allowed` and `-reset`.
    pub announces_limits: bool,
    /// Other beginnings of paths, as a gateway has them: `("/gateway/login", "/oauth")` makes `/gateway/login/token`
    /// work.
    pub aliases: Vec<(String, String)>,
    /// Web messaging.
    pub messaging: MessagingSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            environment: None,
            signing_key: None,
            expires_in: GUEST_LIFE_S,
            reported_expires_in: Reported::Truth,
            token_lifetime: TOKEN_LIFE_S,
            reported_token_lifetime: Reported::Truth,
            conflicts: true,
            answer_extra: None,
            max_request_bytes: MAX_REQUEST_BYTES,
            token_limit: None,
            announces_limits: true,
            aliases: Vec::new(),
            messaging: MessagingSettings::default(),
        }
    }
}

/// What is wrong with settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSettings {
    #[error("settings must be an object")]
    NoObject,
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Settings {
    /// These settings with the given members of a JSON object put in; an error names what does not fit.
    pub(crate) fn patched(&self, patch: Value) -> Result<Self, InvalidSettings> {
        if !patch.is_object() {
            return Err(InvalidSettings::NoObject);
        }
        let mut whole = serde_json::to_value(self)?;
        merge(&mut whole, patch);
        Ok(serde_json::from_value(whole)?)
    }

    /// What signs guest tokens under these settings.
    pub(crate) fn signer(&self, origin: &str) -> Signer {
        match &self.signing_key {
            Some(key) => Signer::new(key),
            None => Signer::new(&format!("{}-guest-signing-key", self.environment.as_deref().unwrap_or(origin))),
        }
    }
}

/// Puts the members of an object into another, and theirs into theirs; everything else takes the old value's place.
fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}

/// A JSON object, or a string that holds the text of one.
fn object_text<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    let text = match Option::<Value>::deserialize(source)? {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    };
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    if is_object { Ok(Some(text)) } else { Err(serde::de::Error::custom("answerExtra must be a JSON object")) }
}

/// Signs guest tokens. Keyed once: the key schedule costs more than a token.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    fn new(key: &str) -> Self {
        // HMAC takes keys of every length; the error cannot occur.
        Self(
            Hmac::new_from_slice(key.as_bytes())
                .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default())),
        )
    }

    /// Appends a dot and the signature of what `token` holds: the first 16 hex digits of the HMAC.
    pub(crate) fn sign(&self, token: &mut String) {
        let mut mac = self.0.clone();
        mac.update(token.as_bytes());
        let tag = mac.finalize().into_bytes();
        token.push('.');
        for byte in tag.iter().take(8) {
            for digit in [byte >> 4, byte & 15] {
                token.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_openssl_does() {
        // printf %s a.b | openssl dgst -sha256 -hmac acme-guest-signing-key
        let settings = Settings { environment: Some("acme".into()), ..Settings::default() };
        let mut token = String::from("a.b");
        settings.signer("http://ignored").sign(&mut token);
        assert_eq!(token, "a.b.fc74907c64992895");
    }

    #[test]
    fn patches_name_what_is_wrong() {
        let settings = Settings::default();
        let patched = settings.patched(serde_json::json!({ "expiresIn": 5, "reportedTokenLifetime": null })).unwrap();
        assert!((patched.expires_in - 5.0).abs() < f64::EPSILON);
        assert_eq!(patched.reported_token_lifetime, Reported::Json("null".into()));
        assert_eq!(
            patched.patched(serde_json::json!({})).unwrap().reported_token_lifetime,
            Reported::Json("null".into())
        );
        assert!(settings.patched(serde_json::json!({ "expiresin": 5 })).unwrap_err().to_string().contains("expiresin"));
        assert!(settings.patched(serde_json::json!({ "answerExtra": "[]" })).is_err());
    }

    #[test]
    fn patches_reach_into_groups() {
        let patch = serde_json::json!({ "messaging": { "limits": { "connections": null }, "jwtSeconds": 5 } });
        let messaging = Settings::default().patched(patch).unwrap().messaging;
        assert_eq!((messaging.limits.connections, messaging.limits.echoes_per_minute), (None, Some(2)));
        assert!((messaging.jwt_seconds - 5.0).abs() < f64::EPSILON);
        let patch = serde_json::json!({ "messaging": { "limits": { "echos": 1 } } });
        assert!(Settings::default().patched(patch).unwrap_err().to_string().contains("echos"));
    }

    #[test]
    fn lifetimes_look_like_integers() {
        assert_eq!(Reported::Truth.text(3600.0).as_deref(), Some("3600"));
        assert_eq!(Reported::Truth.text(0.5).as_deref(), Some("0.5"));
    }
}
