//! Guests: create, refresh, put attributes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::guest_store::{Guest, Guests, NewGuest, Refreshed};
use crate::answer::Answer;
use crate::clock;
use crate::request::Request;
use crate::settings::{Settings, Signer};

/// `{"alg":"HS256","typ":"guest"}`: a token looks like a JWT, so its body has a dot of its own.
const TOKEN_HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6Imd1ZXN0In0";

/// What answers about guests are made with.
#[derive(Clone, Copy)]
pub(crate) struct Issuer<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) signer: &'a Signer,
    pub(crate) deployment: Uuid,
}

/// What a new guest is made of. Values stay text: they are answered as they came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    #[serde(borrow)]
    email: Option<&'a RawValue>,
    #[serde(borrow)]
    consent: Option<&'a RawValue>,
    #[serde(borrow)]
    channel_id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefreshBody<'a> {
    #[serde(borrow)]
    refresh_token: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AttributesBody<'a> {
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

/// `POST /api/v2/engagements/guests`
pub(crate) fn create(guests: &mut Guests, issuer: Issuer<'_>, request: &Request) -> Answer {
    try_create(guests, issuer, request).unwrap_or_else(|refusal| *refusal)
}

fn try_create(guests: &mut Guests, issuer: Issuer<'_>, request: &Request) -> Result<Answer, Box<Answer>> {
    let body: CreateBody<'_> = read(request)?;
    let email_json = needed(body.email, "email", request)?;
    let consent = needed(body.consent, "consent", request)?;
    let channel_json = needed(body.channel_id, "channelId", request)?;
    let email = text(email_json).filter(|email| email.contains('@'));
    let email = email.ok_or_else(|| invalid("email", "must be an e-mail address", request))?;
    if consent.get() != "true" {
        return Err(invalid("consent", "must be true", request));
    }
    let channel = text(channel_json).filter(|channel| !channel.is_empty());
    let channel = channel.ok_or_else(|| invalid("channelId", "must be a string that is not empty", request))?;
    if body.attributes.is_some_and(|attributes| !attributes.get().starts_with('{')) {
        return Err(invalid("attributes", "must be an object", request));
    }
    let correlation = request.correlation;
    if super::channels::is_closed(&channel) {
        let message = "The channel is disabled or not provisioned for this client";
        return Err(Box::new(Answer::error(StatusCode::FORBIDDEN, "not.authorized", message, correlation)));
    }

    let settings = issuer.settings;
    let life = Duration::try_from_secs_f64(settings.expires_in).unwrap_or_default();
    let wall_ms = clock::wall_ms();
    let (attributes, now) = (body.attributes, request.arrived);
    let new = NewGuest { email: &email, channel: &channel, attributes, now, wall_ms, life };
    let Some(guest) = guests.create(&new, settings.conflicts) else {
        let message = "A guest session already exists for this email and channel";
        return Err(Box::new(Answer::error(StatusCode::CONFLICT, "request.conflict", message, correlation)));
    };

    let mut out = String::with_capacity(1024);
    out.push_str("{\"guestId\":\"");
    push_uuid(&mut out, guest.id);
    out.push_str("\",\"token\":\"");
    push_token(&mut out, guest, issuer.signer, wall_ms);
    out.push('"');
    if let Some(expiry) = settings.reported_expires_in.text(settings.expires_in) {
        let _ = write!(out, ",\"expiresIn\":{expiry}");
    }
    let _ = write!(
        out,
        ",\"refreshToken\":\"{}\",\"email\":{},\"consent\":true,\"channelId\":{},\"createdDate\":\"{}\"",
        guest.refresh_token(),
        email_json.get(),
        channel_json.get(),
        clock::iso(wall_ms),
    );
    if let Some(name) = body.name {
        let _ = write!(out, ",\"name\":{}", name.get());
    }
    out.push_str(",\"deployment\":{\"id\":\"");
    push_uuid(&mut out, issuer.deployment);
    out.push_str(
        "\",\"features\":[\"typing\",{\"deep\":true}]},\"routing\":null,\"selfUri\":\"/api/v2/engagements/guests/",
    );
    push_uuid(&mut out, guest.id);
    out.push('"');
    push_members(&mut out, settings.answer_extra.as_deref());
    out.push('}');
    Ok(Answer::json(StatusCode::OK, out))
}

/// `POST /api/v2/engagements/guests/refresh`
pub(crate) fn refresh(guests: &mut Guests, issuer: Issuer<'_>, request: &Request) -> Answer {
    try_refresh(guests, issuer, request).unwrap_or_else(|refusal| *refusal)
}

