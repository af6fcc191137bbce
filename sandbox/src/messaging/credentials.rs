//! Who may sign in: codes and ID tokens of the customer's provider, guests' JWTs, refresh tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::settings::{Claim, MessagingSettings};
use crate::clock;

/// Where the provider sends a guest back to when a test does not say.
const REDIRECT_URI: &str = "https://shop.example/callback";

/// Credentials between two looks for ended ones: far more than a test asks about afterwards.
const CLEANING_INTERVAL: usize = 100_000;

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

/// A guest's JWT, or the one of `getJwt`.
pub(super) struct Jwt {
    pub(super) holder: Holder,
    pub(super) deployment: Uuid,
    expires: Instant,
    revoked: bool,
}

/// Whom a JWT speaks for.
#[derive(Clone)]
pub(super) enum Holder {
    Subject(Arc<Subject>),
    /// The session with this token, for its history alone.
    Session(String),
}

impl Holder {
    fn is(&self, subject: &str) -> bool {
        matches!(self, Self::Subject(known) if known.id == subject)
    }
}

pub(super) struct RefreshToken {
    pub(super) subject: Arc<Subject>,
    pub(super) deployment: Uuid,
    expires: Instant,
}

/// Why a credential is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    Expired,
    /// Never issued, or revoked.
    Unknown,
}

/// Everything that was issued, until the sandbox is reset.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(super) grants: HashMap<String, Grant>,
    jwts: HashMap<String, Jwt>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

impl Credentials {
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
        self.grants.insert(code.clone(), grant);
        CodeGrant { code, redirect_uri, code_verifier, nonce }
    }

    /// A guest signs in with an implicit flow.
    pub(crate) fn id_token(&mut self, settings: &MessagingSettings, sign_in: SignIn) -> IdTokenGrant {
        let nonce = sign_in.nonce.clone().unwrap_or_else(|| noise(1));
        let claims = json!({ "iss": "https://provider.example", "sub": sign_in.subject, "nonce": nonce });
        let id_token = jwt_text(&claims.to_string());
        let grant = Grant { nonce: Some(nonce.clone()), ..Grant::of(settings, sign_in) };
        self.grants.insert(id_token.clone(), grant);
        IdTokenGrant { id_token, nonce }
    }

    /// A JWT with the claims that the settings ask for; it lives for the given seconds.
    pub(super) fn issue(
        &mut self,
        settings: &MessagingSettings,
        holder: Holder,
        deployment: Uuid,
        seconds: f64,
        now: Instant,
    ) -> IssuedJwt {
        let issued_s = clock::wall_ms() / 1000;
        let expires_s = issued_s + seconds as i64;
        let mut claims = Map::new();
        for claim in &settings.jwt_claims {
            let (name, value) = match (claim, &holder) {
                (Claim::Exp, _) => ("exp", expires_s.into()),
                (Claim::Iat, _) => ("iat", issued_s.into()),
                (Claim::Sub, Holder::Subject(subject)) => ("sub", subject.id.clone().into()),
                (Claim::Sub, Holder::Session(_)) => continue,
                (Claim::DeploymentId, _) => ("deploymentId", deployment.to_string().into()),
            };
            claims.insert(name.into(), value);
        }
        let text = jwt_text(&serde_json::Value::Object(claims).to_string());
        let jwt = Jwt { holder, deployment, expires: now + seconds_of(seconds), revoked: false };
        forget_ended(&mut self.jwts, |jwt| jwt.expires <= now);
        self.jwts.insert(text.clone(), jwt);
        IssuedJwt { text, expires_s }
    }

    pub(super) fn issue_refresh_token(
        &mut self,
        settings: &MessagingSettings,
        subject: Arc<Subject>,
        deployment: Uuid,
        now: Instant,
    ) -> String {
        let text = noise(3);
        let expires = now + seconds_of(settings.refresh_token_seconds);
        forget_ended(&mut self.refresh_tokens, |token| token.expires <= now);
        self.refresh_tokens.insert(text.clone(), RefreshToken { subject, deployment, expires });
        text
    }

    /// The JWT that a text is, if it is good now.
    pub(super) fn jwt(&self, text: &str, now: Instant) -> Result<&Jwt, Bad> {
        match self.jwts.get(text) {
            Some(jwt) if !jwt.revoked && jwt.expires <= now => Err(Bad::Expired),
            Some(jwt) if !jwt.revoked => Ok(jwt),
            _ => Err(Bad::Unknown),
        }
    }

    pub(super) fn refresh_token(&self, text: &str, now: Instant) -> Result<&RefreshToken, Bad> {
        let token = self.refresh_tokens.get(text).ok_or(Bad::Unknown)?;
        if token.expires <= now { Err(Bad::Expired) } else { Ok(token) }
    }

    /// Ends the JWTs of a subject, as by a revocation.
    pub(super) fn revoke_jwts(&mut self, subject: &str) {
        self.jwts.values_mut().filter(|jwt| jwt.holder.is(subject)).for_each(|jwt| jwt.revoked = true);
    }

    /// Ends everything that a subject holds.
    pub(super) fn revoke(&mut self, subject: &str) {
        self.revoke_jwts(subject);
        self.refresh_tokens.retain(|_, token| token.subject.id != subject);
    }

    /// Lets the time of JWTs be over: those of a subject, or all. How many there were.
    pub(crate) fn expire_jwts(&mut self, subject: Option<&str>, now: Instant) -> usize {
        let concerned = |jwt: &&mut Jwt| jwt.expires > now && subject.is_none_or(|subject| jwt.holder.is(subject));
        self.jwts.values_mut().filter(concerned).map(|jwt| jwt.expires = now).count()
    }

    /// Lets the time of refresh tokens be over: those of a subject, or all. How many there were.
    pub(crate) fn expire_refresh_tokens(&mut self, subject: Option<&str>, now: Instant) -> usize {
        let concerned = |token: &&mut RefreshToken| {
            token.expires > now && subject.is_none_or(|subject| token.subject.id == subject)
        };
        self.refresh_tokens.values_mut().filter(concerned).map(|token| token.expires = now).count()
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

/// Forgets what has ended, now and then: a test that runs for hours must not grow without end.
fn forget_ended<V>(known: &mut HashMap<String, V>, ended: impl Fn(&V) -> bool) {
    if known.len() % CLEANING_INTERVAL == CLEANING_INTERVAL - 1 {
        known.retain(|_, credential| !ended(credential));
    }
}

/// A JWT as it was issued.
pub(super) struct IssuedJwt {
    pub(super) text: String,
    /// Seconds since 1970.
    pub(super) expires_s: i64,
}

/// A duration of a setting; 0 for what makes no sense.
pub(super) fn seconds_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub(super) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// Three parts, the last of which is noise: nobody but the sandbox verifies it.
fn jwt_text(claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(claims), noise(2))
}

/// Random text that is fit for an URL: 16 bytes for each part.
fn noise(parts: usize) -> String {
    let bytes: Vec<u8> = (0..parts).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
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
        let grant = Credentials::default().code(&MessagingSettings::default(), SignIn::new("ada"));
        assert_eq!(grant.code_verifier.unwrap().len(), 43);
    }
}
