//! A guest request, read from a JavaScript value as zod reads it.
//!
//! zod's steps are visible to proxies and getters, so they are taken here one by one in its order: for each key of the
//! schema `payload[key]`, what its type needs to know, then `key in payload`. Whatever user code throws on the way goes on to
//! the caller, as it is. [`validation`](crate::validation) decides; what an object is called in `received …` is asked last, as
//! zod does.

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue as _, ValueType};
use napi_derive::napi;
use serde_json::value::RawValue;

use self::builtins::{Function, Property};
use self::js::{Js, Value};
use self::object::Record;
use crate::audit::Subject;
use crate::error::Error;
use crate::text::Text;
use crate::validation::{Candidate, Field, Given, GuestRequest, Issue, Key, Problem, Refusal, validate};

mod builtins;
mod js;
mod object;

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

    /// The error, with zod's issues.
    pub(super) fn to_error(&self) -> Error {
        self.0.to_error()
    }
}

/// Reads a request, its attributes as the JSON text that `JSON.stringify` gives for what zod would return. An `Err` outside
/// is an exception of user code, or the `TypeError` of `JSON.stringify`.
pub(super) fn read(env: &Env, payload: Unknown<'_>) -> napi::Result<Result<GuestRequest, Refused>> {
    let js = Js::new(env)?;
    // SAFETY: napi's glue hands over a handle of the call that runs now.
    let payload = unsafe { Js::adopt(payload.raw()) };
    let seen = Seen::inspect(&js, payload)?;
    Ok(match seen.verdict {
        Ok(mut request) => {
            request.attributes = seen.record.map_or(Ok(None), |record| stringify(&js, record.copy))?;
            Ok(request)
        }
        Err(mut refusal) => {
            for issue in refusal.issues.as_mut_slice() {
                let value = issue.key.map_or(payload, |key| seen.values[key as usize]);
                if let Problem::WrongType { received: received @ None, .. } = &mut issue.problem {
                    *received = Some(js.text(object::received_name(&js, value)?)?);
                }
            }
            Err(Refused(refusal))
        }
    })
}

/// For `GuestRequestSchema`. A payload that passes goes to `build(email, consent, channelId, name, attributes, hasName,
/// hasAttributes)`, and what that returns is returned: JavaScript makes an object several times faster than Node-API. For one
/// that does not pass, an array is returned: the JSON text of the issues, then a value for each issue that JSON cannot hold, in
/// order. That is the symbol at the end of the path of an `invalid_key`, and an object whose name, from [`received_name_of`],
/// belongs to the end of the message of an `invalid_type` that ends with `received `.
#[napi(catch_unwind)]
pub fn validate_payload<'e>(env: &'e Env, payload: Unknown<'e>, build: Unknown<'e>) -> napi::Result<Unknown<'e>> {
    let js = Js::new(env)?;
    // SAFETY: napi's glue hands over handles of the call that runs now.
    let (payload, build) = unsafe { (Js::adopt(payload.raw()), Js::adopt(build.raw())) };
    let seen = Seen::inspect(&js, payload)?;
    let result = match &seen.verdict {
        Ok(_) => seen.build(&js, build)?,
        Err(refusal) => seen.failure(&js, refusal)?,
    };
    // SAFETY: made in this call, in whose scope the result is handed over.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), result.raw()) })
}

/// What zod calls an object in `received …`. May run, and throw, what the object defines.
#[napi(catch_unwind)]
pub fn received_name_of<'e>(env: &'e Env, value: Unknown<'e>) -> napi::Result<Unknown<'e>> {
    let js = Js::new(env)?;
    // SAFETY: napi's glue hands over a handle of the call that runs now.
    let name = object::received_name(&js, unsafe { Js::adopt(value.raw()) })?;
    // SAFETY: made in this call, in whose scope the result is handed over.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), name.raw()) })
}

/// What was found in a payload.
struct Seen<'e> {
    payload: Value<'e>,
    /// By [`Key`].
    values: [Value<'e>; Key::ALL.len()],
    /// By [`Key`].
    present: [bool; Key::ALL.len()],
    record: Option<Record<'e>>,
    verdict: Result<GuestRequest, Refusal>,
}

