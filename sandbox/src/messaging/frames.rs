//! Frames: what a client's text says, and the envelopes that answer it.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::settings::InBand;

/// A client's frame: a JSON object. Order, white space and unknown members do not matter.
#[derive(Debug)]
pub(super) struct Incoming(Map<String, Value>);

impl Incoming {
    /// Reads a text; nothing when it is no JSON object.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The text of a member; nothing when it is absent, empty or no text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn tracing_id(&self) -> Option<&str> {
        self.text("tracingId")
    }

    /// The custom attributes, which clients put inside the message or beside it; inside wins.
    pub(super) fn custom_attributes(&self) -> Option<&Value> {
        let inside = self.0.get("message").and_then(|message| message.pointer("/channel/metadata/customAttributes"));
        inside.or_else(|| self.0.get("channel")?.pointer("/metadata/customAttributes"))
    }
}

/// What the server sends.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Envelope {
    #[serde(rename = "type")]
    kind: &'static str,
    pub(super) class: String,
    code: u16,
    body: Value,
    #[serde(rename = "tracingId", skip_serializing_if = "Option::is_none")]
    tracing_id: Option<String>,
}

impl Envelope {
    /// The answer to a frame.
    pub(super) fn response(class: &str, body: Value, cause: &Incoming) -> Self {
        Self::new("response", class, body).traced(cause)
    }

    /// What nobody asked for.
    pub(super) fn push(class: &str, body: Value) -> Self {
        Self::new("message", class, body)
    }

    fn new(kind: &'static str, class: &str, body: Value) -> Self {
        Self { kind, class: class.into(), code: 200, body, tracing_id: None }
    }

    /// A frame that comes from this one of the client.
    pub(super) fn traced(self, cause: &Incoming) -> Self {
        Self { tracing_id: cause.tracing_id().map(Into::into), ..self }
    }

    pub(super) fn refusal(refusal: Refusal, cause: Option<&Incoming>) -> Self {
        let tracing_id = cause.and_then(Incoming::tracing_id).map(Into::into);
        Self { kind: "response", class: refusal.class, code: refusal.code, body: refusal.body, tracing_id }
    }

    pub(super) fn text(&self) -> String {
        // Strings for keys, and no value that can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Why a frame is refused. The connection stays.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) class: String,
    pub(super) code: u16,
    pub(super) body: Value,
}

impl Refusal {
    /// A text with a code.
    pub(super) fn text(code: u16, text: impl Into<String>) -> Self {
        Self { class: "string".into(), code, body: Value::String(text.into()) }
    }

    /// 400 with the stock text.
    pub(super) fn bad_request() -> Self {
        Self::text(400, "Request failed.")
    }

    /// 401: the JWT is none, or is none any more.
    pub(super) fn unauthorized() -> Self {
        Self::text(401, "User is unauthorized")
    }

    /// An `ErrorMessage` with a code of its own.
    pub(super) fn error(error_code: u16, message: &str) -> Self {
        let body = json!({ "errorCode": error_code, "errorMessage": message });
        Self { class: "ErrorMessage".into(), code: 400, body }
    }

    /// 4020: a member is missing.
    pub(super) fn missing(member: &str) -> Self {
        Self::error(4020, &format!("{member} is missing"))
    }

    /// 429 with the seconds to wait.
    pub(super) fn too_many_requests(retry_after: u64, message: &str) -> Self {
        let body = json!({ "retryAfter": retry_after, "errorCode": 4029, "errorMessage": message });
        Self { class: "TooManyRequestsErrorMessage".into(), code: 429, body }
    }
}

impl From<&InBand> for Refusal {
    fn from(refusal: &InBand) -> Self {
        Self::text(refusal.code, refusal.text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whatever_order_and_places_clients_have() {
        let inside =
            r#"{"message":{"channel":{"metadata":{"customAttributes":{"a":"1"}}}},"x":1,"tracingId":"T","action":"a"}"#;
        let frame = Incoming::read(inside).unwrap();
        assert_eq!((frame.text("action"), frame.tracing_id(), frame.text("token")), (Some("a"), Some("T"), None));
        assert_eq!(frame.custom_attributes(), Some(&json!({ "a": "1" })));
        let beside = r#"{"message":{},"channel":{"metadata":{"customAttributes":{"a":"2"}}},"token":""}"#;
        let frame = Incoming::read(beside).unwrap();
        assert_eq!((frame.custom_attributes(), frame.text("token")), (Some(&json!({ "a": "2" })), None));
        for other in ["", "[]", "\"a\"", "{", "null"] {
            assert!(Incoming::read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn writes_envelopes_in_the_order_of_the_real_ones() {
        let cause = Incoming::read(r#"{"tracingId":"X"}"#).unwrap();
        let text = Envelope::response("SessionResponse", json!({ "connected": true }), &cause).text();
        let wanted =
            r#"{"type":"response","class":"SessionResponse","code":200,"body":{"connected":true},"tracingId":"X"}"#;
        assert_eq!(text, wanted);
        let text = Envelope::push("LogoutEvent", json!({})).text();
        assert_eq!(text, r#"{"type":"message","class":"LogoutEvent","code":200,"body":{}}"#);
        let text = Envelope::refusal(Refusal::unauthorized(), None).text();
        assert_eq!(text, r#"{"type":"response","class":"string","code":401,"body":"User is unauthorized"}"#);
    }
}
