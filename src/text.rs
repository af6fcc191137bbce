//! A JavaScript string in Rust: UTF-16 may hold lone surrogates, and JSON has to give them back.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A JavaScript string.
///
/// Nearly always plain UTF-8. Where the original had lone surrogates, [`as_str`](Self::as_str) shows each as U+FFFD, as
/// `TextEncoder` does, and serialising gives the escapes that `JSON.stringify` writes (ECMA-262 §25.5.2.3,
/// `QuoteJSONString`). `Debug` shows no content, because it is a person's.
#[derive(Clone, Default)]
pub struct Text {
    lossy: String,
    /// Only where `lossy` loses something.
    exact: Option<Box<Exact>>,
}

/// A string with lone surrogates.
#[derive(Clone, PartialEq, Eq)]
struct Exact {
    units: Vec<u16>,
    /// The JSON text.
    json: String,
}

impl Text {
    /// From UTF-16 code units.
    #[must_use]
    pub fn from_utf16(units: &[u16]) -> Self {
        if let Ok(plain) = String::from_utf16(units) {
            return Self::from(plain);
        }
        let exact = Exact { units: units.to_vec(), json: quote(units) };
        Self { lossy: String::from_utf16_lossy(units), exact: Some(Box::new(exact)) }
    }

    /// The text, with U+FFFD in the place of each lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.lossy
    }

    /// The number of Unicode code points; a lone surrogate is one.
    #[must_use]
    pub fn code_points(&self) -> usize {
        self.lossy.chars().count()
    }

    /// Its UTF-16 code units, where it has lone surrogates.
    pub(crate) fn units(&self) -> Option<&[u16]> {
        self.exact.as_ref().map(|exact| exact.units.as_slice())
    }

    /// A text that differs for every two JavaScript strings: the JSON text where plain UTF-8 would lose something.
    pub(crate) fn lossless(&self) -> &str {
        self.exact.as_ref().map_or(&self.lossy, |exact| &exact.json)
    }

    /// As `String.prototype.toLowerCase` has it.
    pub(crate) fn to_lowercase(&self) -> Self {
        let Some(units) = self.units() else { return Self::from(self.lossy.to_lowercase()) };
        // A lone surrogate has no case, and ends the word in which a capital sigma would be a final one.
        let mut lower = Vec::with_capacity(units.len());
        let mut plain = String::new();
        for unit in char::decode_utf16(units.iter().copied()) {
            match unit {
                Ok(unit) => plain.push(unit),
                Err(lone) => {
                    lower.extend(std::mem::take(&mut plain).to_lowercase().encode_utf16());
                    lower.push(lone.unpaired_surrogate());
                }
            }
        }
        lower.extend(plain.to_lowercase().encode_utf16());
        Self::from_utf16(&lower)
    }

    /// All of them in one.
    pub(crate) fn concat(parts: &[&Self]) -> Self {
        if parts.iter().all(|part| part.exact.is_none()) {
            return Self::from(parts.iter().map(|part| part.as_str()).collect::<String>());
        }
        // Two halves may meet here and become whole.
        let units = parts.iter().flat_map(|part| match part.units() {
            Some(units) => units.to_vec(),
            None => part.lossy.encode_utf16().collect(),
        });
        Self::from_utf16(&units.collect::<Vec<_>>())
    }

    /// `prefix` and this text in one.
    pub(crate) fn after(&self, prefix: &str) -> Self {
        Self::concat(&[&Self::from(prefix), self])
    }
}

/// A JSON string with an escape for each lone surrogate.
fn quote(units: &[u16]) -> String {
    let mut json = String::with_capacity(units.len() + 16);
    json.push('"');
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok('"') => json.push_str("\\\""),
            Ok('\\') => json.push_str("\\\\"),
            Ok('\u{8}') => json.push_str("\\b"),
            Ok('\t') => json.push_str("\\t"),
            Ok('\n') => json.push_str("\\n"),
            Ok('\u{c}') => json.push_str("\\f"),
            Ok('\r') => json.push_str("\\r"),
            Ok(control) if control < ' ' => escape(&mut json, control as u16),
            Ok(plain) => json.push(plain),
            Err(lone) => escape(&mut json, lone.unpaired_surrogate()),
        }
    }
    json.push('"');
    json
}

fn escape(json: &mut String, unit: u16) {
    json.push_str("\\u");
    json.extend([12, 8, 4, 0].iter().filter_map(|shift| char::from_digit(u32::from(unit >> shift) & 15, 16)));
}

