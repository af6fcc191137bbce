//! Events and records as templates. The same serializer writes an event for the core, with its values, and once for
//! JavaScript, with the places of the values: JavaScript fills them in for each call.

use serde::Serialize;

/// What a call has found out, by its place in the array that JavaScript fills a template from; first in it, at 0, is the
/// API's whole answer. The last two are the caller's own texts: in UTF-8 they could lose half a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    GuestId = 1,
    CrmTier,
    LatencyMs,
    ExpiresIn,
    Timestamp,
    Enrichment,
    RequestId,
    /// The address as audit records show it.
    ShownEmail,
    Email,
    ChannelId,
}

/// A member of an event or a record.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum Member<T> {
    /// As it is.
    Value(T),
    /// In a template: `{"fact": place}`.
    Place {
        /// Which fact belongs here.
        fact: u8,
    },
}

impl<T> Member<T> {
    /// The place of a fact.
    pub(crate) fn place(fact: Fact) -> Self {
        Self::Place { fact: fact as u8 }
    }
}

impl<T> From<T> for Member<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}
