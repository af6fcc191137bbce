//! The customer's provider of identities: who has signed in there, and what the exchange must show for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::opaque::{jwt_text, noise, seconds_of};
use super::settings::MessagingSettings;
use crate::clock;

/// Where the provider sends a guest back to when a test does not say.
const REDIRECT_URI: &str = "https://shop.example/callback";

/// A guest who signs in at the customer's provider. In JSON the names are in camel case.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SignIn {
    /// Who it is: `sub`.
    pub subject: String,
    /// The first name, as the event of a sign-in shows it.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The only deployment that the code is good for; any when absent.
    pub deployment_id: Option<Uuid>,
    /// Where the provider sends the guest back to.
    pub redirect_uri: Option<String>,
    /// Leave PKCE out: the code needs no verifier.
    pub without_pkce: bool,
    /// The nonce of the request to the provider; the exchange must repeat it.
    pub nonce: Option<String>,
}

impl SignIn {
    /// A guest with this subject.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        Self { subject: subject.into(), ..Self::default() }
    }
}

/// What the provider gave for a code flow: what the exchange needs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CodeGrant {
    /// The authorization code, good for one exchange.
    pub code: String,
    /// Where the guest was sent back to.
    pub redirect_uri: String,
    /// The verifier of PKCE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<String>,
    /// The nonce, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// What the provider gave for an implicit flow: what the exchange needs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IdTokenGrant {
    /// The ID token, good for one exchange.
    pub id_token: String,
    /// The nonce.
    pub nonce: String,
}

/// A subject of the customer's provider.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) id: String,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
}

/// A code or an ID token.
pub(super) struct Grant {
    pub(super) subject: Arc<Subject>,
    pub(super) deployment: Option<Uuid>,
    pub(super) redirect_uri: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) is_code: bool,
    pub(super) expires: Instant,
    /// When it was exchanged, and for what.
    pub(super) spent: Option<(Instant, String)>,
}

/// Everything that the provider has given, until the sandbox is reset.
#[derive(Default)]
pub(crate) struct Grants(HashMap<String, Grant>);

impl Grants {
    /// A guest signs in with a code flow.
    pub(crate) fn code(&mut self, settings: &MessagingSettings, sign_in: SignIn) -> CodeGrant {
        let code = noise(1);
        let redirect_uri = sign_in.redirect_uri.clone().unwrap_or_else(|| REDIRECT_URI.into());
        let code_verifier = (!sign_in.without_pkce).then(|| noise(2));
        let challenge = code_verifier.as_deref().map(challenge_of);
        let nonce = sign_in.nonce.clone();
        let grant = Grant {
            redirect_uri: Some(redirect_uri.clone()),
            challenge,
            is_code: true,
            ..Grant::of(settings, sign_in)
        };
        self.0.insert(code.clone(), grant);
        CodeGrant { code, redirect_uri, code_verifier, nonce }
    }

    /// A guest signs in with an implicit flow.
    pub(crate) fn id_token(&mut self, settings: &MessagingSettings, sign_in: SignIn) -> IdTokenGrant {
        let nonce = sign_in.nonce.clone().unwrap_or_else(|| noise(1));
        let claims = json!({ "iss": "https://provider.example", "sub": sign_in.subject, "nonce": nonce });
        let id_token = jwt_text(&claims.to_string());
        let grant = Grant { nonce: Some(nonce.clone()), ..Grant::of(settings, sign_in) };
        self.0.insert(id_token.clone(), grant);
        IdTokenGrant { id_token, nonce }
    }

    /// The grant behind a code or an ID token.
    pub(super) fn get_mut(&mut self, credential: &str) -> Option<&mut Grant> {
        self.0.get_mut(credential)
    }
}

impl Grant {
    fn of(settings: &MessagingSettings, sign_in: SignIn) -> Self {
        let SignIn { subject, first_name, last_name, deployment_id, nonce, .. } = sign_in;
        Self {
            subject: Arc::new(Subject { id: subject, first_name, last_name }),
            deployment: deployment_id,
            redirect_uri: None,
            challenge: None,
            nonce,
            is_code: false,
            expires: clock::now() + seconds_of(settings.code_seconds),
            spent: None,
        }
    }
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub(super) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_those_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn verifiers_are_as_long_as_the_rfc_wants() {
        let grant = Grants::default().code(&MessagingSettings::default(), SignIn::new("ada"));
        assert_eq!(grant.code_verifier.unwrap().len(), 43);
    }
}
