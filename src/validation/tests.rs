//! What passes, what does not, and in which words.

use super::*;

fn field(given: Given) -> Field {
    Field { present: !matches!(given, Given::Undefined), given }
}

fn good() -> Candidate {
    Candidate {
        email: field(Given::Text("jane@example.com".into())),
        consent: field(Given::Boolean(true)),
        channel_id: field(Given::Text("web".into())),
        name: field(Given::Undefined),
        attributes: field(Given::Undefined),
    }
}

fn issues(candidate: Candidate) -> String {
    validate(candidate).unwrap_err().issues.to_json()
}

fn other(received: &str, length: Option<(bool, f64)>) -> Given {
    Given::Other { received: Some(received.into()), length: length.map(|(array, value)| Length { array, value }) }
}

#[test]
fn a_good_payload_passes() {
    let request = validate(Candidate { name: field(Given::Text("é".repeat(100).as_str().into())), ..good() }).unwrap();
    assert_eq!((request.email.as_str(), request.channel_id.as_str()), ("jane@example.com", "web"));
    assert_eq!(request.name.unwrap().code_points(), 100);
}

#[test]
fn all_issues_come_at_once_in_schema_order() {
    let text = issues(Candidate {
        email: field(Given::Text("jane".into())),
        consent: field(Given::Boolean(false)),
        channel_id: field(Given::Text("".into())),
        name: field(Given::Text("😀".repeat(101).as_str().into())),
        attributes: field(other("null", None)),
    });
    assert_eq!(
        text,
        concat!(
            r#"[{"origin":"string","code":"invalid_format","format":"email","#,
            r#""pattern":"/^(?:[A-Za-z0-9_'+\\-]+\\.)*[A-Za-z0-9_'+\\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$/","#,
            r#""path":["email"],"message":"Valid email address required for privacy compliance"},"#,
            r#"{"code":"custom","path":["consent"],"#,
            r#""message":"Explicit opt-in consent is mandatory under privacy policy constraints"},"#,
            r#"{"origin":"string","code":"too_small","minimum":1,"inclusive":true,"path":["channelId"],"#,
            r#""message":"Channel identifier cannot be empty"},"#,
            r#"{"origin":"string","code":"too_big","maximum":100,"inclusive":true,"path":["name"],"#,
            r#""message":"Too big: expected string to have <=100 characters"},"#,
            r#"{"expected":"record","code":"invalid_type","path":["attributes"],"#,
            r#""message":"Invalid input: expected record, received null"}]"#,
        )
    );
}

#[test]
fn what_has_a_length_is_measured_although_it_is_no_string() {
    for (value, short) in [(0.0, true), (1.0, false), (f64::NAN, true)] {
        let text = issues(Candidate { channel_id: field(other("array", Some((true, value)))), ..good() });
        assert_eq!(text.contains(r#""origin":"array","code":"too_small""#), short, "{value}");
    }
    let text = issues(Candidate { name: field(other("function", Some((false, 101.0)))), ..good() });
    assert!(text.contains("Too big: expected unknown to be <=100"), "{text}");
}

#[test]
fn a_key_that_is_denied_is_absent() {
    let absent = |given| Field { given, present: false };
    let text = issues(Candidate { consent: absent(Given::Boolean(true)), ..good() });
    assert!(text.starts_with(r#"[{"code":"invalid_type","expected":"nonoptional","path":["consent"]"#), "{text}");
    let request = validate(Candidate {
        name: absent(Given::Text("x".into())),
        attributes: absent(other("array", None)),
        ..good()
    });
    assert!(request.unwrap().name.is_none());
}

#[test]
fn the_message_is_indented_json() {
    let error = Refusal::not_an_object(Some("null".into())).to_error();
    assert_eq!(
        error.details().message,
        "[\n  {\n    \"expected\": \"object\",\n    \"code\": \"invalid_type\",\n    \"path\": [],\n    \"message\": \"Invalid input: expected object, received null\"\n  }\n]"
    );
    assert!(error.details().issues.is_some());
}

#[test]
fn a_refusal_remembers_who_it_was() {
    let refusal = validate(Candidate { email: field(Given::Text("jane".into())), ..good() }).unwrap_err();
    assert_eq!(refusal.email.unwrap().as_str(), "jane");
    assert_eq!((refusal.consent, refusal.channel_id.unwrap().as_str()), (true, "web"));
}

#[test]
fn each_symbol_key_is_an_issue() {
    let issues = validate(Candidate { attributes: field(Given::Record { symbols: 2 }), ..good() }).unwrap_err().issues;
    assert_eq!(issues.as_slice().len(), 2);
    assert!(issues.to_json().contains(r#""path":["attributes",null],"message":"Invalid key in record""#));
}
