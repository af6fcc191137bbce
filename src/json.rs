//! JSON text with JavaScript's meaning: the last of two equal keys wins, raw values stay as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// More members than an answer has: an object with so many is a mistake or an attack, and looking for one takes time.
const MOST_MEMBERS: usize = 16_384;

/// The members of a JSON object, in order of appearance, values unparsed.
///
/// Made for answers of strangers: nothing is copied, nothing is recursed into, and lone surrogates, huge numbers and deep
/// values, which `JSON.parse` accepts, are no error as long as nobody asks for them.
pub(crate) struct Members<'a>(Vec<Raw<'a>>);

impl<'a> Members<'a> {
    /// Reads the top level of a stranger's text; `None` when it is not a JSON object, or one with thousands of members.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        Self::read(text, MOST_MEMBERS)
    }

    /// Reads a caller's own object, which may have as many members as they like.
    pub(crate) fn parse_own(text: &'a str) -> Option<Self> {
        Self::read(text, usize::MAX)
    }

    fn read(text: &'a str, most: usize) -> Option<Self> {
        let mut source = serde_json::Deserializer::from_str(text);
        let members = Object { most }.deserialize(&mut source).ok()?;
        source.end().ok().map(|()| Self(members))
    }

    /// The last value under `name`, as JavaScript keeps it.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key_is(key.get(), name)).map(|(_, value)| *value)
    }

    /// The value under `name` where it is a string without lone surrogates.
    pub(crate) fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        let raw = self.get(name)?.get();
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// The value under `name` where it is a finite number, or a string that holds one: JavaScript's `*` takes both.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let raw = self.get(name)?.get();
        let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
    }

    /// All members as written: key with its quotes, value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.0.iter().map(|(key, value)| (key.get(), value.get()))
    }
}

fn key_is(raw: &str, name: &str) -> bool {
    let inner = &raw[1..raw.len() - 1];
    if inner.contains('\\') { serde_json::from_str::<String>(raw).is_ok_and(|key| key == name) } else { inner == name }
}

/// Reads an object with at most this many members.
struct Object {
    most: usize,
}

type Raw<'a> = (&'a RawValue, &'a RawValue);

impl<'de> DeserializeSeed<'de> for Object {
    type Value = Vec<Raw<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Vec<Raw<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some(member) = map.next_entry()? {
            if members.len() == self.most {
                return Err(A::Error::custom("too many members"));
            }
            members.push(member);
        }
        Ok(members)
    }
}

/// Writes one object from the members of several, as `{ ...first, ...second }` does: a later value takes the earlier one's
/// place, and keys that are array indices come first, in ascending order.
pub(crate) fn spread<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>, extra: &[(&str, &str)]) -> String {
    let mut merged: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    let mut put = |key: Cow<'a, str>, value: Cow<'a, str>, members: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>| {
        let position = *positions.entry(key.clone()).or_insert(members.len());
        match members.get_mut(position) {
            Some(member) => member.1 = value,
            None => members.push((key, value)),
        }
    };
    for (key, value) in members {
        put(plain_key(key), Cow::Borrowed(value), &mut merged);
    }
    for (key, value) in extra {
        put(Cow::Owned(quote(key)), Cow::Owned(quote(value)), &mut merged);
    }
    merged.sort_by_key(|(key, _)| array_index(key).map_or(u64::MAX, u64::from));
    let mut text =
        String::with_capacity(merged.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>() + 2);
    text.push('{');
    for (i, (key, value)) in merged.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(key);
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

/// A JSON string literal.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// One spelling for each key, so that `"a"` and `"\u0061"` are the same one. A key with a lone surrogate keeps its own.
fn plain_key(raw: &str) -> Cow<'_, str> {
    if raw.contains('\\')
        && let Ok(key) = serde_json::from_str::<String>(raw)
    {
        return Cow::Owned(quote(&key));
    }
    Cow::Borrowed(raw)
}

/// ECMA-262 §6.1.7: an array index is the decimal text of an integer from 0 to 2³²−2.
fn array_index(raw_key: &str) -> Option<u32> {
    let digits = &raw_key[1..raw_key.len() - 1];
    let canonical = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.parse().ok().filter(|index| canonical && *index != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_keys_wins() {
        let members = Members::parse(r#"{"a":1,"b":"x","\u0061":2}"#).unwrap();
        assert_eq!(members.get("a").unwrap().get(), "2");
        assert_eq!(members.string("b").unwrap(), "x");
        assert!(members.string("a").is_none());
    }

    #[test]
    fn hostile_but_legal_json_is_read() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let text = format!(r#"{{"\ud800":"\udfff","deep":{deep},"big":1e999,"guestId":"g"}}"#);
        assert_eq!(Members::parse(&text).unwrap().string("guestId").unwrap(), "g");
    }

    #[test]
    fn an_object_of_thousands_of_members_is_refused_where_they_begin_to_be_too_many() {
        let of = |count: usize| format!("{{{}}}", vec!["\"\\u0061\":0"; count].join(","));
        assert!(Members::parse(&of(MOST_MEMBERS)).is_some());
        assert!(Members::parse(&of(MOST_MEMBERS + 1)).is_none());
        let mut source = serde_json::Deserializer::from_str("{\"a\":0,\"b\":0,\"c\":0 and so on");
        let error = Object { most: 1 }.deserialize(&mut source).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.column()), ("too many members at line 1 column 12", 12));
    }

    #[test]
    fn a_callers_own_attributes_may_be_many() {
        let many: Vec<_> = (0..2 * MOST_MEMBERS).map(|number| format!("\"a{number}\":0")).collect();
        let text = format!("{{{}}}", many.join(","));
        assert_eq!(Members::parse_own(&text).unwrap().iter().count(), 2 * MOST_MEMBERS);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["", "[]", "null", "\"x\"", "{", "{\"a\":}", "{}x"] {
            assert!(Members::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn numbers_may_stand_in_strings() {
        let members = Members::parse(r#"{"a":"3600","b":1e3,"c":null,"d":"soon"}"#).unwrap();
        assert_eq!(members.number("a"), Some(3600.0));
        assert_eq!(members.number("b"), Some(1000.0));
        assert_eq!(members.number("c"), None);
        assert_eq!(members.number("d"), None);
    }

    #[test]
    fn spread_orders_and_overrides_as_javascript_does() {
        let first = Members::parse(r#"{"b":1,"10":"x","2":0,"01":9}"#).unwrap();
        let second = Members::parse(r#"{"b":{"n":1.0},"tier":"gold"}"#).unwrap();
        let merged = spread(first.iter().chain(second.iter()), &[("authMethod", "guest-api")]);
        assert_eq!(merged, r#"{"2":0,"10":"x","b":{"n":1.0},"01":9,"tier":"gold","authMethod":"guest-api"}"#);
    }
}
