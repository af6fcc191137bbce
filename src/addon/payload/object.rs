//! Questions that zod asks objects, asked in the same way: through whatever a proxy or a getter makes of them.

use napi::ValueType;

use super::builtins::{Function, Property};
use super::js::{Js, Value};
use crate::validation::Length;

/// What `z.record` makes of a plain object.
pub(super) struct Record<'e> {
    /// A new object with the own enumerable properties that have strings as names, except `__proto__`.
    pub(super) copy: Value<'e>,
    /// The other own enumerable properties' names; each is an issue.
    pub(super) symbols: Vec<Value<'e>>,
}

/// zod's `isObject`.
pub(super) fn is_object<'e>(js: &Js<'e>, value: Value<'e>, kind: ValueType) -> napi::Result<bool> {
    Ok(matches!(kind, ValueType::Object | ValueType::External)
        && if is_ordinary(js, value)? { true } else { !is_array(js, value)? })
}

/// Whether it is neither a proxy nor an array, and inherits from `Object.prototype` alone: what nearly all payloads and
/// attributes are. Never says so wrongly.
fn is_ordinary<'e>(js: &Js<'e>, object: Value<'e>) -> napi::Result<bool> {
    Ok(js.equal(js.slot_prototype(object)?, js.builtin(Function::ObjectPrototype)?)? && !js.is_real_array(object)?)
}

fn is_array<'e>(js: &Js<'e>, value: Value<'e>) -> napi::Result<bool> {
    js.boolean(js.call(Function::IsArray, value, [value])?)
}

impl<'e> Record<'e> {
    /// `None` for what zod does not take for a plain object.
    pub(super) fn read(js: &Js<'e>, value: Value<'e>, kind: ValueType) -> napi::Result<Option<Self>> {
        if !matches!(kind, ValueType::Object | ValueType::External) {
            return Ok(None);
        }
        let ordinary = is_ordinary(js, value)?;
        if (!ordinary && is_array(js, value)?) || !has_plain_constructor(js, value)? {
            return Ok(None);
        }
        // Most records: nothing that `Object.assign` would treat differently, and nobody watches the steps.
        if ordinary && !js.has_own(value, js.name(Property::Proto)?)? && !js.has_symbols(value)? {
            let copy = js.call(Function::Assign, value, [js.object()?, value])?;
            return Ok(Some(Self { copy, symbols: Vec::new() }));
        }
        Self::copy_one_by_one(js, value).map(Some)
    }

    fn copy_one_by_one(js: &Js<'e>, value: Value<'e>) -> napi::Result<Self> {
        let mut record = Self { copy: js.object()?, symbols: Vec::new() };
        let proto = js.name(Property::Proto)?;
        let keys = js.call(Function::OwnKeys, value, [value])?;
        for i in 0..js.array_length(keys)? {
            let key = js.element(keys, i)?;
            if js.equal(key, proto)? || !js.boolean(js.call(Function::PropertyIsEnumerable, value, [key])?)? {
                continue;
            }
            if js.kind(key)? == ValueType::Symbol {
                record.symbols.push(key);
            } else {
                js.set(record.copy, key, js.get(value, key)?)?;
            }
        }
        Ok(record)
    }
}

/// The rest of zod's `isPlainObject`: no constructor, or one whose prototype is an `Object.prototype` of some realm.
fn has_plain_constructor<'e>(js: &Js<'e>, object: Value<'e>) -> napi::Result<bool> {
    let constructor = js.get(object, js.name(Property::Constructor)?)?;
    if js.equal(constructor, js.builtin(Function::Object)?)? {
        return Ok(true);
    }
    if js.kind(constructor)? != ValueType::Function {
        return Ok(true);
    }
    let prototype = js.get(constructor, js.name(Property::Prototype)?)?;
    Ok(is_object(js, prototype, js.kind(prototype)?)? && js.has_own(prototype, js.name(Property::IsPrototypeOf)?)?)
}

/// The `length` of an object or function, read twice as zod does: whether there is one, then how much.
pub(super) fn length<'e>(js: &Js<'e>, value: Value<'e>) -> napi::Result<Option<Length>> {
    let name = js.name(Property::Length)?;
    if js.kind(js.get(value, name)?)? == ValueType::Undefined {
        return Ok(None);
    }
    let length = js.get(value, name)?;
    // `Number` converts as `>=` does: it takes a bigint, refuses a symbol, and asks an object for a number first.
    let number = js.call(Function::Number, length, [length])?;
    let array = matches!(js.kind(value)?, ValueType::Object) && is_array(js, value)?;
    Ok(Some(Length { array, value: js.number(number)? }))
}

/// zod's `parsedType` of an object, made a string as its message does.
pub(super) fn received_name<'e>(js: &Js<'e>, object: Value<'e>) -> napi::Result<Value<'e>> {
    if is_array(js, object)? {
        return js.string("array");
    }
    let prototype = js.call(Function::GetPrototypeOf, object, [object])?;
    let constructor = js.name(Property::Constructor)?;
    if js.equal(prototype, js.builtin(Function::ObjectPrototype)?)?
        || !js.has(object, constructor)?
        || !js.truthy(js.get(object, constructor)?)?
    {
        return js.string("object");
    }
    let constructor = js.get(object, constructor)?;
    if matches!(js.kind(constructor)?, ValueType::Undefined | ValueType::Null) {
        return Err(js.cannot_read(constructor, "name")?);
    }
    let name = js.get(constructor, js.name(Property::Name)?)?;
    // zod looks the name up in an object literal, `{ nan: 'NaN' }`, so that a class named `toString` is known by a function.
    let known = js.object()?;
    js.set(known, js.string("nan")?, js.string("NaN")?)?;
    let entry = js.get(known, name)?;
    let nothing = matches!(js.kind(entry)?, ValueType::Undefined | ValueType::Null);
    js.to_string(if nothing { name } else { entry })
}
