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
        Err((status, error, description)) => Answer::login_error(status, error, &description),
    }
}

type Refusal = (StatusCode, &'static str, Cow<'static, str>);

fn grant(tokens: &mut Tokens, settings: &Settings, request: &Request) -> Result<Answer, Refusal> {
    if !request.has_type("application/x-www-form-urlencoded") {
        let wanted = "the content type must be application/x-www-form-urlencoded";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", wanted.into()));
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
        other => {
            let description = format!("the grant type {other} is not supported");
            return Err((StatusCode::BAD_REQUEST, "unsupported_grant_type", description.into()));
        }
    }
    if settings.client_id.as_deref().is_some_and(|known| known != client) {
        return Err((StatusCode::UNAUTHORIZED, "invalid_client", "client not found".into()));
    }
    if settings.client_secret.as_deref().is_some_and(|known| known != secret) {
        return Err((StatusCode::UNAUTHORIZED, "invalid_client", "authentication failed".into()));
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
fn read<'a>(text: &'a str, header: Option<&str>) -> Result<Credentials<'a>, Refusal> {
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
        let (client, secret) = basic(header).ok_or((
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            Cow::Borrowed("the authorization header is not valid Basic authentication"),
        ))?;
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

fn needed<'a>(value: Option<Cow<'a, str>>, field: &str) -> Result<Cow<'a, str>, Refusal> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        let description = format!("{field} is missing");
        (StatusCode::BAD_REQUEST, "invalid_request", description.into())
    })
}
