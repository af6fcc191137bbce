//! Custom attributes: strings by name, which a conversation carries to whoever answers it.

use std::borrow::Cow;

use crate::json::{Members, quote};

/// The most that keys and values may have together, in bytes of UTF-8: Genesys' `metadata.custom.attributes.bytes.max`.
pub(crate) const MAX_BYTES: usize = 2048;

/// A name and its value.
type Attribute = (String, String);

/// Custom attributes, in the order in which they were set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CustomAttributes(Vec<Attribute>);

impl CustomAttributes {
    /// The members of a JSON object as strings: numbers and booleans are written out, objects and arrays are JSON, `null` is
    /// left out.
    pub(crate) fn flatten(object: &str) -> Self {
        let mut attributes = Self::default();
        let Some(members) = Members::parse_own(object) else { return attributes };
        let mut places = std::collections::HashMap::new();
        for (key, value) in members.iter() {
            let key = unquoted(key);
            let Some(value) = as_text(value) else { continue };
            let place = *places.entry(key.clone()).or_insert(attributes.0.len());
            match attributes.0.get_mut(place) {
                Some(attribute) => attribute.1 = value,
                None => attributes.0.push((key, value)),
            }
        }
        attributes
    }

    /// Keys and values together, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(size).sum()
    }

    /// Takes in what fits into `most` bytes, later values in the place of earlier ones; says whether that was all.
    pub(crate) fn add(&mut self, more: impl IntoIterator<Item = (String, String)>, most: usize) -> bool {
        let mut is_whole = true;
        for attribute in more {
            let own = self.0.iter().position(|(key, _)| *key == attribute.0);
            let freed = own.map_or(0, |place| size(&self.0[place]));
            if self.bytes() - freed + size(&attribute) > most {
                is_whole = false;
            } else if let Some(place) = own {
                self.0[place] = attribute;
            } else {
                self.0.push(attribute);
            }
        }
        is_whole
    }

    /// As a JSON object.
    pub(crate) fn to_json(&self) -> String {
        let members: Vec<String> =
            self.0.iter().map(|(key, value)| format!("{}:{}", quote(key), quote(value))).collect();
        format!("{{{}}}", members.join(","))
    }
}

impl IntoIterator for CustomAttributes {
    type Item = Attribute;
    type IntoIter = std::vec::IntoIter<Attribute>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

fn size((key, value): &Attribute) -> usize {
    key.len() + value.len()
}

/// A JSON value as an attribute's; none for `null`.
fn as_text(value: &str) -> Option<String> {
    match value.as_bytes().first() {
        Some(b'"') => Some(unquoted(value)),
        _ if value == "null" => None,
        _ => Some(value.to_owned()),
    }
}

/// The text of a JSON string, with U+FFFD in the place of each lone surrogate, which no UTF-8 can hold.
fn unquoted(literal: &str) -> String {
    serde_json::from_str(literal).unwrap_or_else(|_| {
        let mut whole = String::with_capacity(literal.len());
        let mut rest = literal;
        while let Some(at) = rest.find('\\') {
            let (before, escape) = rest.split_at(at);
            whole.push_str(before);
            let pair = escape.get(..12).filter(|pair| is_text(pair));
            let lone = escape.get(..6).filter(|escape| escape[1..].starts_with('u') && !is_text(escape));
            let taken = match (pair, lone) {
                (None, Some(_)) => {
                    whole.push('\u{fffd}');
                    6
                }
                (Some(pair), Some(_)) => {
                    whole.push_str(pair);
                    12
                }
                _ => {
                    whole.push_str(&escape[..2]);
                    2
                }
            };
            rest = &escape[taken..];
        }
        whole.push_str(rest);
        serde_json::from_str::<Cow<'_, str>>(&whole).map(Cow::into_owned).unwrap_or_default()
    })
}

/// Whether escapes stand for whole characters.
fn is_text(escapes: &str) -> bool {
    serde_json::from_str::<String>(&format!("\"{escapes}\"")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn flat(object: &Value) -> Value {
        serde_json::from_str(&CustomAttributes::flatten(&object.to_string()).to_json()).unwrap()
    }

    #[test]
    fn every_value_becomes_a_string_and_null_is_left_out() {
        assert_eq!(
            flat(&json!({"s": "x", "n": 1.5, "b": true, "o": {"a": [1]}, "l": [1, "z"], "none": null})),
            json!({"s": "x", "n": "1.5", "b": "true", "o": "{\"a\":[1]}", "l": "[1,\"z\"]"})
        );
        assert_eq!(CustomAttributes::flatten("[]"), CustomAttributes::default());
    }

    #[test]
    fn bytes_of_keys_and_values_count_and_syntax_does_not() {
        assert_eq!(CustomAttributes::flatten(r#"{"é":"€\n","b":12,"c":null}"#).bytes(), 2 + 4 + 1 + 2);
    }

    #[test]
    fn half_characters_become_replacement_characters() {
        let flat = CustomAttributes::flatten(r#"{"\ud83d":"a\\\udc00\ud83d\ude00\ud83d\"b\u00e9"}"#);
        assert_eq!(flat, CustomAttributes(vec![("\u{fffd}".into(), "a\\\u{fffd}😀\u{fffd}\"bé".into())]));
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_the_rest_is_taken() {
        let mut attributes = CustomAttributes::flatten(r#"{"tier":"none","cart":"1234"}"#);
        let more = [("tier", "gold"), ("long", "0123456789"), ("a", "b")];
        let more = more.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert!(!attributes.add(more.clone(), 18));
        assert_eq!(attributes.to_json(), r#"{"tier":"gold","cart":"1234","a":"b"}"#);
        assert!(attributes.add(more, MAX_BYTES));
    }

    proptest! {
        #[test]
        fn texts_stay_what_they_are(members in prop::collection::vec(("\\PC{0,8}", "\\PC{0,20}"), 0..6)) {
            let object: Map<String, Value> = members.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
            let expected = Value::Object(object);
            prop_assert_eq!(flat(&expected), expected);
        }

        #[test]
        fn any_escapes_are_read(units in prop::collection::vec(any::<u16>(), 0..12)) {
            let escaped: Vec<String> = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let escaped = escaped.concat();
            prop_assert_eq!(unquoted(&format!("\"{escaped}\"")), String::from_utf16_lossy(&units));
        }

        #[test]
        fn never_more_than_the_most(first in prop::collection::vec(("[a-c]{1,3}", "[x]{0,9}"), 0..6), most in 0usize..60) {
            let mut attributes = CustomAttributes::default();
            attributes.add(first, most);
            prop_assert!(attributes.bytes() <= most);
        }
    }
}
