//! `POST /oauth/token`, with the login host's own errors.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{AUTHORIZATION, CACHE_CONTROL};

use super::tokens::Tokens;
use crate::answer::Answer;
use crate::request::{Request, form};
use crate::settings::Settings;

/// What a token request says, whichever way it says it.
#[derive(Default)]
struct Credentials<'a> {
    grant: Option<Cow<'a, str>>,
    client: Option<Cow<'a, str>>,
    secret: Option<Cow<'a, str>>,
    scope: Option<Cow<'a, str>>,
    by_header: bool,
}

/// Issues an access token.
pub(crate) fn token(tokens: &mut Tokens, settings: &Settings, request: &Request) -> Answer {
    match grant(tokens, settings, request) {
        Ok(answer) => answer,
        Err(error) => {
            let (status, code) = error.status_and_code();
            Answer::login_error(status, code, &error.to_string())
        }
    }
}

/// Why no token is issued; the text is the answer's `error_description`.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    #[error("the content type must be application/x-www-form-urlencoded")]
    ContentType,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("the grant type {0} is not supported")]
    GrantType(String),
    #[error("the authorization header is not valid Basic authentication")]
    Header,
    #[error("client not found")]
    Client,
    #[error("authentication failed")]
    Secret,
}

impl LoginError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request"),
            Self::Missing(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::GrantType(_) => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::Header | Self::Client | Self::Secret => (StatusCode::UNAUTHORIZED, "invalid_client"),
        }
    }
}

fn grant(tokens: &mut Tokens, settings: &Settings, request: &Request) -> Result<Answer, LoginError> {
    if !request.has_type("application/x-www-form-urlencoded") {
        return Err(LoginError::ContentType);
    }
    let text = String::from_utf8_lossy(&request.body);
    let credentials = read(&text, request.header(&AUTHORIZATION))?;
    let client = needed(credentials.client, "client_id")?;
    let secret = needed(credentials.secret, "client_secret")?;
    // The official SDKs send the grant alone beside the header; a body with credentials has all four fields.
    let scope =
        if credentials.by_header { credentials.scope.unwrap_or_default() } else { needed(credentials.scope, "scope")? };
    match needed(credentials.grant, "grant_type")?.as_ref() {
        "client_credentials" => {}
        other => return Err(LoginError::GrantType(other.to_owned())),
    }
    if settings.client_id.as_deref().is_some_and(|known| known != client) {
        return Err(LoginError::Client);
    }
    if settings.client_secret.as_deref().is_some_and(|known| known != secret) {
        return Err(LoginError::Secret);
    }
    let life = settings.token_lifetime;
    let lifetime = settings.reported_token_lifetime.text(life);
    let life = Duration::try_from_secs_f64(life).unwrap_or_default();
    let token = tokens.issue(&client, &scope, request.arrived, life);
    let expiry = lifetime.map(|text| format!(",\"expires_in\":{text}")).unwrap_or_default();
    let body = format!("{{\"access_token\":\"{token}\",\"token_type\":\"bearer\"{expiry}}}");
    let mut answer = Answer::json(StatusCode::OK, body);
    answer.set(CACHE_CONTROL, "no-store");
    Ok(answer)
}

/// Reads the form, and the header where there is one: it wins, as on the real service.
fn read<'a>(text: &'a str, header: Option<&str>) -> Result<Credentials<'a>, LoginError> {
    let mut credentials = Credentials::default();
    for (name, value) in form(text) {
        match name.as_ref() {
            "grant_type" => credentials.grant = Some(value),
            "client_id" => credentials.client = Some(value),
            "client_secret" => credentials.secret = Some(value),
            "scope" => credentials.scope = Some(value),
            _ => {}
        }
    }
    if let Some(header) = header {
        let (client, secret) = basic(header).ok_or(LoginError::Header)?;
        credentials.client = Some(client.into());
        credentials.secret = Some(secret.into());
        credentials.by_header = true;
    }
    Ok(credentials)
}

/// The two halves of Basic authentication (RFC 7617).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    Some((client.into(), secret.into()))
}

fn needed<'a>(value: Option<Cow<'a, str>>, field: &'static str) -> Result<Cow<'a, str>, LoginError> {
    value.filter(|value| !value.is_empty()).ok_or(LoginError::Missing(field))
}
