//! A payload, as zod 4 judges it: the same yes or no, and the same issues in the same order.
//!
//! Whoever reads the payload (for Node, the addon) says what JavaScript gave for each field; this room decides. The schema:
//!
//! ```text
//! z.object({
//!   email: z.string().email('Valid email address required for privacy compliance'),
//!   consent: z.boolean().refine(given => given === true, { message: 'Explicit opt-in consent is mandatory …' }),
//!   channelId: z.string().min(1, 'Channel identifier cannot be empty'),
//!   name: z.string().max(100).optional(),
//!   attributes: z.record(z.string(), z.any()).optional(),
//! })
//! ```

use serde_json::value::RawValue;

pub use self::builder::GuestRequestBuilder;
pub use self::issues::{Issue, Issues, Problem};
use crate::email::is_email;
use crate::error::Error;
use crate::guest_options::GuestOptions;
use crate::text::Text;

mod builder;
mod issues;

/// In UTF-16 code units, or what else calls itself `length`.
const SHORTEST_CHANNEL_ID: u8 = 1;
/// In Unicode code points, as zod counts since 4.6.
const LONGEST_NAME: u8 = 100;

/// A request that passed. Consent is given: there is no other way to have one.
#[derive(Clone)]
pub struct GuestRequest {
    /// Matches zod's e-mail pattern, so it is ASCII.
    pub email: String,
    /// Not empty.
    pub channel_id: Text,
    /// At most 100 code points.
    pub name: Option<Text>,
    /// The JSON text that `JSON.stringify` gives for the attributes.
    pub attributes: Option<Box<RawValue>>,
    /// What the call says beside the payload.
    pub options: GuestOptions,
}

/// Shows nothing: all of it is personal.
impl std::fmt::Debug for GuestRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestRequest").finish_non_exhaustive()
    }
}

/// The fields of a payload that is an object.
#[derive(Debug)]
pub struct Candidate {
    /// `email`.
    pub email: Field,
    /// `consent`.
    pub consent: Field,
    /// `channelId`.
    pub channel_id: Field,
    /// `name`.
    pub name: Field,
    /// `attributes`.
    pub attributes: Field,
}

/// What was found under one key.
#[derive(Debug)]
pub struct Field {
    /// What `payload[key]` gave.
    pub given: Given,
    /// What `key in payload` gave. A proxy may say no and give a value all the same; zod listens to both.
    pub present: bool,
}

/// A value, as far as the schema looks at it.
#[derive(Debug)]
pub enum Given {
    /// `undefined`, also where there is no such key.
    Undefined,
    /// A primitive string.
    Text(Text),
    /// A primitive boolean.
    Boolean(bool),
    /// An object that zod takes for a plain one.
    Record {
        /// How many enumerable symbols are among its keys: each is an issue.
        symbols: usize,
    },
    /// Anything else.
    Other {
        /// What zod calls it in `received …`; `None` for an object whose name nobody has asked for yet.
        received: Option<Text>,
        /// Its `length`, where it has one: zod measures it even after it refused the type.
        length: Option<Length>,
    },
}

/// The `length` of something that is not a string.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    /// Whether it is an array.
    pub array: bool,
    /// The length as a number; `NaN` is neither long nor short enough.
    pub value: f64,
}

impl Given {
    /// What zod calls it in `received …`; `None` as in [`Given::Other`].
    #[must_use]
    pub fn received(self) -> Option<Text> {
        Some(Text::from(match self {
            Self::Undefined => "undefined",
            Self::Text(_) => "string",
            Self::Boolean(_) => "boolean",
            Self::Record { .. } => "object",
            Self::Other { received, .. } => return received,
        }))
    }

    fn length(&self) -> Option<Length> {
        if let Self::Other { length, .. } = self { *length } else { None }
    }
}

impl Length {
    fn origin(self) -> &'static str {
        if self.array { "array" } else { "unknown" }
    }

    fn reaches(self, least: u8) -> bool {
        self.value >= f64::from(least)
    }

    fn fits(self, most: u8) -> bool {
        self.value <= f64::from(most)
    }
}

/// A payload that did not pass.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub issues: Issues,
    /// `email` as given, valid or not, if it is a string: for the audit record.
    pub email: Option<Text>,
    /// Whether `consent` is `true`.
    pub consent: bool,
    /// `channelId` as given, if it is a string.
    pub channel_id: Option<Text>,
}

