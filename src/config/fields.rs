//! Reads a configuration object and says what is wrong with it: the field and its rule, never the value of a secret.

use std::time::Duration;

use serde_json::{Map, Value};

use super::rule::Rule;
use crate::error::Error;
use crate::secret::Secret;

pub(super) const DAY_MS: u64 = 24 * 3600 * 1000;

/// Takes no space, and Unicode does not call it white: zero width space and joiners, word joiner, byte order mark.
const INVISIBLE: [char; 5] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];

/// A configuration object, or one inside it. Absent and `null` are the same.
pub(super) struct Fields<'a> {
    members: &'a Map<String, Value>,
    prefix: String,
}

impl<'a> Fields<'a> {
    pub(super) fn new(config: &'a Value) -> Result<Self, Error> {
        let members = config.as_object().ok_or_else(|| Error::config("configuration", Rule::Object))?;
        Ok(Self { members, prefix: String::new() })
    }

    /// The field's name as the caller wrote it, with its path.
    pub(super) fn name(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    /// The error for a field that breaks a rule.
    pub(super) fn error(&self, field: &str, rule: Rule) -> Error {
        Error::config(&self.name(field), rule)
    }

    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.members.get(field).filter(|value| !value.is_null())
    }

    /// An inner object.
    pub(super) fn inner(&self, field: &str) -> Result<Option<Fields<'a>>, Error> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let members = value.as_object().ok_or_else(|| self.error(field, Rule::Object))?;
        Ok(Some(Fields { members, prefix: format!("{}.", self.name(field)) }))
    }

    pub(super) fn text(&self, field: &str) -> Result<Option<&'a str>, Error> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.error(field, Rule::NotEmpty)),
            Some(_) => Err(self.error(field, Rule::Text)),
        }
    }

    pub(super) fn required_text(&self, field: &str) -> Result<&'a str, Error> {
        self.text(field)?.ok_or_else(|| self.error(field, Rule::Required))
    }

    pub(super) fn required_credential(&self, field: &str) -> Result<&'a str, Error> {
        self.credential(field)?.ok_or_else(|| self.error(field, Rule::Required))
    }

    /// A text that may have been copied from a web page or a file, together with characters that nobody sees.
    pub(super) fn credential(&self, field: &str) -> Result<Option<&'a str>, Error> {
        let is_blank = |end: char| end.is_whitespace() || INVISIBLE.contains(&end);
        match self.text(field)? {
            Some(text) if text.starts_with(is_blank) || text.ends_with(is_blank) => {
                Err(self.error(field, Rule::WhiteSpace))
            }
            text => Ok(text),
        }
    }

    pub(super) fn secret(&self, field: &str) -> Result<Option<Secret>, Error> {
        Ok(self.text(field)?.map(Secret::new))
    }

    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool, Error> {
        match self.get(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.error(field, Rule::Flag)),
        }
    }

    /// A whole number from `least` to `most`.
    pub(super) fn whole(&self, field: &str, default: u64, least: u64, most: u64) -> Result<u64, Error> {
        let Some(value) = self.get(field) else { return Ok(default) };
        // JavaScript's numbers are doubles: 3 may arrive as 3.0.
        let number = value.as_u64().or_else(|| {
            value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0).map(|number| number as u64)
        });
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.error(field, Rule::Whole { least, most }))
    }

    pub(super) fn millis(&self, field: &str, default: Duration, least: u64, most: u64) -> Result<Duration, Error> {
        self.whole(field, default.as_millis() as u64, least, most).map(Duration::from_millis)
    }
}
