//! The boundary to Node.js: options in, results out, errors, callbacks, abort, life and death. Nothing else knows napi.
//!
//! - [`bridge`]: results of all calls of one environment, delivered to JavaScript in batches
//! - [`runtime`]: the threads that the core runs on
//! - [`payload`]: a guest request, read from a JavaScript value as zod reads it
//! - [`store`]: a session store's functions, called
//! - [`authenticator`], [`parts`]: the exported classes

#![allow(
    clippy::needless_pass_by_value,
    reason = "what JavaScript passes is owned by the glue that calls these methods"
)]
#![allow(clippy::too_many_arguments, reason = "an argument costs a fifth of a property of an object")]
#![allow(unreachable_pub, reason = "the glue wants its items public; JavaScript reaches them")]
#![cfg_attr(test, allow(dead_code, reason = "in tests the glue that calls these methods is left out"))]
#![allow(unsafe_code, reason = "Node-API is a C interface; each block says why it is sound")]

/// Requests are allocated by one thread and freed by another, which costs the system's allocator a sixth of all CPU time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod authenticator;
mod bridge;
mod parts;
mod payload;
mod runtime;
mod store;

use crate::error::Error;

/// An error for a synchronous method: JavaScript parses the message and throws its own class.
fn thrown(error: &Error) -> napi::Error {
    napi::Error::from_reason(text(error))
}

/// An error's structure as JSON.
fn text(error: &Error) -> String {
    serde_json::to_string(error).unwrap_or_default()
}
