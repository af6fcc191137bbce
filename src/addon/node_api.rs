//! JavaScript's own operations on values, one Node-API call each: napi's typed wrappers convert and check what is not needed
//! here.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use napi::{Env, ValueType, check_status, sys};

use crate::text::Text;

/// A value, alive as long as the call from JavaScript in which it was had.
#[derive(Clone, Copy)]
pub(super) struct Value<'e>(sys::napi_value, PhantomData<&'e Env>);

impl Value<'_> {
    /// Holds a place until there is a value.
    pub(super) const NONE: Self = Self(null_mut(), PhantomData);
}

/// Node-API writes whole characters of at most four bytes, and then a zero byte. If it leaves at least this many bytes of
/// the buffer unused, the whole string is in it.
const SPARE: usize = 5;

/// Enough for nearly every string and most attributes, without asking for their length first.
const ROOM: usize = 1024;

/// An environment while JavaScript calls into it.
pub(super) struct Js<'e> {
    env: sys::napi_env,
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
    pub(super) fn new(env: Env) -> Self {
        Self { env: env.raw(), life: PhantomData }
    }

    /// Takes over a handle of this call.
    ///
    /// # Safety
    ///
    /// `raw` is a handle of this environment whose scope lasts as long as `'e`.
    pub(super) unsafe fn adopt(raw: sys::napi_value) -> Value<'e> {
        Value(raw, PhantomData)
    }

    /// `typeof`, but for `null`, which has a kind of its own.
    pub(super) fn kind(&self, value: Value<'e>) -> napi::Result<ValueType> {
        let mut kind = 0;
        call!(self.napi_typeof(value.0, &raw mut kind))?;
        Ok(ValueType::from(kind))
    }

    /// `function(argument)`; the argument is also `this`, which no function that we call looks at.
    pub(super) fn call(&self, function: Value<'e>, argument: Value<'e>) -> napi::Result<Value<'e>> {
        let mut result = null_mut();
        call!(self.napi_call_function(argument.0, function.0, 1, &raw const argument.0, &raw mut result))?;
        Ok(Value(result, self.life))
    }

    /// The value of a primitive boolean.
    pub(super) fn boolean(&self, value: Value<'e>) -> napi::Result<bool> {
        let mut boolean = false;
        call!(self.napi_get_value_bool(value.0, &raw mut boolean))?;
        Ok(boolean)
    }

    /// The value of a primitive number.
    pub(super) fn number(&self, value: Value<'e>) -> napi::Result<f64> {
        let mut number = 0.0;
        call!(self.napi_get_value_double(value.0, &raw mut number))?;
        Ok(number)
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
}