impl From<String> for Text {
    fn from(plain: String) -> Self {
        Self { lossy: plain, exact: None }
    }
}

/// The text as [`as_str`](Text::as_str) shows it.
impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.lossy
    }
}

impl From<&str> for Text {
    fn from(plain: &str) -> Self {
        Self::from(plain.to_owned())
    }
}

/// Equal as JavaScript strings: two different lone surrogates differ, although both look like U+FFFD.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.lossy == other.lossy && self.exact == other.exact
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.lossy.len())
    }
}

/// For `serde_json`'s writers: its `Value` holds no lone surrogates, so converting such a text to one is an error.
impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.exact {
            None => serializer.serialize_str(&self.lossy),
            Some(exact) => {
                let json: &RawValue = serde_json::from_str(&exact.json).map_err(serde::ser::Error::custom)?;
                json.serialize(serializer)
            }
        }
    }
}

/// Audit records and messages show no more of an identifier that a caller or a server has chosen, in UTF-16 code units.
pub(crate) const LONGEST_IDENTIFIER: usize = 256;

/// The beginning of a text, at most so many UTF-16 code units, of whole characters.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut units = 0;
    let beyond = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > most
    });
    beyond.map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &Text) -> String {
        serde_json::to_string(text).unwrap()
    }

    #[test]
    fn lone_surrogates_are_written_as_json_stringify_writes_them() {
        let text = Text::from_utf16(&[0x61, 0xd800, 0x22, 0x5c, 0x0a, 0x1f, 0x7f, 0x2028, 0xdfff, 0xd83d, 0xde00]);
        assert_eq!(json(&text), "\"a\\ud800\\\"\\\\\\n\\u001f\u{7f}\u{2028}\\udfff😀\"");
        assert_eq!(text.as_str(), "a\u{fffd}\"\\\n\u{1f}\u{7f}\u{2028}\u{fffd}😀");
        assert_eq!(text.code_points(), 10);
    }

    #[test]
    fn a_real_replacement_character_is_no_lone_surrogate() {
        assert_eq!(json(&Text::from_utf16(&[0xfffd])), "\"\u{fffd}\"");
        assert_ne!(Text::from_utf16(&[0xd800]), Text::from_utf16(&[0xd801]));
        assert_ne!(Text::from_utf16(&[0xd800]), Text::from("\u{fffd}"));
    }

    #[test]
    fn a_prefix_keeps_them() {
        assert_eq!(json(&Text::from_utf16(&[0xdc00]).after("\"é ")), "\"\\\"é \\udc00\"");
        assert_eq!(json(&Text::from("b").after("a")), "\"ab\"");
    }

    #[test]
    fn lower_case_leaves_lone_surrogates_alone() {
        let text = Text::from_utf16(&[0x41, 0xd800, 0x3a3, 0xdc00, 0x41, 0x3a3]);
        assert_eq!(text.to_lowercase(), Text::from_utf16(&[0x61, 0xd800, 0x3c3, 0xdc00, 0x61, 0x3c2]));
        assert_eq!(Text::from("ΑΣ İ").to_lowercase(), Text::from("ας i\u{307}"));
    }

    #[test]
    fn two_halves_that_meet_are_one_character() {
        let (high, low) = (Text::from_utf16(&[0xd83d]), Text::from_utf16(&[0xde00]));
        assert_eq!(Text::concat(&[&high, &low]), Text::from("😀"));
        assert_eq!(Text::concat(&[&low, &high]), Text::from_utf16(&[0xde00, 0xd83d]));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Text::from("jane")), "Text(4 bytes)");
    }

    proptest! {
        #[test]
        fn both_ways_of_quoting_agree(text in any::<String>()) {
            let units: Vec<u16> = text.encode_utf16().collect();
            prop_assert_eq!(quote(&units), serde_json::to_string(&text).unwrap());
            prop_assert_eq!(Text::from_utf16(&units), Text::from(text));
        }

        #[test]
        fn a_json_escape_stands_for_its_unit(units in proptest::collection::vec(prop_oneof![0xd7f0_u16..0xe010, 0_u16..0x80], 0..20)) {
            let text = Text::from_utf16(&units);
            let plain = String::from_utf16(&units).is_ok();
            prop_assert_eq!(plain, serde_json::from_str::<String>(&json(&text)).is_ok());
            prop_assert!(serde_json::from_str::<&RawValue>(&json(&text)).is_ok());
            prop_assert_eq!(text.as_str(), String::from_utf16_lossy(&units));
        }
    }
}
