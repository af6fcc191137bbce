//! A guest request, as `lib/payload.js` found it: the values of its fields, read there in zod's order, on their way to
//! [`validation`](crate::validation), which decides.

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue as _, ValueType};
use napi_derive::napi;
use serde_json::value::RawValue;

use self::js::{Js, Value};
use crate::audit::Subject;
use crate::error::Error;
use crate::text::Text;
use crate::validation::{Candidate, Field, Given, GuestRequest, Key, Length, Refusal, validate};

mod js;

/// Bits of `traits`, above those that say which [`Key`]s are present.
const IS_OBJECT: u32 = 1 << 5;
const HAS_RECORD: u32 = 1 << 6;

/// What nearly no payload has, but zod would look at.
#[napi(object)]
pub struct Oddities {
    /// Enumerable symbols among the keys of `attributes`.
    pub symbols: u32,
    /// The `length` of a `channelId` that is no string.
    pub channel_length: Option<f64>,
    /// Whether that `channelId` is an array.
    pub channel_array: bool,
    /// The `length` of a `name` that is no string.
    pub name_length: Option<f64>,
    /// Whether that `name` is an array.
    pub name_array: bool,
}

/// A payload's fields: five values, what is known of them, and the payload itself in the place of the first where it is no
/// object.
pub(super) struct Found<'e> {
    pub(super) traits: u32,
    /// By [`Key`].
    pub(super) values: [Unknown<'e>; Key::ALL.len()],
    pub(super) oddities: Option<Oddities>,
}

/// A payload that did not pass.
pub(super) struct Refused(Refusal);

impl Refused {
    /// Who it was, as far as it was said.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            email: self.0.email.as_ref().map(Text::as_str),
            consent: self.0.consent,
            channel_id: self.0.channel_id.as_ref().map(Text::as_str),
        }
    }

    /// The error, with zod's issues. Where one is about an object, JavaScript adds what zod calls it.
    pub(super) fn to_error(&self) -> Error {
        self.0.to_error()
    }
}

/// A request that passed; `write` gives the JSON text of its attributes, asked last. An `Err` outside is an exception of user
/// code, or the `TypeError` of `JSON.stringify`.
pub(super) fn read<'e>(env: Env, found: &Found<'e>, write: Unknown<'e>) -> napi::Result<Result<GuestRequest, Refused>> {
    let js = Js::new(env);
    Ok(match validate_found(&js, found)? {
        Ok(mut request) => {
            if found.has_record() {
                request.attributes = attributes(&js, adopt(write), adopt(found.values[Key::Attributes as usize]))?;
            }
            Ok(request)
        }
        Err(refusal) => Err(Refused(refusal)),
    })
}

/// For `GuestRequestSchema`: the JSON of the issues, or nothing for a payload that passes.
#[napi(catch_unwind)]
pub fn validate_payload(
    env: Env,
    traits: u32,
    email: Unknown<'_>,
    consent: Unknown<'_>,
    channel_id: Unknown<'_>,
    name: Unknown<'_>,
    attributes: Unknown<'_>,
    oddities: Option<Oddities>,
) -> napi::Result<Option<String>> {
    let found = Found { traits, values: [email, consent, channel_id, name, attributes], oddities };
    Ok(validate_found(&Js::new(env), &found)?.err().map(|refusal| refusal.issues.to_json()))
}

fn adopt(value: Unknown<'_>) -> Value<'_> {
    // SAFETY: napi's glue hands over handles of the call that runs now.
    unsafe { Js::adopt(value.raw()) }
}

fn validate_found<'e>(js: &Js<'e>, found: &Found<'e>) -> napi::Result<Result<GuestRequest, Refusal>> {
    let field = |key: Key| napi::Result::Ok(Field { given: found.given(js, key)?, present: found.is_present(key) });
    if found.traits & IS_OBJECT == 0 {
        return Ok(Err(Refusal::not_an_object(found.given(js, Key::Email)?.received())));
    }
    Ok(validate(Candidate {
        email: field(Key::Email)?,
        consent: field(Key::Consent)?,
        channel_id: field(Key::ChannelId)?,
        name: field(Key::Name)?,
        attributes: field(Key::Attributes)?,
    }))
}

impl<'e> Found<'e> {
    fn is_present(&self, key: Key) -> bool {
        self.traits & (1 << key as u32) != 0
    }

    fn has_record(&self) -> bool {
        self.traits & HAS_RECORD != 0 && self.is_present(Key::Attributes)
    }

    fn given(&self, js: &Js<'e>, key: Key) -> napi::Result<Given> {
        let oddities = self.oddities.as_ref();
        if key == Key::Attributes && self.traits & HAS_RECORD != 0 {
            return Ok(Given::Record { symbols: oddities.map_or(0, |odd| odd.symbols as usize) });
        }
        let value = adopt(self.values[key as usize]);
        let received = match js.kind(value)? {
            ValueType::Undefined => return Ok(Given::Undefined),
            ValueType::String => return Ok(Given::Text(js.text(value)?)),
            ValueType::Boolean => return Ok(Given::Boolean(js.boolean(value)?)),
            ValueType::Null => Some("null"),
            ValueType::Number => Some(name_of_number(js.number(value)?)),
            ValueType::Symbol => Some("symbol"),
            ValueType::BigInt => Some("bigint"),
            ValueType::Function => Some("function"),
            _ => None,
        };
        let length = oddities.and_then(|odd| odd.length(key));
        Ok(Given::Other { received: received.map(Text::from), length })
    }
}

impl Oddities {
    fn length(&self, key: Key) -> Option<Length> {
        let (value, array) = match key {
            Key::ChannelId => (self.channel_length, self.channel_array),
            Key::Name => (self.name_length, self.name_array),
            _ => return None,
        };
        value.map(|value| Length { array, value })
    }
}

fn name_of_number(number: f64) -> &'static str {
    match number {
        number if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "number",
    }
}

/// What `write` gives for attributes, `{"attributes":…}`; nothing where `JSON.stringify` leaves them out, as for a `toJSON`
/// that returns nothing.
fn attributes<'e>(js: &Js<'e>, write: Value<'e>, attributes: Value<'e>) -> napi::Result<Option<Box<RawValue>>> {
    let json = js.text(js.call(write, attributes)?)?;
    let value = json.as_str().strip_prefix("{\"attributes\":").and_then(|rest| rest.strip_suffix('}'));
    let raw = value.map(|value| RawValue::from_string(value.to_owned())).transpose();
    raw.map_err(|error| napi::Error::from_reason(error.to_string()))
}
