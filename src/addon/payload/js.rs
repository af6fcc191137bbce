//! JavaScript's own operations on values, one Node-API call each.
//!
//! napi's typed wrappers convert and check what is not needed here; reading a payload is a dozen such calls, so each counts.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::rc::Rc;

use napi::{Env, Status, ValueType, check_status, sys};

use super::builtins::{Builtins, Function, Property};
use crate::text::Text;

/// A value, alive as long as the call from JavaScript in which it was had.
#[derive(Clone, Copy)]
pub(super) struct Value<'e>(sys::napi_value, PhantomData<&'e Env>);

impl Value<'_> {
    pub(super) fn raw(self) -> sys::napi_value {
        self.0
    }
}

/// Node-API writes whole characters, of four bytes at most, and a zero byte after them: with so much room left, it was not
/// for want of room that it stopped.
const SPARE: usize = 5;

/// Enough for nearly every string and most attributes, without asking for their length first.
const ROOM: usize = 1024;

/// An environment while JavaScript calls into it, with the language's own functions at hand.
pub(super) struct Js<'e> {
    env: sys::napi_env,
    builtins: Rc<Builtins>,
    names: Value<'e>,
    life: PhantomData<&'e Env>,
}

/// Calls Node-API and makes its status a result. An exception that a call raised stays pending: whoever returns such an
/// error to napi's glue lets it go on to the caller, as it is.
macro_rules! call {
    ($js:ident . $function:ident ( $($argument:expr),* )) => {
        // SAFETY: `$js.env` is the environment of the call from JavaScript that runs now, on this thread, because a `Js` and its
        // values cannot outlive that call; pointers for results point to locals, and lengths belong to their buffers.
        check_status!(unsafe { sys::$function($js.env, $($argument),*) })
    };
}

impl<'e> Js<'e> {
    pub(super) fn new(env: &'e Env) -> napi::Result<Self> {
        let mut js = Self {
            env: env.raw(),
            builtins: Builtins::of(env)?,
            names: Value(null_mut(), PhantomData),
            life: PhantomData,
        };
        js.names = js.builtin(Function::Names)?;
        Ok(js)
    }

