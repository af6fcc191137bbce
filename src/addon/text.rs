//! JavaScript's strings, lone surrogates and all.

use napi::Env;
use napi::bindgen_prelude::{FromNapiValue, ToNapiValue};
use napi::{check_status, sys};
use napi_derive::napi;

use super::node_api::Js;
use crate::sessions::key;
use crate::text::Text;

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let js = Js::new(Env::from_raw(env));
        // SAFETY: a handle of the call that runs now; napi's glue says so.
        js.text(unsafe { Js::adopt(value) })
    }
}

impl ToNapiValue for Text {
    unsafe fn to_napi_value(env: sys::napi_env, text: Self) -> napi::Result<sys::napi_value> {
        let mut value = std::ptr::null_mut();
        // SAFETY: `env` is the environment whose thread this runs on; pointers and lengths describe what is copied.
        check_status!(unsafe {
            if let Some(units) = text.units() {
                sys::napi_create_string_utf16(env, units.as_ptr(), units.len().cast_signed(), &raw mut value)
            } else {
                let plain = text.as_str();
                sys::napi_create_string_utf8(env, plain.as_ptr().cast(), plain.len().cast_signed(), &raw mut value)
            }
        })?;
        Ok(value)
    }
}

/// The key of the session of an address and a channel.
#[napi(catch_unwind, ts_return_type = "string")]
pub fn session_key(
    #[napi(ts_arg_type = "string")] email: Text,
    #[napi(ts_arg_type = "string")] channel_id: Text,
) -> Text {
    key::session_key(&email, &channel_id)
}