fn try_refresh(guests: &mut Guests, issuer: Issuer<'_>, request: &Request) -> Result<Answer, Box<Answer>> {
    let body: RefreshBody<'_> = read(request)?;
    let token = text(needed(body.refresh_token, "refreshToken", request)?);
    let token = token.ok_or_else(|| invalid("refreshToken", "must be a string", request))?;
    let settings = issuer.settings;
    let life = Duration::try_from_secs_f64(settings.expires_in).unwrap_or_default();
    let guest = match guests.refresh(&token, request.arrived, life) {
        Refreshed::Fresh(guest) => guest,
        Refreshed::Used => {
            let message = "The refresh token has already been used";
            return Err(Box::new(Answer::error(
                StatusCode::CONFLICT,
                "request.conflict",
                message,
                request.correlation,
            )));
        }
        Refreshed::Unknown => return Err(not_found("The refresh token is not known", request)),
    };
    let mut out = String::from("{\"token\":\"");
    push_token(&mut out, guest, issuer.signer, clock::wall_ms());
    out.push('"');
    if let Some(expiry) = settings.reported_expires_in.text(settings.expires_in) {
        let _ = write!(out, ",\"expiresIn\":{expiry}");
    }
    let _ = write!(out, ",\"refreshToken\":\"{}\"}}", guest.refresh_token());
    Ok(Answer::json(StatusCode::OK, out))
}

/// `PUT /api/v2/engagements/guests/{guestId}`
pub(crate) fn attributes(guests: &mut Guests, request: &Request) -> Answer {
    try_attributes(guests, request).unwrap_or_else(|refusal| *refusal)
}

fn try_attributes(guests: &mut Guests, request: &Request) -> Result<Answer, Box<Answer>> {
    let body: AttributesBody<'_> = read(request)?;
    let attributes = needed(body.attributes, "attributes", request)?;
    if !attributes.get().starts_with('{') {
        return Err(invalid("attributes", "must be an object", request));
    }
    let version = guests.update(&request.part, attributes.to_owned(), request.arrived);
    let version = version.ok_or_else(|| not_found("The guest was not found or has expired", request))?;
    let id = serde_json::to_string(&request.part).unwrap_or_default();
    let modified = clock::iso(clock::wall_ms());
    let out = format!("{{\"guestId\":{id},\"version\":{version},\"modifiedDate\":\"{modified}\"}}");
    Ok(Answer::json(StatusCode::OK, out))
}

/// The JSON object in a request's body.
fn read<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<T, Box<Answer>> {
    if !request.has_type("application/json") {
        let (status, message) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json");
        return Err(Box::new(Answer::error(status, "unsupported.media.type", message, request.correlation)));
    }
    let is_object = request.body.trim_ascii_start().first() == Some(&b'{');
    let parsed = if is_object { serde_json::from_slice(&request.body).ok() } else { None };
    parsed.ok_or_else(|| {
        let message = "The request body is not a valid JSON object";
        Box::new(Answer::error(StatusCode::BAD_REQUEST, "bad.request", message, request.correlation))
    })
}

fn needed<'a>(value: Option<&'a RawValue>, field: &str, request: &Request) -> Result<&'a RawValue, Box<Answer>> {
    value.ok_or_else(|| {
        let message = format!("The field {field} is missing");
        Box::new(Answer::bad_field("parameters.missing", field, &message, request.correlation))
    })
}

fn invalid(field: &str, rule: &str, request: &Request) -> Box<Answer> {
    let message = format!("The field {field} {rule}");
    Box::new(Answer::bad_field("constraint.validation", field, &message, request.correlation))
}

fn not_found(message: &str, request: &Request) -> Box<Answer> {
    Box::new(Answer::error(StatusCode::NOT_FOUND, "not.found", message, request.correlation))
}

/// The value of a JSON string. One with a lone surrogate, which Rust cannot hold, stays as it was written.
fn text(json: &RawValue) -> Option<Cow<'_, str>> {
    let inner = json.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    Some(serde_json::from_str(json.get()).map_or(Cow::Borrowed(inner), Cow::Owned))
}

fn push_uuid(out: &mut String, id: Uuid) {
    out.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
}

/// `header.payload.signature`. The payload is never the same twice.
fn push_token(out: &mut String, guest: &Guest, signer: &Signer, wall_ms: i64) {
    let mut payload = String::with_capacity(128);
    payload.push_str("{\"sub\":\"");
    push_uuid(&mut payload, guest.id);
    let _ = write!(payload, "\",\"iat\":{},\"jti\":\"", wall_ms / 1000);
    push_uuid(&mut payload, Uuid::new_v4());
    payload.push_str("\"}");
    let mut token = String::with_capacity(256);
    token.push_str(TOKEN_HEADER);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    signer.sign(&mut token);
    out.push_str(&token);
}

/// Appends the members of the text of a JSON object.
fn push_members(out: &mut String, object: Option<&str>) {
    let Some(members) = object.and_then(|text| text.trim().strip_prefix('{')?.strip_suffix('}')) else { return };
    if !members.trim().is_empty() {
        out.push(',');
        out.push_str(members);
    }
}