    /// Takes over a handle of this call.
    ///
    /// # Safety
    ///
    /// `raw` is a handle of this environment whose scope lasts as long as `'e`.
    pub(super) unsafe fn adopt(raw: sys::napi_value) -> Value<'e> {
        Value(raw, PhantomData)
    }

    fn value(&self, raw: sys::napi_value) -> Value<'e> {
        Value(raw, self.life)
    }

    /// `typeof`, but for `null`, which has a kind of its own.
    pub(super) fn kind(&self, value: Value<'e>) -> napi::Result<ValueType> {
        let mut kind = 0;
        call!(self.napi_typeof(value.0, &raw mut kind))?;
        Ok(ValueType::from(kind))
    }

    /// `===`
    pub(super) fn equal(&self, one: Value<'e>, other: Value<'e>) -> napi::Result<bool> {
        let mut equal = false;
        call!(self.napi_strict_equals(one.0, other.0, &raw mut equal))?;
        Ok(equal)
    }

    /// A function of the language.
    pub(super) fn builtin(&self, function: Function) -> napi::Result<Value<'e>> {
        let mut value = null_mut();
        call!(self.napi_get_reference_value(self.builtins.reference(function), &raw mut value))?;
        Ok(self.value(value))
    }

    /// A property's name as a string, ready to be looked up.
    pub(super) fn name(&self, name: Property) -> napi::Result<Value<'e>> {
        self.element(self.names, name as u32)
    }

    /// `object[key]`
    pub(super) fn get(&self, object: Value<'e>, key: Value<'e>) -> napi::Result<Value<'e>> {
        let mut value = null_mut();
        call!(self.napi_get_property(object.0, key.0, &raw mut value))?;
        Ok(self.value(value))
    }

    /// `key in object`
    pub(super) fn has(&self, object: Value<'e>, key: Value<'e>) -> napi::Result<bool> {
        let mut has = false;
        call!(self.napi_has_property(object.0, key.0, &raw mut has))?;
        Ok(has)
    }

    /// `Object.hasOwn(object, key)`
    pub(super) fn has_own(&self, object: Value<'e>, key: Value<'e>) -> napi::Result<bool> {
        let mut has = false;
        call!(self.napi_has_own_property(object.0, key.0, &raw mut has))?;
        Ok(has)
    }

    /// `object[key] = value`
    pub(super) fn set(&self, object: Value<'e>, key: Value<'e>, value: Value<'e>) -> napi::Result<()> {
        call!(self.napi_set_property(object.0, key.0, value.0))
    }

    /// `{}`
    pub(super) fn object(&self) -> napi::Result<Value<'e>> {
        let mut object = null_mut();
        call!(self.napi_create_object(&raw mut object))?;
        Ok(self.value(object))
    }

    /// An array of `values`.
    pub(super) fn array(&self, values: &[Value<'e>]) -> napi::Result<Value<'e>> {
        let mut array = null_mut();
        call!(self.napi_create_array_with_length(values.len(), &raw mut array))?;
        for (i, value) in values.iter().enumerate() {
            call!(self.napi_set_element(array, i as u32, value.0))?;
        }
        Ok(self.value(array))
    }

    /// `array[index]`
    pub(super) fn element(&self, array: Value<'e>, index: u32) -> napi::Result<Value<'e>> {
        let mut value = null_mut();
        call!(self.napi_get_element(array.0, index, &raw mut value))?;
        Ok(self.value(value))
    }

    /// `array.length`, of an array that is one.
    pub(super) fn array_length(&self, array: Value<'e>) -> napi::Result<u32> {
        let mut length = 0;
        call!(self.napi_get_array_length(array.0, &raw mut length))?;
        Ok(length)
    }

    /// Whether it is an array itself: no for a proxy of one, without asking the proxy.
    pub(super) fn is_real_array(&self, value: Value<'e>) -> napi::Result<bool> {
        let mut is = false;
        call!(self.napi_is_array(value.0, &raw mut is))?;
        Ok(is)
    }

    /// The prototype in the object's own slot: `null` for a proxy, without asking it.
    pub(super) fn slot_prototype(&self, object: Value<'e>) -> napi::Result<Value<'e>> {
        let mut prototype = null_mut();
        call!(self.napi_get_prototype(object.0, &raw mut prototype))?;
        Ok(self.value(prototype))
    }

    /// The own enumerable symbols of an object that is no proxy.
    pub(super) fn has_symbols(&self, object: Value<'e>) -> napi::Result<bool> {
        let mut symbols = null_mut();
        call!(self.napi_get_all_property_names(
            object.0,
            sys::KeyCollectionMode::own_only,
            sys::KeyFilter::enumerable | sys::KeyFilter::skip_strings,
            sys::KeyConversion::keep_numbers,
            &raw mut symbols
        ))?;
        Ok(self.array_length(self.value(symbols))? > 0)
    }

    /// `function.call(this, ...arguments)`
    pub(super) fn call<const N: usize>(
        &self,
        function: Function,
        this: Value<'e>,
        arguments: [Value<'e>; N],
    ) -> napi::Result<Value<'e>> {
        self.call_value(self.builtin(function)?, this, arguments)
    }

    /// The same for a function of the caller's.
    pub(super) fn call_value<const N: usize>(
        &self,
        function: Value<'e>,
        this: Value<'e>,
        arguments: [Value<'e>; N],
    ) -> napi::Result<Value<'e>> {
        let arguments = arguments.map(Value::raw);
        let mut result = null_mut();
        call!(self.napi_call_function(this.0, function.0, N, arguments.as_ptr(), &raw mut result))?;
        Ok(self.value(result))
    }

    /// The value of a primitive boolean.
    pub(super) fn boolean(&self, value: Value<'e>) -> napi::Result<bool> {
        let mut boolean = false;
        call!(self.napi_get_value_bool(value.0, &raw mut boolean))?;
        Ok(boolean)
    }

    /// `true` or `false`
    pub(super) fn bool_value(&self, boolean: bool) -> napi::Result<Value<'e>> {
        let mut value = null_mut();
        call!(self.napi_get_boolean(boolean, &raw mut value))?;
        Ok(self.value(value))
    }

    /// `Boolean(value)`
    pub(super) fn truthy(&self, value: Value<'e>) -> napi::Result<bool> {
        let mut boolean = null_mut();
        call!(self.napi_coerce_to_bool(value.0, &raw mut boolean))?;
        self.boolean(self.value(boolean))
    }

    /// The value of a primitive number.
    pub(super) fn number(&self, value: Value<'e>) -> napi::Result<f64> {
        let mut number = 0.0;
        call!(self.napi_get_value_double(value.0, &raw mut number))?;
        Ok(number)
    }

    /// `${value}`
    pub(super) fn to_string(&self, value: Value<'e>) -> napi::Result<Value<'e>> {
        let mut string = null_mut();
        call!(self.napi_coerce_to_string(value.0, &raw mut string))?;
        Ok(self.value(string))
    }

    /// A string made of `text`.
    pub(super) fn string(&self, text: &str) -> napi::Result<Value<'e>> {
        let mut string = null_mut();
        let length = text.len().cast_signed();
        call!(self.napi_create_string_utf8(text.as_ptr().cast(), length, &raw mut string))?;
        Ok(self.value(string))
    }

    /// The content of a primitive string.
    pub(super) fn text(&self, string: Value<'e>) -> napi::Result<Text> {
        let mut room = [MaybeUninit::uninit(); ROOM];
        let written = self.write_utf8(string, &mut room)?;
        let bytes = if written.len() + SPARE <= ROOM {
            written.to_vec()
        } else {
            let mut length = 0;
            call!(self.napi_get_value_string_utf8(string.0, null_mut(), 0, &raw mut length))?;
            let mut room = vec![MaybeUninit::uninit(); length + SPARE];
            self.write_utf8(string, &mut room)?.to_vec()
        };
        match String::from_utf8(bytes) {
            // Each lone surrogate has become U+FFFD; only the UTF-16 can tell them from real ones.
            Ok(text) if text.is_ascii() || !text.contains('\u{fffd}') => Ok(Text::from(text)),
            _ => self.text_from_units(string),
        }
    }

    /// As much of a string as there is room for.
    fn write_utf8<'r>(&self, string: Value<'e>, room: &'r mut [MaybeUninit<u8>]) -> napi::Result<&'r [u8]> {
        let mut length = 0;
        let start = room.as_mut_ptr().cast();
        call!(self.napi_get_value_string_utf8(string.0, start, room.len(), &raw mut length))?;
        // SAFETY: so many bytes have been written to the beginning of `room`.
        Ok(unsafe { std::slice::from_raw_parts(start.cast(), length) })
    }

    #[cold]
    fn text_from_units(&self, string: Value<'e>) -> napi::Result<Text> {
        let mut length = 0;
        call!(self.napi_get_value_string_utf16(string.0, null_mut(), 0, &raw mut length))?;
        let mut units = vec![0_u16; length + 1];
        call!(self.napi_get_value_string_utf16(string.0, units.as_mut_ptr(), units.len(), &raw mut length))?;
        units.truncate(length);
        Ok(Text::from_utf16(&units))
    }

    /// Throws what `undefined.name` throws.
    #[cold]
    pub(super) fn cannot_read(&self, value: Value<'e>, name: &str) -> napi::Result<napi::Error> {
        let message =
            format!("Cannot read properties of {} (reading '{name}')\0", self.text(self.to_string(value)?)?.as_str());
        call!(self.napi_throw_type_error(std::ptr::null(), message.as_ptr().cast()))?;
        Ok(napi::Error::from_status(Status::PendingException))
    }
}
