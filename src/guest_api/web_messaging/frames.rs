//! The frames of a web messaging session: JSON objects, one in each text message. What is written is what Genesys' own
//! clients write; what is read may have its members in any order, beside others, and its numbers as strings.

use std::time::Duration;

use crate::json::{Members, quote};
use crate::secret::Secret;

/// In-band code of a refusal that has none of its own.
const UNKNOWN_CODE: u16 = 500;

/// As much of a refusal's text as is kept.
const MAX_TEXT_CHARS: usize = 1024;

/// The same error as 429, with Genesys' own number.
const RATE_LIMITED: u16 = 4029;

/// Beyond the year 5138 in seconds, and before 1974 in milliseconds: what is larger counts milliseconds.
const MOST_EPOCH_SECONDS: f64 = 1e11;

/// Whom the frames of a socket speak for.
pub(super) struct Speaker<'a> {
    /// The guest's identity.
    pub(super) token: &'a Secret,
    /// The deployment.
    pub(super) deployment_id: &'a str,
    /// In every frame, and in the answers to them.
    pub(super) tracing_id: &'a str,
}

impl Speaker<'_> {
    /// Starts the session of the token, or resumes it; with a JWT as the guest who signed in. `start_new` leaves an older
    /// session of the token behind.
    pub(super) fn configure(&self, jwt: Option<&Secret>, start_new: bool) -> Secret {
        let (action, data) = match jwt {
            Some(jwt) => ("configureAuthenticatedSession", format!(",\"data\":{{\"code\":{}}}", quote(jwt.expose()))),
            None => ("configureSession", String::new()),
        };
        self.frame(action, &format!(",\"deploymentId\":{},\"startNew\":{start_new}{data}", quote(self.deployment_id)))
    }

    /// Starts a conversation. `attributes` is a JSON object of strings.
    pub(super) fn join(&self, attributes: &str) -> Secret {
        let channel = match attributes {
            "{}" => String::new(),
            some => format!(",\"channel\":{{\"metadata\":{{\"customAttributes\":{some}}}}}"),
        };
        let events = r#"[{"eventType":"Presence","presence":{"type":"Join"}}]"#;
        self.frame("onMessage", &format!(",\"message\":{{\"type\":\"Event\",\"events\":{events}{channel}}}"))
    }

    /// Ends a session that can only be read, so that another one may begin.
    pub(super) fn close_session(&self) -> Secret {
        self.frame("closeSession", ",\"closeAllConnections\":true")
    }

    fn frame(&self, action: &str, rest: &str) -> Secret {
        let (token, tracing_id) = (quote(self.token.expose()), quote(self.tracing_id));
        Secret::new(format!("{{\"action\":\"{action}\",\"token\":{token},\"tracingId\":{tracing_id}{rest}}}"))
    }

    /// What a text message from the server means to this speaker.
    pub(super) fn read(&self, text: &str) -> Frame {
        read(text, self.tracing_id).unwrap_or(Frame::Other)
    }
}

/// A frame from the server, as far as a guest who comes in has to do with it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// `SessionResponse`
    Session(Session),
    /// An error that answers one of our frames.
    Refused(FrameError),
    /// A push that ends the session for this socket: `SessionExpiredEvent`, `ConnectionClosedEvent`, `LogoutEvent`.
    Ended(&'static str),
    /// Our own message or event, taken and sent back.
    Taken,
    /// Everything else; it is passed over.
    Other,
}

/// The session of a token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Session {
    /// `false` answers `closeSession`.
    pub(super) is_connected: bool,
    /// Whether the token had none before.
    pub(super) is_new: bool,
    /// Whether nothing can be said in it any more.
    pub(super) is_read_only: bool,
    /// When it ends, in seconds since 1970, by the server's clock.
    pub(super) ends_at: Option<f64>,
    /// How long a session lives.
    pub(super) life: Option<Duration>,
    /// The most that custom attributes may have, in bytes.
    pub(super) max_attribute_bytes: Option<usize>,
}

/// An error in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameError {
    /// The most telling one of the frame's codes: 401, or one of Genesys' own such as 4017.
    pub(super) code: u16,
    pub(super) text: String,
    pub(super) retry_after: Option<Duration>,
}

fn read(text: &str, tracing_id: &str) -> Option<Frame> {
    let frame = Members::parse(text)?;
    let class = frame.string("class")?;
    for ended in ["SessionExpiredEvent", "ConnectionClosedEvent", "LogoutEvent"] {
        if class == ended {
            return Some(Frame::Ended(ended));
        }
    }
    let traced = frame.string("tracingId");
    if traced.as_deref().is_some_and(|traced| traced != tracing_id) {
        return None;
    }
    let code = frame.number("code");
    let is_error = code.is_some_and(|code| !(200.0..300.0).contains(&code));
    if is_error || matches!(&*class, "TooManyRequestsErrorMessage" | "ErrorMessage") {
        // Errors that nobody asked for are pushes about something else.
        let is_push = traced.is_none() && frame.string("type").is_some_and(|kind| kind == "message");
        return (!is_push).then(|| Frame::Refused(refusal(&frame, code)));
    }
    match &*class {
        "SessionResponse" => Some(Frame::Session(session(frame.get("body")?.get())?)),
        "StructuredMessage" if traced.is_some() => Some(Frame::Taken),
        _ => None,
    }
}

fn session(body: &str) -> Option<Session> {
    let body = Members::parse(body)?;
    let flag = |name| body.get(name).is_some_and(|value| matches!(value.get(), "true" | "\"true\""));
    let positive = |name| body.number(name).filter(|number| *number > 0.0);
    let ends_at = positive("expirationDate");
    Some(Session {
        is_connected: flag("connected"),
        is_new: flag("newSession"),
        is_read_only: flag("readOnly"),
        ends_at: ends_at.map(|end| if end > MOST_EPOCH_SECONDS { end / 1000.0 } else { end }),
        life: positive("durationSeconds").and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        max_attribute_bytes: positive("maxCustomDataBytes").map(|most| most as usize),
    })
}

fn refusal(frame: &Members<'_>, code: Option<f64>) -> FrameError {
    let body = frame.get("body").map_or("null", serde_json::value::RawValue::get);
    let inner = Members::parse(body);
    let own = inner.as_ref().and_then(|body| body.number("errorCode")).filter(|own| (4000.0..=5000.0).contains(own));
    let outer = code.filter(|code| (100.0..=f64::from(u16::MAX)).contains(code));
    let code = own.or(outer).map_or(UNKNOWN_CODE, |code| code as u16);
    let text = match &inner {
        Some(body) => body.string("errorMessage").map(std::borrow::Cow::into_owned),
        None => frame.string("body").map(std::borrow::Cow::into_owned),
    };
    let wait = inner.as_ref().and_then(|body| body.number("retryAfter")).filter(|wait| *wait >= 0.0);
    FrameError {
        code: if code == RATE_LIMITED { 429 } else { code },
        text: text.unwrap_or_default().chars().take(MAX_TEXT_CHARS).collect(),
        retry_after: wait.and_then(|wait| Duration::try_from_secs_f64(wait).ok()),
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
