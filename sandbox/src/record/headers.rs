//! The headers of a request that is remembered.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The headers of a request, as text. Values that are not UTF-8 are shown as well as they can be.
///
/// A copy in one piece: the parsed headers would keep the whole read buffer alive that they came in, ten times as much.
#[derive(Clone, Default)]
pub struct Headers(
    /// `name:value` in lines; neither can have a line feed, and no name a colon.
    Box<str>,
);

impl Headers {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut text =
            String::with_capacity(headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2).sum());
        for (name, value) in headers {
            text.extend([name.as_str(), ":", &String::from_utf8_lossy(value.as_bytes()), "\n"]);
        }
        Self(text.into())
    }

    /// All of them, names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.lines().filter_map(|line| line.split_once(':'))
    }

    /// The value of a header, by its name in lower case; the first when there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A JSON object; several values of one name are joined by a comma, as HTTP allows (RFC 9110 §5.3).
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        let mut joined: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for (name, value) in self.iter() {
            match joined.iter_mut().find(|(found, _)| *found == name) {
                Some((_, values)) => *values = format!("{values}, {value}").into(),
                None => joined.push((name, value.into())),
            }
        }
        let mut map = target.serialize_map(Some(joined.len()))?;
        for (name, value) in &joined {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
