//! The boundary to Node.js: options in, results out, errors, callbacks, abort, life and death. Nothing else knows napi.
//!
//! - [`guest_authenticator`], [`oauth_manager`], [`guest_token_manager`], [`guest_context_enricher`],
//!   [`duplicate_session_guard`], [`web_messaging_tokens`]: the native halves of the exported classes, one a file
//! - [`bridge`]: one environment's connection to the core; [`message`]: what it tells JavaScript, in batches
//! - [`payload`]: a guest request, read from a JavaScript value as zod reads it
//! - [`session_store`]: a session store's functions, called
//! - [`options`]: the names of options, for who reads and who misspells them
//! - [`runtime`]: the threads that the core runs on
//! - [`node_api`], [`text`]: values and strings of JavaScript

#![allow(
    clippy::needless_pass_by_value,
    reason = "what JavaScript passes is owned by the glue that calls these methods"
)]
#![allow(unreachable_pub, reason = "the glue wants its items public; JavaScript reaches them")]
#![cfg_attr(test, allow(dead_code, reason = "in tests the glue that calls these methods is left out"))]
#![allow(unsafe_code, reason = "Node-API is a C interface; each block says why it is sound")]

use napi::bindgen_prelude::Either;

use crate::error::Error;

mod bridge;
mod duplicate_session_guard;
mod guest_authenticator;
mod guest_context_enricher;
mod guest_token_manager;
mod message;
mod node_api;
mod oauth_manager;
mod options;
mod payload;
mod runtime;
mod session_store;
mod text;
mod web_messaging_tokens;

/// Requests are allocated by one thread and freed by another, which costs the system's allocator a sixth of all CPU time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a synchronous method returns: its result, or a `Failure` as JSON. It throws nothing, because an error that native
/// code makes in Jest or in a `vm` context does not belong to the caller's realm.
type OrFailure<T> = napi::Result<Either<T, String>>;

#[expect(clippy::unnecessary_wraps, reason = "what a method returns to napi's glue")]
fn or_failure<T>(outcome: Result<T, Error>) -> OrFailure<T> {
    Ok(match outcome {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(bridge::failure(&error, None)),
    })
}
