//! What the sandbox answers: a status, headers, a body, and the two shapes of errors.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::route::Route;

/// On every answer: what Genesys' support asks for.
pub(crate) const CORRELATION: HeaderName = HeaderName::from_static("inin-correlation-id");

/// An answer before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The error body of the platform API (`ErrorBody` in Genesys' Swagger).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    message: &'a str,
    code: &'a str,
    status: u16,
    message_with_params: &'a str,
    message_params: Map<String, Value>,
    context_id: &'a str,
    details: Vec<Detail<'a>>,
    errors: [Value; 0],
}

/// One field that an error is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    error_code: &'a str,
    field_name: &'a str,
}

impl Answer {
    /// A status without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::with_capacity(4), body: Bytes::new() }
    }

    /// A status with a JSON body.
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::empty(status);
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.body = body.into();
        answer
    }

    /// An error of the API host.
    pub(crate) fn error(status: StatusCode, code: &str, message: &str, correlation: Uuid) -> Self {
        Self::error_with(status, code, message, correlation, None)
    }

    /// An error of the API host about one field of the request.
    pub(crate) fn bad_field(code: &str, field: &str, message: &str, correlation: Uuid) -> Self {
        Self::error_with(StatusCode::BAD_REQUEST, code, message, correlation, Some(field))
    }

    fn error_with(status: StatusCode, code: &str, message: &str, correlation: Uuid, field: Option<&str>) -> Self {
        let mut context = Uuid::encode_buffer();
        let body = ErrorBody {
            message,
            code,
            status: status.as_u16(),
            message_with_params: message,
            message_params: Map::new(),
            context_id: correlation.hyphenated().encode_lower(&mut context),
            details: field.map(|field_name| Detail { error_code: code, field_name }).into_iter().collect(),
            errors: [],
        };
        Self::json(status, serde_json::to_vec(&body).unwrap_or_default())
    }

    /// An error of the login host, which has a shape of its own: the description comes twice.
    pub(crate) fn login_error(status: StatusCode, error: &str, description: &str) -> Self {
        let body = serde_json::json!({ "error": error, "description": description, "error_description": description });
        Self::json(status, body.to_string())
    }

    /// The error that a route gives for a status when a test asks for no more than the status.
    pub(crate) fn plain_error(route: Route, status: StatusCode, correlation: Uuid) -> Self {
        if !(status.is_client_error() || status.is_server_error()) {
            return Self::empty(status);
        }
        let code = code_of(status);
        if route == Route::Token {
            let error = match status.as_u16() {
                401 | 403 => "invalid_client",
                400..=499 => "invalid_request",
                503 => "temporarily_unavailable",
                _ => "server_error",
            };
            return Self::login_error(
                status,
                error,
                if error == "invalid_client" { "authentication failed" } else { code },
            );
        }
        let message = status.canonical_reason().unwrap_or("The request failed");
        Self::error(status, code, message, correlation)
    }

    /// 405 with the methods that would do.
    pub(crate) fn wrong_method(route: Route, allowed: &Method, correlation: Uuid) -> Self {
        let mut answer = Self::plain_error(route, StatusCode::METHOD_NOT_ALLOWED, correlation);
        if let Ok(value) = HeaderValue::from_str(allowed.as_str()) {
            answer.headers.insert(ALLOW, value);
        }
        answer
    }

    /// 401 with one of the API host's three codes.
    pub(crate) fn unauthorized(code: &str, message: &str, correlation: Uuid) -> Self {
        let mut answer = Self::error(StatusCode::UNAUTHORIZED, code, message, correlation);
        answer.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        answer
    }

    /// Sets a header whose value the sandbox made itself.
    pub(crate) fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// Puts the correlation id on, unless a script has put one on already.
    pub(crate) fn correlate(&mut self, correlation: Uuid) {
        let mut text = Uuid::encode_buffer();
        let value = HeaderValue::from_str(correlation.hyphenated().encode_lower(&mut text));
        if let Ok(value) = value {
            self.headers.entry(CORRELATION).or_insert(value);
        }
    }
}

/// The `code` that goes with a status (the stock list that Genesys stamps on its endpoints).
fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "bad.request",
        401 => "bad.credentials",
        403 => "not.authorized",
        404 => "not.found",
        405 => "method.not.allowed",
        408 => "client.timeout",
        409 => "request.conflict",
        413 => "request.entity.too.large",
        415 => "unsupported.media.type",
        429 => "too.many.requests.retry.after",
        503 => "service.unavailable",
        504 => "request.timeout",
        _ if status.is_client_error() => "client.failed.request",
        _ => "internal.server.error",
    }
}
