//! Where credentials stand in a text.

use std::ops::Range;

use super::bounds::{boundary, steps};
use super::known::Known;

pub(super) const REPLACEMENT: &str = "[redacted]";

type Spans = Vec<Range<usize>>;

/// What follows these words and a sign is a credential.
const NAMES: [&[u8]; 5] = [b"token", b"secret", b"password", b"jwt", b"api_key"];

/// RFC 6750 §2.1: whatever follows the scheme is a credential, also one that is not ours.
const SCHEME: &[u8] = b"bearer ";

/// Short words after "bearer" are prose ("bearer token missing"), not tokens.
const LEAST_TOKEN: usize = 16;

/// The first `limit` bytes of a text, without the credentials that begin in them.
pub(super) fn hide(text: &str, limit: usize, known: &Known) -> String {
    let seen = &text[..boundary(text, limit + known.longest().max(LEAST_TOKEN))];
    let mut spans = known_ones(seen, known);
    named(seen.as_bytes(), &mut spans);
    bearers(seen.as_bytes(), &mut spans);
    without(seen, spans, limit)
}

/// The same, without the `known` credentials alone.
pub(super) fn hide_known(text: &str, limit: usize, known: &Known) -> String {
    let seen = &text[..boundary(text, limit + known.longest())];
    without(seen, known_ones(seen, known), limit)
}

fn known_ones(text: &str, known: &Known) -> Spans {
    let mut spans = Spans::new();
    for form in known.forms() {
        steps::count(text.len());
        spans.extend(text.match_indices(form.text.as_str()).map(|(start, found)| {
            let end = if form.is_cut { text.len() } else { start + found.len() };
            start..end
        }));
    }
    spans
}

/// What follows `token:`, `"refreshToken":"`, `client_secret=` and the like in text that is not, or no longer, JSON.
fn named(text: &[u8], spans: &mut Spans) {
    let is_quote = |byte| matches!(byte, b'"' | b'\'' | b'\\' | b' ');
    let is_inside =
        |byte| !matches!(byte, b'"' | b'\'' | b'\\' | b'&' | b',' | b';' | b'<' | b'>' | b'}' | b' ' | b'\n' | b'\r');
    let mut at = 0;
    while at < text.len() {
        steps::count(1);
        let name = NAMES.iter().find(|name| begins_with(&text[at..], name));
        at += 1;
        if let Some(name) = name {
            let sign = after(text, at - 1 + name.len(), is_quote);
            if matches!(text.get(sign), Some(b':' | b'=')) {
                let start = after(text, sign + 1, is_quote);
                // Names inside the credential are a part of it.
                at = after(text, start, is_inside);
                spans.push(start..at);
            }
        }
    }
}

fn bearers(text: &[u8], spans: &mut Spans) {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let mut at = 0;
    while at < text.len() {
        steps::count(1);
        if begins_with(&text[at..], SCHEME) {
            let start = at + SCHEME.len();
            at = after(text, start, is_inside);
            if at - start >= LEAST_TOKEN {
                spans.push(start..at);
            }
        } else {
            at += 1;
        }
    }
}

fn begins_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

/// Where the bytes of a kind that stand at `from` end.
fn after(text: &[u8], from: usize, is_kind: impl Fn(u8) -> bool) -> usize {
    let length = text[from..].iter().take_while(|byte| is_kind(**byte)).count();
    steps::count(length);
    from + length
}

/// The first `limit` bytes of a text with one replacement for each span, or for each run of spans that overlap.
fn without(text: &str, mut spans: Spans, limit: usize) -> String {
    let limit = boundary(text, limit);
    spans.retain(|span| span.start < limit && !span.is_empty());
    spans.sort_unstable_by_key(|span| span.start);
    let mut shown = String::with_capacity(limit);
    let mut from = 0;
    for span in spans {
        if span.start >= from {
            shown.push_str(&text[from..span.start]);
            shown.push_str(REPLACEMENT);
        }
        from = from.max(span.end);
    }
    shown.push_str(text.get(from..limit).unwrap_or_default());
    shown
}
