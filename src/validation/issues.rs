//! What is wrong with a payload, word for word and key for key as zod 4 says it.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use serde_json::value::RawValue;

use super::{Field, Given, Key, LONGEST_NAME, SHORTEST_CHANNEL_ID};
use crate::email;
use crate::error::{Code, Error};
use crate::text::Text;

const INVALID_EMAIL: &str = "Valid email address required for privacy compliance";
const NO_CONSENT: &str = "Explicit opt-in consent is mandatory under privacy policy constraints";
const INVALID_UUID: &str = "Channel identifier must be a deployment's id, a UUID";
const EMPTY_CHANNEL_ID: &str = "Channel identifier cannot be empty";

/// Everything that is wrong with a payload, never empty in an `Err`. Serialises as zod's `error.issues`.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Issues(pub(super) Vec<Issue>);

/// One thing that is wrong.
#[derive(Debug)]
pub struct Issue {
    /// Where; `None` is the payload itself.
    pub key: Option<Key>,
    /// What.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Debug)]
pub enum Problem {
    /// `invalid_type`
    WrongType {
        /// What the schema wants.
        expected: &'static str,
        /// What zod calls the value; `None` as in [`Given::Other`]: the JSON then has `"received":null`, and whoever knows the
        /// name appends it to `message`.
        received: Option<Text>,
    },
    /// `invalid_type`, for a required key that has a good value although `in` says that it is not there.
    Absent,
    /// `invalid_format`
    NotAnEmail,
    /// `custom`
    NoConsent,
    /// `too_small`, only of `channelId`
    TooShort {
        /// zod's word for what was measured.
        origin: &'static str,
    },
    /// `too_big`, only of `name`
    TooLong {
        /// zod's word for what was measured.
        origin: &'static str,
    },
    /// `invalid_format`, only of a `channelId` that is to be a deployment's id
    NotAUuid,
    /// `too_big`, only of `attributes` that are to be custom attributes
    TooManyBytes {
        /// The most that keys and values may have together.
        most: usize,
    },
    /// `invalid_key`. The path ends with the symbol, which JSON writes as `null`.
    SymbolKey,
}

impl Issues {
    pub(super) fn not_an_object(received: Option<Text>) -> Self {
        Self(vec![Issue { key: None, problem: Problem::WrongType { expected: "object", received } }])
    }

    /// All, in zod's order.
    #[must_use]
    pub fn as_slice(&self) -> &[Issue] {
        &self.0
    }

    /// All, for filling in names that were not known.
    pub fn as_mut_slice(&mut self) -> &mut [Issue] {
        &mut self.0
    }

    /// As an error.
    #[must_use]
    pub fn to_error(&self) -> Error {
        let error = Error::new(Code::ValidationFailed, self.message());
        match RawValue::from_string(self.to_json()) {
            Ok(json) => error.with_issues(json),
            Err(_) => error,
        }
    }

    /// As JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// zod's `error.message`: the issues as indented JSON.
    #[must_use]
    pub fn message(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Runs a field's checks, then looks whether the key is there. An optional key that is not there has no issues.
    pub(super) fn field<T>(
        &mut self,
        key: Key,
        field: Field,
        judge: impl FnOnce(&mut Self, Given) -> Option<T>,
    ) -> Option<T> {
        let before = self.0.len();
        let value = judge(self, field.given);
        if field.present {
            return value;
        }
        if key.is_optional() {
            self.0.truncate(before);
            return None;
        }
        self.report(self.0.len() == before, key, Problem::Absent);
        value
    }

    pub(super) fn string(&mut self, key: Key, given: Given) -> Option<Text> {
        if let Given::Text(text) = given { Some(text) } else { self.wrong_type(key, "string", given) }
    }

    pub(super) fn wrong_type<T>(&mut self, key: Key, expected: &'static str, given: Given) -> Option<T> {
        self.0.push(Issue::of(key, Problem::WrongType { expected, received: given.received() }));
        None
    }

    pub(crate) fn report(&mut self, wrong: bool, key: Key, problem: Problem) {
        if wrong {
            self.0.push(Issue::of(key, problem));
        }
    }
}

impl Issue {
    pub(super) fn of(key: Key, problem: Problem) -> Self {
        Self { key: Some(key), problem }
    }
}

impl Serialize for Issue {
    /// Keys in the order in which zod sets them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut path: Vec<Option<&str>> = self.key.iter().map(|key| Some(key.as_str())).collect();
        let message = match &self.problem {
            Problem::WrongType { expected, received } => {
                map.serialize_entry("expected", expected)?;
                map.serialize_entry("code", "invalid_type")?;
                let start = format!("Invalid input: expected {expected}, received ");
                received.as_ref().map_or_else(|| Text::from(start.as_str()), |received| received.after(&start))
            }
            Problem::Absent => {
                map.serialize_entry("code", "invalid_type")?;
                map.serialize_entry("expected", "nonoptional")?;
                "Invalid input: expected nonoptional, received undefined".into()
            }
            Problem::NotAnEmail => {
                map.serialize_entry("origin", "string")?;
                map.serialize_entry("code", "invalid_format")?;
                map.serialize_entry("format", "email")?;
                map.serialize_entry("pattern", email::PATTERN)?;
                INVALID_EMAIL.into()
            }
            Problem::NoConsent => {
                map.serialize_entry("code", "custom")?;
                NO_CONSENT.into()
            }
            Problem::TooShort { origin } => {
                map.serialize_entry("origin", origin)?;
                map.serialize_entry("code", "too_small")?;
                map.serialize_entry("minimum", &SHORTEST_CHANNEL_ID)?;
                map.serialize_entry("inclusive", &true)?;
                EMPTY_CHANNEL_ID.into()
            }
            Problem::TooLong { origin } => {
                map.serialize_entry("origin", origin)?;
                map.serialize_entry("code", "too_big")?;
                map.serialize_entry("maximum", &LONGEST_NAME)?;
                map.serialize_entry("inclusive", &true)?;
                too_long(origin).into()
            }
            Problem::NotAUuid => {
                map.serialize_entry("origin", "string")?;
                map.serialize_entry("code", "invalid_format")?;
                map.serialize_entry("format", "uuid")?;
                INVALID_UUID.into()
            }
            Problem::TooManyBytes { most } => {
                map.serialize_entry("origin", "record")?;
                map.serialize_entry("code", "too_big")?;
                map.serialize_entry("maximum", most)?;
                map.serialize_entry("inclusive", &true)?;
                format!("Too big: expected keys and values of attributes to have <={most} bytes as strings")
                    .as_str()
                    .into()
            }
            Problem::SymbolKey => {
                map.serialize_entry("code", "invalid_key")?;
                map.serialize_entry("origin", "record")?;
                let inner = Problem::WrongType { expected: "string", received: Some("symbol".into()) };
                map.serialize_entry("issues", &[Issue { key: None, problem: inner }])?;
                path.push(None);
                "Invalid key in record".into()
            }
        };
        map.serialize_entry("path", &path)?;
        map.serialize_entry("message", &message)?;
        if matches!(self.problem, Problem::WrongType { received: None, .. }) {
            map.serialize_entry("received", &())?;
        }
        map.end()
    }
}

/// zod's English sentence for `too_big`; only what it has a unit for is said to have so many of them.
fn too_long(origin: &str) -> String {
    match origin {
        "string" => format!("Too big: expected string to have <={LONGEST_NAME} characters"),
        "array" => format!("Too big: expected array to have <={LONGEST_NAME} items"),
        other => format!("Too big: expected {other} to be <={LONGEST_NAME}"),
    }
}
