//! Answers made fit to be shown: credentials out, length bounded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::secret::Secret;

/// The most of a body that an error keeps, in bytes.
const MAX_SHOWN_BYTES: usize = 4096;

/// What `encodeURIComponent` leaves as it is, beside letters and digits.
pub(crate) const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

const REPLACEMENT: &str = "[redacted]";

/// Members whose names end like this hold credentials; in lower case without `_` and `-`.
const CREDENTIAL_NAMES: [&str; 8] =
    ["token", "secret", "password", "jwt", "apikey", "authorization", "signature", "assertion"];

/// A body without credentials.
pub(crate) struct Shown {
    text: String,
    is_json: bool,
}

impl Shown {
    /// As a template literal would show it.
    pub(crate) fn as_text(&self) -> String {
        self.text.clone()
    }

    /// As `JSON.stringify` would show it: what is not JSON already becomes a string literal.
    pub(crate) fn as_json(&self) -> String {
        if self.is_json { self.text.clone() } else { Value::from(self.text.as_str()).to_string() }
    }

    /// For the error's `body`.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// Fit to be shown: an answer that `may_hold_token` and is not JSON could hide one, which nobody knows yet, anywhere.
///
/// Takes out what is named like a credential and every occurrence of the `known` ones, then cuts to 4 KiB.
pub(crate) fn body(text: &str, known: &[&Secret], may_hold_token: bool) -> Shown {
    let (mut shown, is_json) = match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            hide_members(&mut value, known);
            // Once more over the whole: a form that was taken for JSON makes a member's name of everything.
            (hide_known(&value.to_string(), known), true)
        }
        Err(_) if may_hold_token => (format!("[{} bytes that are not JSON]", text.len()), false),
        Err(_) => (hide_in_text(text, known), false),
    };
    if shown.len() > MAX_SHOWN_BYTES {
        let end = (0..=MAX_SHOWN_BYTES).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or(0);
        shown.truncate(end);
    }
    Shown { text: shown, is_json }
}

fn hide_members(value: &mut Value, known: &[&Secret]) {
    match value {
        Value::String(text) => *text = hide_in_text(text, known),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_members(item, known)),
        Value::Object(members) => {
            for (name, member) in members {
                let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_lowercase();
                if CREDENTIAL_NAMES.iter().any(|end| plain.ends_with(end)) && !member.is_null() {
                    *member = REPLACEMENT.into();
                } else {
                    hide_members(member, known);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn hide_in_text(text: &str, known: &[&Secret]) -> String {
    hide_bearer(&hide_named(&hide_known(text, known)))
}

fn hide_known(text: &str, known: &[&Secret]) -> String {
    let mut shown = text.to_owned();
    for secret in known.iter().map(|secret| secret.expose()).filter(|secret| !secret.is_empty()) {
        shown = shown.replace(secret, REPLACEMENT);
        // As a form, a path or a cautious encoder writes it.
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let path = utf8_percent_encode(secret, COMPONENT).to_string();
        let cautious = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        // Inside a JSON text that is itself a string, or was cut off.
        let quoted = crate::json::quote(secret);
        let json = quoted[1..quoted.len() - 1].to_owned();
        let slashed = json.replace('/', "\\/");
        for encoded in [form, path, cautious, json, slashed] {
            if encoded != secret {
                shown = shown.replace(&encoded, REPLACEMENT).replace(&lower_hex(&encoded), REPLACEMENT);
            }
        }
    }
    shown
}

/// `%2F` → `%2f`, and nothing else.
fn lower_hex(encoded: &str) -> String {
    let mut rest = 0;
    let lower = |c: char| {
        rest = if c == '%' { 3 } else { rest - i32::from(rest > 0) };
        if rest > 0 { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(lower).collect()
}

/// What follows `token:`, `"refreshToken":"`, `client_secret=` and the like in text that is not, or no longer, JSON.
fn hide_named(text: &str) -> String {
    const NAMES: [&str; 5] = ["token", "secret", "password", "jwt", "api_key"];
    let lower = text.to_ascii_lowercase();
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(end) =
        NAMES.iter().filter_map(|name| lower[from..].find(name).map(|at| from + at + name.len())).min()
    {
        let after =
            |at: usize, skipped: &[char]| at + (text[at..].len() - text[at..].trim_start_matches(skipped).len());
        let sign = after(end, &['"', '\'', '\\', ' ']);
        let start = if text[sign..].starts_with([':', '=']) { after(sign + 1, &['"', '\'', '\\', ' ']) } else { end };
        shown.push_str(&text[from..start]);
        from = start;
        if start > end {
            let stop = text[start..]
                .find(['"', '\'', '\\', '&', ',', ';', '<', '>', '}', ' ', '\n', '\r'])
                .map_or(text.len(), |n| start + n);
            if stop > start {
                shown.push_str(REPLACEMENT);
            }
            from = stop;
        }
    }
    shown.push_str(&text[from..]);
    shown
}

/// RFC 6750 §2.1: whatever follows the scheme is a credential, also one that is not ours.
fn hide_bearer(text: &str) -> String {
    const SCHEME: &str = "bearer ";
    let lower = text.to_ascii_lowercase();
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = lower[from..].find(SCHEME) {
        let start = from + at + SCHEME.len();
        let end = text[start..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c)))
            .map_or(text.len(), |length| start + length);
        shown.push_str(&text[from..start]);
        // Short words after "bearer" are prose ("bearer token missing"), not tokens.
        if end - start >= 16 {
            shown.push_str(REPLACEMENT);
        } else {
            shown.push_str(&text[start..end]);
        }
        from = end;
    }
    shown.push_str(&text[from..]);
    shown
}

#[cfg(test)]
mod tests {
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
        for echoed in [
            "a&b-c\\/d é",
            "a%26b-c%2Fd%20%C3%A9",
            "a%26b-c%2fd%20%c3%a9",
            "a%26b-c%2Fd+%C3%A9",
            "a%26b%2Dc%2Fd%20%C3%A9",
        ] {
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
}
