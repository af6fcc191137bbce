//! The duplicate guard alone.

use std::time::Duration;

use crate::error::{Code, Error};
use crate::sessions::key::KeyHasher;
use crate::sessions::memory::MemorySessions;
use crate::text::Text;

/// The tutorial's guard has no bound; this one is the machine's memory, about 4 GB.
const MAX_SESSIONS: usize = 100_000_000;

/// Sessions in memory that do not expire.
///
/// ```
/// use genesys_guest_auth::components::SessionGuard;
///
/// let (guard, key) = (SessionGuard::default(), "ada@example.com::web-1".into());
/// assert!(!guard.check_duplicate(&key)?);
/// assert!(guard.check_duplicate(&key)?);
/// guard.invalidate(&key);
/// assert!(!guard.check_duplicate(&key)?);
/// # Ok::<(), genesys_guest_auth::Error>(())
/// ```
pub struct SessionGuard(MemorySessions);

impl Default for SessionGuard {
    fn default() -> Self {
        Self(MemorySessions::new(KeyHasher::random(), MAX_SESSIONS))
    }
}

impl SessionGuard {
    /// Whether the key is taken; takes it if not. An error says that the guard is full.
    pub fn check_duplicate(&self, session_key: &Text) -> Result<bool, Error> {
        match self.0.reserve(session_key.lossless()) {
            Ok(reservation) => {
                reservation.keep(Duration::MAX);
                Ok(false)
            }
            Err(error) if error.code() == Code::DuplicateSession => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Frees a key.
    pub fn invalidate(&self, session_key: &Text) {
        self.0.invalidate(session_key.lossless());
    }
}
