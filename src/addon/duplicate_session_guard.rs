//! The native half of `DuplicateSessionGuard`.

use napi_derive::napi;

use super::{OrFailure, or_failure};
use crate::components::SessionGuard;
use crate::text::Text;

/// Sessions in memory that do not expire.
#[napi]
pub struct NativeSessionGuard(SessionGuard);

#[napi]
impl NativeSessionGuard {
    /// An empty guard.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self(SessionGuard::default())
    }

    /// Whether the key is taken; takes it if not. A failure says that the guard is full.
    #[napi(catch_unwind)]
    pub fn check_duplicate(&self, #[napi(ts_arg_type = "string")] session_key: Text) -> OrFailure<bool> {
        or_failure(self.0.check_duplicate(&session_key))
    }

    /// Frees a key.
    #[napi(catch_unwind)]
    pub fn invalidate(&self, #[napi(ts_arg_type = "string")] session_key: Text) {
        self.0.invalidate(&session_key);
    }
}
