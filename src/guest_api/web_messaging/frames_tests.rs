use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TRACED: &str = "0b6f3d0e-0000-4000-8000-000000000001";

fn with_speaker<T>(work: impl FnOnce(&Speaker<'_>) -> T) -> T {
    let token = Secret::new("tok\"en");
    work(&Speaker { token: &token, deployment_id: "d-1", tracing_id: TRACED })
}

fn read_value(frame: &Value) -> Frame {
    with_speaker(|speaker| speaker.read(&frame.to_string()))
}

fn written(write: impl FnOnce(&Speaker<'_>) -> Secret) -> Value {
    serde_json::from_str(with_speaker(write).expose()).unwrap()
}

fn refused(code: u16, text: &str, retry_after: Option<u64>) -> Frame {
    Frame::Refused(FrameError { code, text: text.into(), retry_after: retry_after.map(Duration::from_secs) })
}

#[test]
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone has too short a lifetime")]
fn frames_are_written_as_genesys_clients_write_them() {
    assert_eq!(
        written(|speaker| speaker.configure(None, false)),
        json!({"action": "configureSession", "token": "tok\"en", "tracingId": TRACED, "deploymentId": "d-1", "startNew": false})
    );
    assert_eq!(
        written(|speaker| speaker.configure(Some(&Secret::new("j.w.t")), true)),
        json!({"action": "configureAuthenticatedSession", "token": "tok\"en", "tracingId": TRACED, "deploymentId": "d-1",
            "startNew": true, "data": {"code": "j.w.t"}})
    );
    let join = |channel: Value| {
        let mut message = json!({"type": "Event", "events": [{"eventType": "Presence", "presence": {"type": "Join"}}]});
        if !channel.is_null() {
            message["channel"] = channel;
        }
        json!({"action": "onMessage", "token": "tok\"en", "tracingId": TRACED, "message": message})
    };
    assert_eq!(written(|speaker| speaker.join("{}")), join(Value::Null));
    assert_eq!(
        written(|speaker| speaker.join(r#"{"tier":"gold"}"#)),
        join(json!({"metadata": {"customAttributes": {"tier": "gold"}}}))
    );
    assert_eq!(
        written(|speaker| speaker.close_session()),
        json!({"action": "closeSession", "token": "tok\"en", "tracingId": TRACED, "closeAllConnections": true})
    );
}

#[test]
fn a_session_is_read_whatever_is_left_out_of_it() {
    let session = |body: Value| json!({"type": "response", "class": "SessionResponse", "code": 200, "body": body, "tracingId": TRACED});
    let whole = session(json!({"connected": true, "newSession": true, "readOnly": false, "maxCustomDataBytes": 2048,
        "durationSeconds": 259_200, "expirationDate": 1_790_000_000, "allowedMedia": {}}));
    let expected = Session {
        is_connected: true,
        is_new: true,
        is_read_only: false,
        ends_at: Some(1_790_000_000.0),
        life: Some(Duration::from_secs(259_200)),
        max_attribute_bytes: Some(2048),
    };
    assert_eq!(read_value(&whole), Frame::Session(expected.clone()));
    let in_strings = session(json!({"connected": "true", "newSession": "true", "maxCustomDataBytes": "2048",
        "durationSeconds": "259200", "expirationDate": "1790000000000"}));
    assert_eq!(read_value(&in_strings), Frame::Session(expected));
    let least = Frame::Session(Session {
        is_connected: true,
        is_new: false,
        is_read_only: false,
        ends_at: None,
        life: None,
        max_attribute_bytes: None,
    });
    assert_eq!(read_value(&session(json!({"connected": true}))), least);
    let mut untraced = session(json!({"connected": true, "durationSeconds": -1, "expirationDate": 0}));
    untraced.as_object_mut().unwrap().remove("tracingId");
    assert_eq!(read_value(&untraced), least);
}

#[test]
fn errors_are_read_in_all_their_forms() {
    let frame = |class: &str, code: Value, body: Value| {
        read_value(&json!({"type": "response", "class": class, "code": code, "body": body, "tracingId": TRACED}))
    };
    assert_eq!(frame("string", json!(401), json!("User is unauthorized")), refused(401, "User is unauthorized", None));
    assert_eq!(frame("string", json!("4011"), json!("too long")), refused(4011, "too long", None));
    let limited = json!({"retryAfter": 3, "errorCode": 4029, "errorMessage": "slow down"});
    assert_eq!(frame("TooManyRequestsErrorMessage", json!(429), limited.clone()), refused(429, "slow down", Some(3)));
    assert_eq!(frame("TooManyRequestsErrorMessage", Value::Null, limited), refused(429, "slow down", Some(3)));
    let missing = json!({"errorCode": "4020", "errorMessage": "token is missing"});
    assert_eq!(frame("ErrorMessage", json!(400), missing), refused(4020, "token is missing", None));
    assert_eq!(frame("string", json!(1e300), Value::Null), refused(UNKNOWN_CODE, "", None));
    assert_eq!(frame("new", json!(-1), json!({"errorCode": 7})), refused(UNKNOWN_CODE, "", None));
}

#[test]
fn what_belongs_to_somebody_else_is_passed_over() {
    let answer = |class: &str, traced: Value| json!({"type": "response", "class": class, "code": 200, "body": {"connected": true}, "tracingId": traced});
    assert_eq!(read_value(&answer("SessionResponse", json!("another"))), Frame::Other);
    assert_eq!(read_value(&answer("StructuredMessage", json!("another"))), Frame::Other);
    assert_eq!(read_value(&answer("StructuredMessage", json!(TRACED))), Frame::Taken);
    assert_eq!(read_value(&answer("JwtResponse", json!(TRACED))), Frame::Other);
    let pushed = json!({"type": "message", "class": "string", "code": 500, "body": "about something else"});
    assert_eq!(read_value(&pushed), Frame::Other);
    for text in ["", "null", "[]", "{", "{}", r#"{"class":1}"#, r#"{"class":"SessionResponse","body":[]}"#] {
        assert_eq!(with_speaker(|speaker| speaker.read(text)), Frame::Other, "{text}");
    }
}

#[test]
fn what_ends_a_session_is_heard_whoever_caused_it() {
    for class in ["SessionExpiredEvent", "ConnectionClosedEvent", "LogoutEvent"] {
        for kind in ["message", "response"] {
            let frame = json!({"type": kind, "class": class, "code": 200, "body": {}, "tracingId": "another"});
            assert_eq!(read_value(&frame), Frame::Ended(class));
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!(TRACED)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z]{0,14}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_is_more_than_passed_over(text in "\\PC{0,200}") {
        prop_assert_eq!(with_speaker(|speaker| speaker.read(&text)), Frame::Other);
    }

    #[test]
    fn no_frame_of_known_names_and_odd_values_breaks_anything(
        class in prop_oneof![
            Just("SessionResponse"), Just("string"), Just("ErrorMessage"), Just("TooManyRequestsErrorMessage"),
            Just("StructuredMessage"), Just("LogoutEvent"),
        ],
        code in any_value(), body in any_value(), expires in any_value(), wait in any_value(), traced in any_value(),
    ) {
        let bodies = [body, json!({"connected": true, "expirationDate": expires, "durationSeconds": wait,
            "maxCustomDataBytes": code, "retryAfter": wait, "errorCode": expires, "errorMessage": code})];
        for body in bodies {
            let frame = json!({"type": "response", "class": class, "code": code, "body": body, "tracingId": traced});
            if let Frame::Refused(refusal) = read_value(&frame) {
                prop_assert!(refusal.code >= 100 && refusal.text.chars().count() <= MAX_TEXT_CHARS);
            }
        }
    }

    #[test]
    fn credentials_and_attributes_are_written_as_they_are(token in "\\PC{1,40}", jwt in "\\PC{1,40}", value in "\\PC{0,40}") {
        let token = Secret::new(token);
        let speaker = Speaker { token: &token, deployment_id: "d", tracing_id: TRACED };
        let frame: Value = serde_json::from_str(speaker.configure(Some(&Secret::new(jwt.clone())), false).expose()).unwrap();
        prop_assert_eq!((frame["token"].as_str(), frame["data"]["code"].as_str()), (Some(token.expose()), Some(&*jwt)));
        let attributes = json!({"key": value}).to_string();
        let frame: Value = serde_json::from_str(speaker.join(&attributes).expose()).unwrap();
        prop_assert_eq!(frame["message"]["channel"]["metadata"]["customAttributes"]["key"].as_str(), Some(&*value));
    }
}
