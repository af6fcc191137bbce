//! Doors for `benches/`: parts that are measured alone. Nobody else should come in here.

use std::time::Duration;

use tokio::time::Instant;

use crate::net::pacing::{Lane, Pacing};
use crate::sessions::Sessions;

/// The memory store behind the duplicate guard.
pub struct Store(Sessions);

impl Store {
    /// Holds at most this many sessions.
    #[must_use]
    pub fn new(max_sessions: usize) -> Self {
        Self(Sessions::in_memory(max_sessions))
    }

    /// Takes a key for as long as `life`; `false` when it is taken already.
    #[expect(clippy::must_use_candidate, reason = "filling a store needs no answer")]
    pub fn take(&self, session_key: &str, life: Duration) -> bool {
        self.0.reserve(session_key).map(|reservation| reservation.keep(life)).is_ok()
    }

    /// Ends a session.
    pub fn end(&self, session_key: &str) {
        self.0.invalidate(session_key);
    }
}

/// The gate that paces guest calls.
pub struct Gate(Pacing);

impl Gate {
    /// At most this many at a time.
    #[must_use]
    pub fn new(max_in_flight: u32) -> Self {
        Self(Pacing::new(max_in_flight))
    }

    /// One call that the server accepts: admitted, sent, done.
    pub async fn pass(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        if let Ok(permit) = self.0.admit(Lane::Create, self.0.ticket(), deadline).await {
            permit.accepted();
        }
    }
}
