//! How a credential that the request carried may be written in the answer.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::bounds::{MAX_SHOWN_BYTES, boundary};
use crate::secret::Secret;

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

/// Of a longer credential only the beginning is looked for. That much covers all that is shown of a body.
const MOST_BYTES: usize = 2 * MAX_SHOWN_BYTES;

/// The credentials of a request, in all forms.
pub(super) struct Known(Vec<Form>);

pub(super) struct Form {
    pub(super) text: Zeroizing<String>,
    /// There is more of it.
    pub(super) is_cut: bool,
}

impl Known {
    pub(super) fn new(secrets: &[&Secret]) -> Self {
        let mut forms: Vec<Form> = Vec::new();
        for secret in secrets.iter().map(|secret| secret.expose()).filter(|secret| !secret.is_empty()) {
            let (is_cut, secret) = (secret.len() > MOST_BYTES, &secret[..boundary(secret, MOST_BYTES)]);
            for text in ways_to_write(secret) {
                if !forms.iter().any(|form| *form.text == text) {
                    forms.push(Form { text: Zeroizing::new(text), is_cut });
                }
            }
        }
        Self(forms)
    }

    pub(super) fn forms(&self) -> &[Form] {
        &self.0
    }

    /// The most bytes that tell a credential from other text.
    pub(super) fn longest(&self) -> usize {
        self.0.iter().map(|form| form.text.len()).max().unwrap_or(0)
    }
}

fn ways_to_write(secret: &str) -> Vec<String> {
    // As a form, a path or a cautious encoder writes it.
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let path = utf8_percent_encode(secret, COMPONENT).to_string();
    let cautious = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    // Inside a JSON text that is itself a string, or was cut off.
    let quoted = crate::json::quote(secret);
    let json = quoted[1..quoted.len() - 1].to_owned();
    let slashed = json.replace('/', "\\/");
    let mut ways = vec![secret.to_owned()];
    for encoded in [form, path, cautious, json, slashed] {
        ways.push(lower_hex(&encoded));
        ways.push(encoded);
    }
    ways
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
