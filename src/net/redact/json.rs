//! An answer that is JSON, written again member by member until there is enough of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::bounds::{MAX_SHOWN_BYTES, boundary, steps};
use super::known::Known;
use super::spans::{self, REPLACEMENT};

/// Members whose names end like this hold credentials; in lower case without `_` and `-`.
const CREDENTIAL_NAMES: [&str; 8] =
    ["token", "secret", "password", "jwt", "apikey", "authorization", "signature", "assertion"];

/// The longest name, in bytes, that is shown of a successful answer: longer ones may be a token themselves.
const LONGEST_NAME: usize = 32;

/// Of a longer text only the beginning is read: what is passed over takes time, too.
const MOST_READ_BYTES: usize = 64 * 1024;

/// As much of a JSON text as is shown, and what must be known of the rest to find the `known` credentials in it; `None`
/// for what is not JSON, as far as it is read.
pub(super) fn shown(text: &str, known: &Known, is_success: bool) -> Option<String> {
    let mut writer =
        RedactingWriter { out: String::new(), limit: MAX_SHOWN_BYTES + known.longest(), known, is_full: false };
    let read = &text[..boundary(text, MOST_READ_BYTES)];
    let mut source = serde_json::Deserializer::from_str(read);
    let show = if is_success { Show::Names } else { Show::All };
    let outcome =
        Next { writer: &mut writer, show, separator: "" }.deserialize(&mut source).and_then(|()| source.end());
    let is_cut = |error: serde_json::Error| error.is_eof() && read.len() < text.len();
    (writer.is_full || outcome.map_or_else(is_cut, |()| true)).then_some(writer.out)
}

/// What is shown of a value.
#[derive(Clone, Copy, PartialEq)]
enum Show {
    All,
    /// The names of its members, and which values are `null`.
    Names,
    /// Whether it is `null`.
    Nothing,
}

struct RedactingWriter<'a> {
    out: String,
    limit: usize,
    known: &'a Known,
    is_full: bool,
}

impl RedactingWriter<'_> {
    fn push<E: Error>(&mut self, piece: &str) -> Result<(), E> {
        self.out.push_str(piece);
        if self.out.len() >= self.limit { self.stop() } else { Ok(()) }
    }

    /// A string, as far as there is room for it.
    fn push_text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        let room = self.limit - self.out.len();
        let quoted = Value::from(spans::hide(text, room, self.known)).to_string();
        self.push(&quoted)?;
        if text.len() > room { self.stop() } else { Ok(()) }
    }

    fn push_hidden<E: Error>(&mut self) -> Result<(), E> {
        self.push("\"")?;
        self.push(REPLACEMENT)?;
        self.push("\"")
    }

    /// The one way to end the reading of JSON is an error.
    fn stop<E: Error>(&mut self) -> Result<(), E> {
        self.is_full = true;
        Err(E::custom("there is enough"))
    }
}

/// Writes the next value, behind a separator.
struct Next<'w, 'a> {
    writer: &'w mut RedactingWriter<'a>,
    show: Show,
    separator: &'static str,
}

impl Next<'_, '_> {
    fn scalar<E: Error>(self, text: &str) -> Result<(), E> {
        if self.show == Show::All { self.writer.push(text) } else { self.writer.push_hidden() }
    }
}

impl<'de> DeserializeSeed<'de> for Next<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        steps::count(1);
        self.writer.push(self.separator)?;
        // An option is `null` or anything else, which is passed over.
        if self.show == Show::Nothing { source.deserialize_option(self) } else { source.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for Next<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.writer.push("null")
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_ignored_any(IgnoredAny)?;
        self.writer.push_hidden()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.writer.push("null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(&Value::from(value).to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.show == Show::All { self.writer.push_text(text) } else { self.writer.push_hidden() }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { writer, show, .. } = self;
        writer.push("[")?;
        let mut separator = "";
        while items.next_element_seed(Next { writer, show, separator })?.is_some() {
            separator = ",";
        }
        writer.push("]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { writer, show, .. } = self;
        writer.push("{")?;
        let mut separator = "";
        while let Some(show) = members.next_key_seed(Name { writer, show, separator })? {
            members.next_value_seed(Next { writer, show, separator: ":" })?;
            separator = ",";
        }
        writer.push("}")
    }
}

/// Writes the name of a member and says what is shown of its value.
struct Name<'w, 'a> {
    writer: &'w mut RedactingWriter<'a>,
    show: Show,
    separator: &'static str,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = Show;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Show, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = Show;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Show, E> {
        self.writer.push(self.separator)?;
        if self.show == Show::Names && !is_plain(name) {
            self.writer.push_hidden()?;
            return Ok(Show::Names);
        }
        self.writer.push_text(name)?;
        let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_lowercase();
        let is_credential = CREDENTIAL_NAMES.iter().any(|end| plain.ends_with(end));
        Ok(if is_credential { Show::Nothing } else { self.show })
    }
}

/// Whether this names a field, and is no token by itself.
fn is_plain(name: &str) -> bool {
    name.len() <= LONGEST_NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.$@: ".contains(&byte))
}
