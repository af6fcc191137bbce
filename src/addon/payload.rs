//! A guest request, as `lib/payload.js` found it: the values of its fields, read there in zod's order, on their way to
//! [`validation`](crate::validation), which decides.

use napi::bindgen_prelude::{FromNapiValue, Unknown};
use napi::{Env, JsValue as _, ValueType, check_status, sys};
use napi_derive::napi;
use serde_json::value::RawValue;

use super::node_api::{Js, Value};
use crate::audit::Subject;
use crate::error::{Code, Error};
use crate::text::Text;
use crate::validation::{Candidate, Field, Given, GuestRequest, Key, Length, Refusal, Rules, validate_for};

/// Where what was found stands in a `Payload`. An element of an array costs a third of a property of an object.
#[napi]
pub enum PayloadPart {
    /// The value of `email`; the payload itself where that is no object.
    Email,
    /// The value of `consent`.
    Consent,
    /// The value of `channelId`.
    ChannelId,
    /// The value of `name`.
    Name,
    /// The value of `attributes`; with `PayloadTrait.HasRecord` a copy, as zod would return it.
    Attributes,
    /// The sum of the `PayloadTrait`s.
    Traits,
    /// `Oddities`, or `undefined`.
    Oddities,
}

/// What is known of a payload; each is a bit.
#[napi]
pub enum PayloadTrait {
    /// `'email' in payload`
    HasEmail = 1,
    /// `'consent' in payload`
    HasConsent = 2,
    /// `'channelId' in payload`
    HasChannelId = 4,
    /// `'name' in payload`
    HasName = 8,
    /// `'attributes' in payload`
    HasAttributes = 16,
    /// It is an object and no array.
    IsObject = 32,
    /// What zod calls a plain object is in `attributes`.
    HasRecord = 64,
    /// There are `Oddities`.
    HasOddities = 128,
}

/// Rare properties of a payload that zod looks at.
#[napi(object, object_to_js = false)]
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

/// A payload's fields and what is known of them. In JavaScript an array, whose elements [`PayloadPart`] names.
pub struct Payload<'e> {
    traits: u32,
    /// By [`Key`].
    values: [Value<'e>; Key::ALL.len()],
    oddities: Option<Oddities>,
}

impl FromNapiValue for Payload<'_> {
    unsafe fn from_napi_value(env: sys::napi_env, array: sys::napi_value) -> napi::Result<Self> {
        let part = |part: u32| {
            let mut value = std::ptr::null_mut();
            // SAFETY: `env` and `array` belong to the call that runs now; napi's glue says so. `value` is a local.
            check_status!(unsafe { sys::napi_get_element(env, array, part, &raw mut value) })?;
            napi::Result::Ok(value)
        };
        // SAFETY: handles of this call, here and below, whose scope `'_` cannot outlive.
        let traits = unsafe { u32::from_napi_value(env, part(PayloadPart::Traits as u32)?)? };
        let mut payload = Self { traits, values: [Value::NONE; Key::ALL.len()], oddities: None };
        for key in Key::ALL {
            payload.values[key as usize] = unsafe { Js::adopt(part(key as u32)?) };
        }
        if payload.has(PayloadTrait::HasOddities as u32) {
            payload.oddities = Some(unsafe { Oddities::from_napi_value(env, part(PayloadPart::Oddities as u32)?)? });
        }
        Ok(payload)
    }
}

/// A payload that did not pass.
pub(super) enum Refused {
    /// It is no guest request.
    Invalid(Refusal),
    /// Its attributes cannot be written as JSON; JavaScript has the reason.
    Unwritable(GuestRequest),
}

impl Refused {
    /// Who it was, as far as it was said.
    pub(super) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Invalid(refusal) => Subject {
                email: refusal.email.as_ref().map(Text::as_str),
                consent: refusal.consent,
                channel_id: refusal.channel_id.as_ref().map(Text::as_str),
            },
            Self::Unwritable(request) => Subject::of(request),
        }
    }

    /// The error, with zod's issues. Where one is about an object, JavaScript adds what zod calls it.
    pub(super) fn to_error(&self) -> Error {
        match self {
            Self::Invalid(refusal) => refusal.to_error(),
            Self::Unwritable(_) => Error::new(Code::ValidationFailed, "attributes cannot be written as JSON"),
        }
    }
}