impl Refusal {
    /// Of a payload that is not an object. `received` as in [`Given::Other`].
    #[must_use]
    pub fn not_an_object(received: Option<Text>) -> Self {
        Self { issues: Issues::not_an_object(received), email: None, consent: false, channel_id: None }
    }

    /// As an error, with the issues as zod writes them.
    #[must_use]
    pub fn to_error(&self) -> Error {
        self.issues.to_error()
    }
}

/// What an API wants of a payload beside the schema.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Whether a channel is a deployment of web messaging, whose id is a UUID.
    pub channel_is_deployment: bool,
}

/// Decides by the schema alone.
pub fn validate(candidate: Candidate) -> Result<GuestRequest, Refusal> {
    validate_for(candidate, Rules::default())
}

/// Decides. The request comes without its attributes: their JSON text is made once the rest is known to be good.
pub fn validate_for(candidate: Candidate, rules: Rules) -> Result<GuestRequest, Refusal> {
    let mut issues = Issues::default();
    let email = issues.field(Key::Email, candidate.email, |issues, given| {
        let email = issues.string(Key::Email, given)?;
        issues.report(!is_email(email.as_str()), Key::Email, Problem::NotAnEmail);
        Some(email)
    });
    let consent = issues.field(Key::Consent, candidate.consent, |issues, given| match given {
        Given::Boolean(consent) => {
            issues.report(!consent, Key::Consent, Problem::NoConsent);
            Some(consent)
        }
        other => issues.wrong_type(Key::Consent, "boolean", other),
    });
    let channel_id = issues.field(Key::ChannelId, candidate.channel_id, |issues, given| {
        let length = given.length();
        let channel_id = issues.string(Key::ChannelId, given);
        let short = match (&channel_id, length) {
            (Some(text), _) => text.as_str().is_empty().then_some("string"),
            (None, Some(length)) => (!length.reaches(SHORTEST_CHANNEL_ID)).then(|| length.origin()),
            (None, None) => None,
        };
        issues.0.extend(short.map(|origin| Issue::of(Key::ChannelId, Problem::TooShort { origin })));
        let is_odd = channel_id.as_ref().is_some_and(|id| !id.as_str().is_empty() && !is_deployment_id(id.as_str()));
        issues.report(rules.channel_is_deployment && is_odd, Key::ChannelId, Problem::NotAUuid);
        channel_id
    });
    let name = issues.field(Key::Name, candidate.name, |issues, given| {
        let length = given.length();
        let name = if matches!(given, Given::Undefined) { return None } else { issues.string(Key::Name, given) };
        let long = match (&name, length) {
            (Some(text), _) => (text.code_points() > usize::from(LONGEST_NAME)).then_some("string"),
            (None, Some(length)) => (!length.fits(LONGEST_NAME)).then(|| length.origin()),
            (None, None) => None,
        };
        issues.0.extend(long.map(|origin| Issue::of(Key::Name, Problem::TooLong { origin })));
        name
    });
    issues.field(Key::Attributes, candidate.attributes, |issues, given| match given {
        Given::Undefined => None,
        Given::Record { symbols } => {
            issues.0.extend(std::iter::repeat_with(|| Issue::of(Key::Attributes, Problem::SymbolKey)).take(symbols));
            Some(())
        }
        other => issues.wrong_type(Key::Attributes, "record", other),
    });
    match (email, consent, channel_id) {
        (Some(email), Some(true), Some(channel_id)) if issues.0.is_empty() => Ok(GuestRequest {
            email: email.into(),
            channel_id,
            name,
            attributes: None,
            options: GuestOptions::default(),
        }),
        (email, consent, channel_id) => {
            Err(Refusal { issues, email, consent: consent.unwrap_or_default(), channel_id })
        }
    }
}

/// Whether a text is the id of a deployment of web messaging: a UUID as RFC 9562 §4 writes it.
pub(crate) fn is_deployment_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// The keys of the schema, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `email`
    Email,
    /// `consent`
    Consent,
    /// `channelId`
    ChannelId,
    /// `name`
    Name,
    /// `attributes`
    Attributes,
}

impl Key {
    /// All of them, in the order in which they are read and reported.
    pub const ALL: [Self; 5] = [Self::Email, Self::Consent, Self::ChannelId, Self::Name, Self::Attributes];

    /// As JavaScript writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Consent => "consent",
            Self::ChannelId => "channelId",
            Self::Name => "name",
            Self::Attributes => "attributes",
        }
    }

    fn is_optional(self) -> bool {
        matches!(self, Self::Name | Self::Attributes)
    }
}

#[cfg(test)]
mod tests;