impl<'e> Seen<'e> {
    fn inspect(js: &Js<'e>, payload: Value<'e>) -> napi::Result<Self> {
        let kind = js.kind(payload)?;
        let (mut values, mut present, mut record) = ([payload; Key::ALL.len()], [false; Key::ALL.len()], None);
        let verdict = if object::is_object(js, payload, kind)? {
            let mut field = |key: Key| {
                let name = js.name(name_of(key))?;
                let value = js.get(payload, name)?;
                let given = match key {
                    Key::Attributes => attributes(js, value, &mut record)?,
                    _ => given(js, key, value)?,
                };
                let there = js.has(payload, name)?;
                (values[key as usize], present[key as usize]) = (value, there);
                napi::Result::Ok(Field { given, present: there })
            };
            validate(Candidate {
                email: field(Key::Email)?,
                consent: field(Key::Consent)?,
                channel_id: field(Key::ChannelId)?,
                name: field(Key::Name)?,
                attributes: field(Key::Attributes)?,
            })
        } else {
            Err(Refusal::not_an_object(other(js, payload, kind)?.received()))
        };
        if !present[Key::Attributes as usize] {
            record = None;
        }
        Ok(Self { payload, values, present, record, verdict })
    }

    /// See [`validate_payload`].
    fn build(&self, js: &Js<'e>, build: Value<'e>) -> napi::Result<Value<'e>> {
        let [email, consent, channel_id, name, attributes] = self.values;
        let attributes = self.record.as_ref().map_or(attributes, |record| record.copy);
        let has_name = js.bool_value(self.present[Key::Name as usize])?;
        let has_attributes = js.bool_value(self.present[Key::Attributes as usize])?;
        js.call_value(build, build, [email, consent, channel_id, name, attributes, has_name, has_attributes])
    }

    /// See [`validate_payload`].
    fn failure(&self, js: &Js<'e>, refusal: &Refusal) -> napi::Result<Value<'e>> {
        let mut parts = vec![js.string(&refusal.issues.to_json())?];
        let mut symbols = self.record.iter().flat_map(|record| &record.symbols);
        for issue in refusal.issues.as_slice() {
            match issue.problem {
                Problem::WrongType { received: None, .. } => parts.push(self.at(issue)),
                Problem::SymbolKey => parts.extend(symbols.next()),
                _ => {}
            }
        }
        js.array(&parts)
    }

    /// The value that an issue is about.
    fn at(&self, issue: &Issue) -> Value<'e> {
        issue.key.map_or(self.payload, |key| self.values[key as usize])
    }
}

fn name_of(key: Key) -> Property {
    match key {
        Key::Email => Property::Email,
        Key::Consent => Property::Consent,
        Key::ChannelId => Property::ChannelId,
        Key::Name => Property::Name,
        Key::Attributes => Property::Attributes,
    }
}

fn given<'e>(js: &Js<'e>, key: Key, value: Value<'e>) -> napi::Result<Given> {
    let kind = js.kind(value)?;
    Ok(match kind {
        ValueType::String => Given::Text(js.text(value)?),
        ValueType::Boolean => Given::Boolean(js.boolean(value)?),
        ValueType::Object | ValueType::Function | ValueType::External if matches!(key, Key::ChannelId | Key::Name) => {
            match other(js, value, kind)? {
                Given::Other { received, .. } => Given::Other { received, length: object::length(js, value)? },
                given => given,
            }
        }
        _ => other(js, value, kind)?,
    })
}

fn attributes<'e>(js: &Js<'e>, value: Value<'e>, record: &mut Option<Record<'e>>) -> napi::Result<Given> {
    let kind = js.kind(value)?;
    *record = Record::read(js, value, kind)?;
    match record {
        Some(record) => Ok(Given::Record { symbols: record.symbols.len() }),
        None => other(js, value, kind),
    }
}

/// A value of which only zod's name for its type matters.
fn other<'e>(js: &Js<'e>, value: Value<'e>, kind: ValueType) -> napi::Result<Given> {
    let received = match kind {
        ValueType::Undefined => return Ok(Given::Undefined),
        ValueType::Null => "null",
        ValueType::Boolean => "boolean",
        ValueType::Number => match js.number(value)? {
            number if number.is_nan() => "NaN",
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "number",
        },
        ValueType::String => "string",
        ValueType::Symbol => "symbol",
        ValueType::BigInt => "bigint",
        ValueType::Function => "function",
        _ if js.is_real_array(value)? => "array",
        _ => return Ok(Given::Other { received: None, length: None }),
    };
    Ok(Given::Other { received: Some(received.into()), length: None })
}

/// What `JSON.stringify` writes for `attributes` in a request; nothing where it leaves them out, as for a `toJSON` that returns
/// nothing. Asked inside an object, because a `toJSON` is told the key under which it stands.
fn stringify<'e>(js: &Js<'e>, attributes: Value<'e>) -> napi::Result<Option<Box<RawValue>>> {
    let request = js.object()?;
    js.set(request, js.name(Property::Attributes)?, attributes)?;
    let json = js.text(js.call(Function::Stringify, request, [request])?)?;
    let value = json.as_str().strip_prefix("{\"attributes\":").and_then(|rest| rest.strip_suffix('}'));
    let raw = value.map(|value| RawValue::from_string(value.to_owned())).transpose();
    raw.map_err(|error| napi::Error::from_reason(error.to_string()))
}