/// A request that passed. `write` gives the JSON text of its attributes, asked last, or `undefined` where they have none. `rules` are the API's.
pub(super) fn read<'e>(
    env: Env,
    payload: &Payload<'e>,
    write: Unknown<'e>,
    rules: Rules,
) -> napi::Result<Result<GuestRequest, Refused>> {
    let js = Js::new(env);
    let mut request = match judge(&js, payload, rules)? {
        Ok(request) => request,
        Err(refusal) => return Ok(Err(Refused::Invalid(refusal))),
    };
    if payload.has_record() {
        // SAFETY: napi's glue hands over handles of the call that runs now.
        let write = unsafe { Js::adopt(write.raw()) };
        let json = js.call(write, payload.values[Key::Attributes as usize])?;
        if js.kind(json)? != ValueType::String {
            return Ok(Err(Refused::Unwritable(request)));
        }
        request.attributes = attributes(js.text(json)?.as_str())?;
    }
    Ok(Ok(request))
}

/// For `GuestRequestSchema`: the JSON of the issues, or nothing for a payload that passes.
#[napi(catch_unwind)]
pub fn validate_payload(
    env: Env,
    #[napi(ts_arg_type = "import('./payload').Payload")] payload: Payload<'_>,
) -> napi::Result<Option<String>> {
    Ok(judge(&Js::new(env), &payload, Rules::default())?.err().map(|refusal| refusal.issues.to_json()))
}

fn judge<'e>(js: &Js<'e>, payload: &Payload<'e>, rules: Rules) -> napi::Result<Result<GuestRequest, Refusal>> {
    let field =
        |key: Key| napi::Result::Ok(Field { given: payload.given(js, key)?, present: payload.has(1 << key as u32) });
    if !payload.has(PayloadTrait::IsObject as u32) {
        return Ok(Err(Refusal::not_an_object(payload.given(js, Key::Email)?.received())));
    }
    let candidate = Candidate {
        email: field(Key::Email)?,
        consent: field(Key::Consent)?,
        channel_id: field(Key::ChannelId)?,
        name: field(Key::Name)?,
        attributes: field(Key::Attributes)?,
    };
    Ok(validate_for(candidate, rules))
}

impl<'e> Payload<'e> {
    fn has(&self, bit: u32) -> bool {
        self.traits & bit != 0
    }

    fn has_record(&self) -> bool {
        self.has(PayloadTrait::HasRecord as u32) && self.has(PayloadTrait::HasAttributes as u32)
    }

    fn given(&self, js: &Js<'e>, key: Key) -> napi::Result<Given> {
        let oddities = self.oddities.as_ref();
        if key == Key::Attributes && self.has(PayloadTrait::HasRecord as u32) {
            return Ok(Given::Record { symbols: oddities.map_or(0, |odd| odd.symbols as usize) });
        }
        let value = self.values[key as usize];
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
fn attributes(json: &str) -> napi::Result<Option<Box<RawValue>>> {
    let value = json.strip_prefix("{\"attributes\":").and_then(|rest| rest.strip_suffix('}'));
    let raw = value.map(|value| RawValue::from_string(value.to_owned())).transpose();
    raw.map_err(|error| napi::Error::from_reason(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_traits_follow_the_keys() {
        let parts = [
            (PayloadPart::Email as u32, PayloadTrait::HasEmail as u32),
            (PayloadPart::Consent as u32, PayloadTrait::HasConsent as u32),
            (PayloadPart::ChannelId as u32, PayloadTrait::HasChannelId as u32),
            (PayloadPart::Name as u32, PayloadTrait::HasName as u32),
            (PayloadPart::Attributes as u32, PayloadTrait::HasAttributes as u32),
        ];
        for (key, (part, has)) in Key::ALL.into_iter().zip(parts) {
            assert_eq!((part, has), (key as u32, 1 << key as u32));
        }
    }
}
