//! Functions of the language and names of properties, found once in each environment.

use std::cell::RefCell;
use std::ptr::null_mut;
use std::rc::Rc;

use napi::{Env, check_status, sys};

/// What Node-API has no call for, and constants to compare with.
#[derive(Clone, Copy)]
pub(super) enum Function {
    Object,
    ObjectPrototype,
    Assign,
    GetPrototypeOf,
    PropertyIsEnumerable,
    IsArray,
    OwnKeys,
    Number,
    Stringify,
    /// Not a function: the array of all [`Property`]s. A name made once is hashed once, and Node-API 9 keeps no strings.
    Names,
}

/// Where each is found, from the global object on.
const PATHS: [&[&str]; 9] = [
    &["Object"],
    &["Object", "prototype"],
    &["Object", "assign"],
    &["Object", "getPrototypeOf"],
    &["Object", "prototype", "propertyIsEnumerable"],
    &["Array", "isArray"],
    &["Reflect", "ownKeys"],
    &["Number"],
    &["JSON", "stringify"],
];

/// Names of properties.
#[derive(Clone, Copy)]
pub(super) enum Property {
    Email,
    Consent,
    ChannelId,
    Name,
    Attributes,
    Constructor,
    Prototype,
    IsPrototypeOf,
    Length,
    Proto,
}

const NAMES: [&str; 10] = [
    "email",
    "consent",
    "channelId",
    "name",
    "attributes",
    "constructor",
    "prototype",
    "isPrototypeOf",
    "length",
    "__proto__",
];

/// References to them all.
pub(super) struct Builtins([sys::napi_ref; PATHS.len() + 1]);

thread_local! {
    /// Of the environments of this thread: nearly always one.
    static KNOWN: RefCell<Vec<(sys::napi_env, Rc<Builtins>)>> = const { RefCell::new(Vec::new()) };
}

impl Builtins {
    /// Those of `env`, found at the first call.
    pub(super) fn of(env: &Env) -> napi::Result<Rc<Self>> {
        let raw = env.raw();
        let known =
            KNOWN.with_borrow(|known| known.iter().find(|(env, _)| *env == raw).map(|(_, found)| Rc::clone(found)));
        if let Some(found) = known {
            return Ok(found);
        }
        let found = Rc::new(Self::find(raw)?);
        // Another environment may come to stand at the same address. Its references die with the environment.
        env.add_env_cleanup_hook(raw, |raw| {
            let _ = KNOWN.try_with(|known| known.borrow_mut().retain(|(env, _)| *env != raw));
        })?;
        KNOWN.with_borrow_mut(|known| known.push((raw, Rc::clone(&found))));
        Ok(found)
    }

    pub(super) fn reference(&self, function: Function) -> sys::napi_ref {
        self.0[function as usize]
    }

    fn find(env: sys::napi_env) -> napi::Result<Self> {
        let mut references = [null_mut(); PATHS.len() + 1];
        let (mut global, mut names) = (null_mut(), null_mut());
        // SAFETY: `env` is that of the call that runs now, on this thread; all pointers are to locals.
        unsafe {
            check_status!(sys::napi_get_global(env, &raw mut global))?;
            check_status!(sys::napi_create_array_with_length(env, NAMES.len(), &raw mut names))?;
        }
        for (reference, path) in references.iter_mut().zip(PATHS) {
            let mut value = global;
            for name in path {
                let object = value;
                let name = string(env, name)?;
                // SAFETY: as above; `object` and `name` are handles of this call.
                check_status!(unsafe { sys::napi_get_property(env, object, name, &raw mut value) })?;
            }
            // SAFETY: as above; `value` is an object or a function, of which references may be held.
            check_status!(unsafe { sys::napi_create_reference(env, value, 1, reference) })?;
        }
        for (i, name) in NAMES.iter().enumerate() {
            // SAFETY: as above; `names` was made above and has room for the index.
            check_status!(unsafe { sys::napi_set_element(env, names, i as u32, string(env, name)?) })?;
        }
        // SAFETY: as above.
        check_status!(unsafe { sys::napi_create_reference(env, names, 1, &raw mut references[PATHS.len()]) })?;
        Ok(Self(references))
    }
}

fn string(env: sys::napi_env, text: &str) -> napi::Result<sys::napi_value> {
    let mut value = null_mut();
    // SAFETY: `env` is that of the call that runs now; pointer and length describe `text`, which is copied.
    check_status!(unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), &raw mut value)
    })?;
    Ok(value)
}
