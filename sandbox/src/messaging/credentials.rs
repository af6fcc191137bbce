//! What an exchange gives: guests' JWTs and refresh tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Map;
use uuid::Uuid;

use super::grants::Subject;
use super::opaque::{jwt_text, noise, seconds_of};
use super::settings::{Claim, MessagingSettings};
use crate::clock;

/// Credentials between two looks for ended ones: far more than a test asks about afterwards.
const CLEANING_INTERVAL: usize = 100_000;

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
    jwts: HashMap<String, Jwt>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

impl Credentials {
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
