//! What of the real service is not proven, or differs between organisations: a setting each.

use serde::{Deserialize, Serialize};

use super::limits::MessagingLimits;

/// Seconds that a session lives after its last message: 72 hours, as a new deployment has it.
const SESSION_LIFE_S: f64 = 259_200.0;
/// Seconds that a guest's JWT lives.
const JWT_LIFE_S: f64 = 900.0;
/// Seconds that a refresh token lives: a day, the integration's default.
const REFRESH_TOKEN_LIFE_S: f64 = 86_400.0;
/// Seconds that the JWT for the history lives.
const HISTORY_JWT_LIFE_S: f64 = 60.0;
/// Seconds that an authorization code lives: RFC 6749 §4.1.2 wants at most ten minutes.
const CODE_LIFE_S: f64 = 600.0;
/// Bytes of a text; a longer one is refused with 4011.
const MAX_TEXT_BYTES: usize = 4096;
/// Bytes of custom attributes; more are refused with 4013.
const MAX_CUSTOM_DATA_BYTES: usize = 2048;

/// How web messaging behaves when nothing is scripted. In JSON the names are in camel case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MessagingSettings {
    /// Seconds that a session lives after its last message.
    pub session_seconds: f64,
    /// Seconds that a guest's JWT lives.
    pub jwt_seconds: f64,
    /// Seconds that a refresh token lives.
    pub refresh_token_seconds: f64,
    /// Seconds that the JWT of `getJwt` lives.
    pub history_jwt_seconds: f64,
    /// Seconds that an authorization code lives.
    pub code_seconds: f64,
    /// The claims of a guest's JWT, of `exp`, `iat`, `sub` and `deploymentId`.
    pub jwt_claims: Vec<Claim>,
    /// Bytes of a text.
    pub max_text_bytes: usize,
    /// Bytes of custom attributes.
    pub max_custom_data_bytes: usize,
    /// How custom attributes are counted.
    pub attribute_count: AttributeCount,
    /// The rates of Genesys Cloud's limits page.
    pub limits: MessagingLimits,
    /// Whether a session's token must be a UUID.
    pub uuid_tokens: bool,

    /// The message that follows a Join; `None` for none.
    pub welcome: Option<String>,
    /// The message that follows each text of a guest, `{text}` standing for it; `None` for none.
    pub auto_reply: Option<String>,

    /// The statuses of refused handshakes.
    pub handshake: HandshakeStatuses,
    /// The code of the close frame that follows a closing event; `None` leaves it to the client to close.
    pub close_code: Option<u16>,
    /// Seconds without a frame from the client after which the connection is closed.
    pub idle_seconds: Option<f64>,
    /// Seconds after which a connection is closed, whatever it does.
    pub max_age_seconds: Option<f64>,
    /// Bytes of one frame of a client; a longer one ends the connection.
    pub max_frame_bytes: Option<usize>,
    /// Seconds between pings to the client.
    pub ping_seconds: Option<f64>,

    /// The answer to an anonymous configure on a deployment that wants guests to sign in.
    pub anonymous: InBand,
    /// The answer to a token that belongs to another deployment.
    pub foreign_token: InBand,
    /// The shape of the answer to too many configures.
    pub configure_rate: RateShape,
    /// The member of `ConnectionClosedEvent` that says why.
    pub closed_member: ClosedMember,

    /// The answer to a code or ID token that is spent, foreign or malformed.
    pub sign_in: RestRefusal,
    /// Seconds in which the same code may be exchanged again, with the same result; `None` for a single use.
    pub code_reuse_seconds: Option<f64>,
    /// Whether a second exchange of a subject ends its first JWT.
    pub exchange_ends_jwt: bool,
    /// Whether a refresh must name the deployment.
    pub refresh_needs_deployment: bool,
    /// The answer to the revocation of a JWT that has ended.
    pub revoke_ended: RestRefusal,
}

impl Default for MessagingSettings {
    fn default() -> Self {
        Self {
            session_seconds: SESSION_LIFE_S,
            jwt_seconds: JWT_LIFE_S,
            refresh_token_seconds: REFRESH_TOKEN_LIFE_S,
            history_jwt_seconds: HISTORY_JWT_LIFE_S,
            code_seconds: CODE_LIFE_S,
            jwt_claims: vec![Claim::Exp, Claim::Iat, Claim::Sub, Claim::DeploymentId],
            max_text_bytes: MAX_TEXT_BYTES,
            max_custom_data_bytes: MAX_CUSTOM_DATA_BYTES,
            attribute_count: AttributeCount::KeysAndValues,
            limits: MessagingLimits::default(),
            uuid_tokens: false,
            welcome: Some("Welcome! How can we help?".into()),
            auto_reply: Some("You said: {text}".into()),
            handshake: HandshakeStatuses::default(),
            close_code: Some(1000),
            idle_seconds: None,
            max_age_seconds: None,
            max_frame_bytes: None,
            ping_seconds: None,
            anonymous: InBand::new(401, "User is unauthorized"),
            foreign_token: InBand::new(400, "Request failed."),
            configure_rate: RateShape::TooManyRequests,
            closed_member: ClosedMember::Reason,
            sign_in: RestRefusal::new(401, "bad.credentials"),
            code_reuse_seconds: None,
            exchange_ends_jwt: false,
            refresh_needs_deployment: false,
            revoke_ended: RestRefusal::new(400, "credentials.expired"),
        }
    }
}

/// A claim of a guest's JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Claim {
    /// When it ends, in seconds since 1970.
    Exp,
    /// When it was issued, in seconds since 1970.
    Iat,
    /// The subject.
    Sub,
    /// The deployment.
    DeploymentId,
}

/// How custom attributes are counted, in bytes of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttributeCount {
    /// Keys and values.
    KeysAndValues,
    /// The JSON text.
    Json,
}

/// The shape of an in-band rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateShape {
    /// `TooManyRequestsErrorMessage` with `retryAfter`.
    TooManyRequests,
    /// `ErrorMessage` with the code 4029.
    Error,
    /// A text with the code 429.
    Text,
}

/// The member of `ConnectionClosedEvent` that says why: the clients read different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClosedMember {
    /// `reason`
    Reason,
    /// `reasonCode`
    ReasonCode,
}

impl ClosedMember {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::ReasonCode => "reasonCode",
        }
    }
}

/// The statuses of refused handshakes, by cause.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HandshakeStatuses {
    /// The deployment is missing, malformed or unknown.
    pub deployment: u16,
    /// The deployment is not active.
    pub inactive: u16,
    /// The origin is not among the deployment's domains.
    pub origin: u16,
    /// Too many connections to the deployment.
    pub rate: u16,
}

impl Default for HandshakeStatuses {
    fn default() -> Self {
        Self { deployment: 403, inactive: 403, origin: 403, rate: 429 }
    }
}

/// A refusal on the socket: a text with a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InBand {
    /// The code of the envelope.
    pub code: u16,
    /// The body.
    pub text: String,
}

impl InBand {
    /// A refusal with this code and text.
    #[must_use]
    pub fn new(code: u16, text: &str) -> Self {
        Self { code, text: text.into() }
    }
}

/// A refusal of the REST API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestRefusal {
    /// The status.
    pub status: u16,
    /// The `code` of the error body.
    pub code: String,
}

impl RestRefusal {
    /// A refusal with this status and code.
    #[must_use]
    pub fn new(status: u16, code: &str) -> Self {
        Self { status, code: code.into() }
    }
}
