//! Answers made fit to be shown: credentials out, length bounded. The work is bounded by what is shown, not by what a
//! server sends.
//!
//! - [`bounds`]: how much is shown
//! - [`json`]: an answer that is JSON
//! - [`spans`]: where credentials stand in a text
//! - [`known`]: how a credential of ours may be written

mod bounds;
mod json;
mod known;
mod spans;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::secret::Secret;
use bounds::{MAX_SHOWN_BYTES, boundary};
pub(crate) use known::COMPONENT;
use known::Known;

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

/// A short text of a server's, without the `known` credentials.
pub(crate) fn text(text: &str, known: &[&Secret]) -> String {
    body(text, known, false).into_text()
}

/// The first 4 KiB of a body, fit to be shown: without what is named like a credential, and without the `known` ones,
/// however they are written; also without those that begin there and end behind.
///
/// A successful answer may hold a token under any name: of its JSON only the names of members are shown, of anything else
/// nothing.
pub(crate) fn body(text: &str, known: &[&Secret], is_success: bool) -> Shown {
    let known = Known::new(known);
    let (mut shown, is_json) = match json::shown(text, &known, is_success) {
        // Once more over the whole: a form that was taken for JSON makes a member's name of everything.
        Some(json) => (spans::hide_known(&json, MAX_SHOWN_BYTES, &known), true),
        None if is_success => (format!("[{} bytes that are not JSON]", text.len()), false),
        None => (spans::hide(text, MAX_SHOWN_BYTES, &known), false),
    };
    shown.truncate(boundary(&shown, MAX_SHOWN_BYTES));
    Shown { text: shown, is_json }
}
