//! The native half of `DuplicateSessionGuard`.

use std::time::Duration;

use napi_derive::napi;

use super::{OrFailure, or_failure};
use crate::error::Code;
use crate::sessions::key::KeyHasher;
use crate::sessions::memory::MemorySessions;
use crate::text::Text;

/// The tutorial's guard has no bound; this one is the machine's memory, about 4 GB.
const MAX_SESSIONS: usize = 100_000_000;

/// Sessions in memory that do not expire.
#[napi]
pub struct NativeSessionGuard(MemorySessions);

#[napi]
impl NativeSessionGuard {
    /// An empty guard.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self(MemorySessions::new(KeyHasher::random(), MAX_SESSIONS))
    }

    /// Whether the key is taken; takes it if not. A failure says that the guard is full.
    #[napi(catch_unwind)]
    pub fn check_duplicate(&self, #[napi(ts_arg_type = "string")] session_key: Text) -> OrFailure<bool> {
        or_failure(match self.0.reserve(session_key.lossless()) {
            Ok(reservation) => {
                reservation.keep(Duration::MAX);
                Ok(false)
            }
            Err(error) if error.code() == Code::DuplicateSession => Ok(true),
            Err(error) => Err(error),
        })
    }

    /// Frees a key.
    #[napi(catch_unwind)]
    pub fn invalidate(&self, #[napi(ts_arg_type = "string")] session_key: Text) {
        self.0.invalidate(session_key.lossless());
    }
}
