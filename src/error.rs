//! One error type: a stable code, what the server said, whether to try again, and why it happened.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::hint::Hint;

/// What went wrong, as the stable `code` that JavaScript sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// A configuration field is missing or breaks its rule.
    ConfigInvalid,
    /// The payload is not a guest request; `issues` lists why, as zod 4 does.
    ValidationFailed,
    /// The e-mail and channel already have a live session.
    DuplicateSession,
    /// The memory store is full of live sessions.
    SessionCapacity,
    /// No access token could be had.
    OauthFailed,
    /// The Guest API refused to create the guest.
    GuestCreationFailed,
    /// The Guest API answered 403.
    Forbidden,
    /// The Guest API answered 409 and nothing known could resolve it.
    Conflict,
    /// The Guest API answered 429 for longer than the call may wait.
    RateLimited,
    /// The channel is unknown or disabled.
    ChannelUnavailable,
    /// The guest token's signature does not match.
    SignatureInvalid,
    /// The Guest API refused to refresh the guest token.
    RefreshFailed,
    /// The Guest API refused the guest's attributes. Counted and audited, never thrown.
    EnrichmentFailed,
    /// No usable answer came: connection, TLS, protocol, size.
    Network,
    /// No answer came in time.
    Timeout,
    /// The shared session store cannot be reached, the outbox is full, or its file cannot be used.
    StoreUnavailable,
    /// The instance was closed.
    Closed,
    /// The caller's `AbortSignal` ended the call.
    Aborted,
    /// A defect in this package.
    Internal,
}

impl Code {
    /// The code as text, for example `RATE_LIMITED`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigInvalid => "CONFIG_INVALID",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::DuplicateSession => "DUPLICATE_SESSION",
            Self::SessionCapacity => "SESSION_CAPACITY",
            Self::OauthFailed => "OAUTH_FAILED",
            Self::GuestCreationFailed => "GUEST_CREATION_FAILED",
            Self::Forbidden => "FORBIDDEN",
            Self::Conflict => "CONFLICT",
            Self::RateLimited => "RATE_LIMITED",
            Self::ChannelUnavailable => "CHANNEL_UNAVAILABLE",
            Self::SignatureInvalid => "SIGNATURE_INVALID",
            Self::RefreshFailed => "REFRESH_FAILED",
            Self::EnrichmentFailed => "ENRICHMENT_FAILED",
            Self::Network => "NETWORK",
            Self::Timeout => "TIMEOUT",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::Closed => "CLOSED",
            Self::Aborted => "ABORTED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// An error with everything that JavaScript needs to build its own, as structure.
#[derive(Clone, Serialize, thiserror::Error)]
#[serde(transparent)]
#[error("{} ({})", .0.message, .0.code.as_str())]
pub struct Error(Box<Details>);

/// The fields of an [`Error`]; absent ones do not apply.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The stable code.
    pub code: Code,
    /// For people; holds no secret and no token.
    pub message: String,
    /// Whether the same call may succeed later and is safe to repeat.
    pub retryable: bool,
    /// HTTP status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Our `X-Genesys-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The server's `ININ-Correlation-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Requests sent for the exchange that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// When to try again, in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The answer's body, at most 4 KiB, without credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What lies underneath, for example `connection refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The code that Node has for what lies underneath, for example `ECONNREFUSED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause_code: Option<&'static str>,
    /// What to do about it, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// zod's issues as a JSON array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issues: Option<Box<RawValue>>,
    /// Which call of a function of the caller's own failed; JavaScript knows what that threw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<u32>,
}

impl Error {
    /// An error with a code and a message, to be completed with the `with_…` methods.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            code,
            message: message.into(),
            retryable: false,
            status: None,
            request_id: None,
            correlation_id: None,
            attempts: None,
            retry_after_ms: None,
            body: None,
            cause: None,
            cause_code: None,
            hint: None,
            issues: None,
            callback: None,
        }))
    }

    /// A configuration error for `field`; `rule` completes the sentence "`field` …".
    #[must_use]
    pub fn config(field: &str, rule: impl fmt::Display) -> Self {
        Self::new(Code::ConfigInvalid, format!("{field} {rule}"))
    }

    /// The instance was closed.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(Code::Closed, "This instance is closed; create a new one")
    }

    /// The duplicate guard's refusal.
    #[must_use]
    pub fn duplicate_session() -> Self {
        Self::new(Code::DuplicateSession, "Duplicate active session detected for this email and channel combination")
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// All fields.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.0
    }

    /// Marks whether the same call may be made again.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Adds our request id.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Adds the number of requests sent.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = Some(attempts);
        self
    }

    /// Adds the time to wait before another try.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Adds what lies underneath.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds Node's code for what lies underneath.
    #[must_use]
    pub fn with_cause_code(mut self, code: Option<&'static str>) -> Self {
        self.0.cause_code = code;
        self
    }

    /// Adds what to do about it, in the place of what was known before.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<Option<Hint>>) -> Self {
        if let Some(hint) = hint.into() {
            self.0.hint = Some(hint.to_string());
        }
        self
    }

    /// Adds what the server answered. `body` must be free of credentials already.
    #[must_use]
    pub fn with_answer(mut self, status: u16, correlation_id: Option<String>, body: String) -> Self {
        self.0.status = Some(status);
        self.0.correlation_id = correlation_id;
        self.0.body = Some(body);
        self
    }

    /// Names the call of the caller's own function that failed.
    #[must_use]
    pub fn with_callback(mut self, request: u32) -> Self {
        self.0.callback = Some(request);
        self
    }

    /// Adds zod's issues.
    #[must_use]
    pub fn with_issues(mut self, issues: Box<RawValue>) -> Self {
        self.0.issues = Some(issues);
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crosses_the_boundary_as_structure() {
        let error = Error::new(Code::RateLimited, "slow down")
            .with_retryable(true)
            .with_answer(429, Some("c-1".into()), "{}".into())
            .with_attempts(4)
            .with_retry_after(Some(Duration::from_millis(1500)));
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"code":"RATE_LIMITED","message":"slow down","retryable":true,"status":429,"correlationId":"c-1","attempts":4,"retryAfterMs":1500,"body":"{}"}"#
        );
    }

    #[test]
    fn text_and_serialised_code_agree() {
        for code in [Code::OauthFailed, Code::Timeout, Code::GuestCreationFailed, Code::StoreUnavailable] {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{}\"", code.as_str()));
        }
    }
}
