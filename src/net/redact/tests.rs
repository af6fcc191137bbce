use proptest::prelude::*;

use super::bounds::steps;
use super::spans::REPLACEMENT;
use super::*;

#[test]
fn credentials_are_taken_out_by_name() {
    let shown =
        body(r#"{"message":"no","refresh_token":"r-1","nested":[{"accessToken":"a"}],"token":null}"#, &[], false);
    assert_eq!(
        shown.as_text(),
        r#"{"message":"no","refresh_token":"[redacted]","nested":[{"accessToken":"[redacted]"}],"token":null}"#
    );
}

#[test]
fn known_secrets_are_taken_out_wherever_they_stand() {
    let secret = Secret::new("s3cr&t/value");
    let shown = body("you sent client_secret=s3cr%26t%2Fvalue and s3cr&t/value", &[&secret], false);
    assert_eq!(shown.as_text(), "you sent client_secret=[redacted] and [redacted]");
}

#[test]
fn foreign_bearer_tokens_are_taken_out_but_prose_stays() {
    let shown = body("Authorization: Bearer abcdefghijklmnopqrst; bearer token missing", &[], false);
    assert_eq!(shown.as_text(), "Authorization: Bearer [redacted]; bearer token missing");
}

#[test]
fn what_is_named_a_credential_is_taken_out_of_text_too() {
    for (text, shown) in [
        (r#"{"guestId":"g","token":"abc.def","refreshTok"#, r#"{"guestId":"g","token":"[redacted]","refreshTok"#),
        ("access_token=xyz&token_type=bearer", "access_token=[redacted]&token_type=bearer"),
        ("Client_Secret: s3 rest", "Client_Secret: [redacted] rest"),
        ("the token is missing", "the token is missing"),
        ("token=", "token="),
    ] {
        assert_eq!(body(text, &[], false).as_text(), shown);
    }
}

#[test]
fn a_success_that_is_not_json_is_not_shown() {
    assert_eq!(body("<token>abc</token>", &[], true).as_text(), "[18 bytes that are not JSON]");
    assert_eq!(body(r#"{"token":"abc"}"#, &[], true).as_text(), r#"{"token":"[redacted]"}"#);
}

#[test]
fn every_encoding_of_a_known_secret_is_found() {
    let secret = Secret::new("a&b-c/d é");
    for echoed in
        ["a&b-c\\/d é", "a%26b-c%2Fd%20%C3%A9", "a%26b-c%2fd%20%c3%a9", "a%26b-c%2Fd+%C3%A9", "a%26b%2Dc%2Fd%20%C3%A9"]
    {
        assert_eq!(body(echoed, &[&secret], false).as_text(), REPLACEMENT, "{echoed}");
    }
    assert_eq!(body(r#"{"x=a&b-c/d é":""}"#, &[&secret], false).as_text(), r#"{"x=[redacted]":""}"#);
}

#[test]
fn text_is_quoted_where_json_is_asked_for() {
    assert_eq!(body("not \"found\"", &[], false).as_json(), r#""not \"found\"""#);
    assert_eq!(body(r#"{ "a" : 1 }"#, &[], false).as_json(), r#"{"a":1}"#);
}

#[test]
fn long_bodies_are_cut_between_characters() {
    let shown = body(&"é".repeat(5000), &[], false);
    assert_eq!(shown.as_text().len(), MAX_SHOWN_BYTES);
}

#[test]
fn of_a_successful_answer_only_names_are_shown() {
    for (text, shown) in [
        (r#"{"guestId":"g","t":"abc.def","n":1234}"#, r#"{"guestId":"[redacted]","t":"[redacted]","n":"[redacted]"}"#),
        (
            r#"{"data":{"jwt":{"v":"abc"},"ok":true},"next":null}"#,
            r#"{"data":{"jwt":"[redacted]","ok":"[redacted]"},"next":null}"#,
        ),
        (r#"[{"a":1},"abc",[]]"#, r#"[{"a":"[redacted]"},"[redacted]",[]]"#),
        (r#""abc.def""#, r#""[redacted]""#),
        (
            r#"{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmVk":1,"<x>":2}"#,
            r#"{"[redacted]":"[redacted]","[redacted]":"[redacted]"}"#,
        ),
    ] {
        assert_eq!(body(text, &[], true).as_text(), shown);
    }
}

#[test]
fn a_credential_that_begins_in_what_is_shown_and_ends_behind_it_is_found() {
    let secret = Secret::new("s3cr&t/with \"é\" and much more of it");
    let quoted = crate::json::quote(secret.expose());
    let url: String = url::form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
    for written in [secret.expose(), &url, &quoted[1..quoted.len() - 1], "bearer abcdefghijklmnop", "token=s3cr"] {
        let escaped = crate::json::quote(written);
        for before in MAX_SHOWN_BYTES - 2 * written.len()..=MAX_SHOWN_BYTES {
            let filler = "x".repeat(before);
            for text in [
                format!("{filler}{written} {filler}"),
                format!("{{\"a\":\"{filler}\",\"b\":{escaped},\"c\":\"{filler}\"}}"),
                format!("{{\"a\":\"{filler}\",{escaped}:1,\"c\":\"{filler}\"}}"),
                format!("[\"{filler}{} {filler}\"]", &escaped[1..escaped.len() - 1]),
            ] {
                let shown = body(&text, &[&secret], false).as_text();
                assert!(!["s3cr", "abcd"].iter().any(|leak| shown.contains(leak)), "{before}: {}", &shown[before..]);
                assert!(shown.len() <= MAX_SHOWN_BYTES);
            }
        }
    }
}

#[test]
fn nothing_of_a_credential_longer_than_any_text_is_shown() {
    let secret = Secret::new("s3cr&t/".repeat(3 * MAX_SHOWN_BYTES / 7));
    for text in [format!("no: {} rest", secret.expose()), format!("{{\"no\":\"{}\"}}", secret.expose())] {
        let shown = body(&text, &[&secret], false).as_text();
        assert!(shown.contains(REPLACEMENT) && !shown.contains("s3cr"), "{shown}");
    }
}

#[test]
fn names_within_a_credential_hide_nothing_less() {
    for (text, shown) in [
        ("secretoken=abc", "secretoken=[redacted]"),
        ("token: bearer abcdefghijklmnopqrst", "token: [redacted] [redacted]"),
        ("token=a=token=b&x", "token=[redacted]&x"),
    ] {
        assert_eq!(body(text, &[], false).as_text(), shown);
    }
}

const MAX_ANSWER: usize = crate::net::exchange::MAX_ANSWER_BYTES;

/// Bodies of this many bytes, each made to cost as much as it can.
fn hostile(length: usize) -> Vec<String> {
    let repeated = |unit: &str| unit.repeat(length / unit.len());
    let within = |open: &str, unit: &str, close: &str| {
        format!("{open}{}{close}", unit.repeat((length - open.len() - close.len()) / unit.len()))
    };
    let mut bodies: Vec<String> = [
        "token ",
        "token",
        "token=",
        "token=\\",
        "token: \" ",
        "api_key\"'\\ ",
        "bearer ",
        "bearer abcdefghijklmnop ",
        "aaaa",
        "aaaaaaaab",
        "b",
        " ",
        "\"",
        "\\",
        "é",
        "[",
        "{\"a\":",
        "\u{1}",
    ]
    .map(repeated)
    .into();
    for (open, unit, close) in [
        ("[", "1,", "1]"),
        ("[", "[],", "1]"),
        ("[", "{},", "1]"),
        ("[", "\"token=\",", "1]"),
        ("{", "\"\":0,", "\"b\":1}"),
        ("{", "\"\\u0061\":0,", "\"b\":1}"),
        ("{", "\"token\":0,", "\"b\":1}"),
        ("{\"token\":[", "[],", "1]}"),
        ("\"", "token=", "\""),
        ("\"", "\\n", "\""),
        ("{\"", "token=", "\":1}"),
        ("[", "null,", "}"),
        ("", " ", "{}"),
        ("{\"token\":", "[", "1"),
        ("", "9", "9"),
    ] {
        bodies.push(within(open, unit, close));
    }
    bodies
}

fn steps(text: &str, known: &[&Secret]) -> usize {
    steps::STEPS.with(|steps| steps.set(0));
    for is_success in [false, true] {
        assert!(body(text, known, is_success).into_text().len() <= MAX_SHOWN_BYTES);
    }
    steps::STEPS.with(std::cell::Cell::get)
}

#[test]
fn json_is_read_as_far_as_it_is_needed() {
    let long = "x".repeat(100_000);
    for (text, shown) in [
        (format!("{{\"code\":\"no\",\"token\":\"{long}\""), "{\"code\":\"no\",\"token\":".to_owned()),
        (format!("{{\"code\":\"{long}\",\"b\":"), "{\"code\":".to_owned()),
        (format!("{long}{{\"code\":\"no\"}}"), "x".repeat(MAX_SHOWN_BYTES)),
        ("{\"code\":\"no\",".to_owned(), "{\"code\":\"no\",".to_owned()),
    ] {
        assert_eq!(body(&text, &[], false).as_text(), shown);
    }
}

#[test]
fn no_body_costs_more_than_what_is_shown_of_it() {
    let (short, long) = (Secret::new("aaaaaaaac"), Secret::new("a".repeat(MAX_ANSWER)));
    // Each of the bytes that are shown may be looked at this often: by name, by scheme, and once for each known form.
    let most = 32 * MAX_SHOWN_BYTES;
    for text in hostile(MAX_ANSWER) {
        let taken = steps(&text, &[&short, &long]);
        assert!(taken <= most, "{taken} > {most} steps: {}…", &text[..boundary(&text, 40)]);
    }
}

proptest! {
    #[test]
    fn no_mixture_brings_a_known_credential_to_light(parts in proptest::collection::vec(0_usize..12, 1..60), is_json in any::<bool>()) {
        let secret = Secret::new("s3c/t s3d");
        let words = ["s3c/t s3d", "s3c%2Ft%20s3d", "s3c%2ft+s3d", "s3c\\/t s3d", "token", "=", ": ", "bearer ", "é", "\"", "abcdefghijklmnop", "s3c"];
        let text: String = parts.iter().map(|part| words[*part]).collect();
        let text = if is_json { format!("{{\"a\":{}}}", crate::json::quote(&text)) } else { text };
        let shown = body(&text, &[&secret], false);
        for shown in [shown.as_text(), shown.as_json()] {
            for word in &words[..4] {
                prop_assert!(!shown.contains(word), "{shown}");
            }
        }
    }
}
