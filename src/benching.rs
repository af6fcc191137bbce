//! Doors for `benches/` and `bench/experiments/scale`: parts that are measured alone. Nobody else should come in here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::crm::Profile;
use crate::guest::Guest;
use crate::guest_api::engagements::CREATIONS;
pub use crate::net::limiter::group::{GROUPS, RateLimitGroup};
pub use crate::net::limiter::shared::{
    Allowance, GroupAllowance, GroupUsage, SharedLimiter, UsageReport, WindowGrant, WindowReport,
};
use crate::net::limiter::{AdaptiveLimiter, Limits};
use crate::net::redact;
use crate::secret::Secret;
use crate::sessions::key::KeyHasher;
use crate::sessions::memory::MemorySessions;
pub use crate::shared::limiter::{SCRIPT, allowance, arguments};
pub use crate::shared::window::{WINDOW_SCRIPT, window_arguments, window_grant};

/// What an error shows of an answer, in bytes, where the request carried `known`.
#[must_use]
pub fn shown(answer: &str, known: &str, is_success: bool) -> usize {
    redact::body(answer, &[&Secret::new(known)], is_success).into_text().len()
}

/// Whether an answer is a guest.
#[must_use]
pub fn is_guest(answer: &str) -> bool {
    Guest::from_json(answer.to_owned()).is_some()
}

/// What becomes of a CRM's answer: the bytes of the guest's attributes and of the tier, where it is a profile.
#[must_use]
pub fn merged_profile(answer: &str) -> Option<usize> {
    let profile = Profile::parse(answer)?;
    Some(profile.merged_into(Some("{\"cart\":1}"), "2026-01-01T00:00:00.000Z").len() + profile.tier().get().len())
}

/// The memory store behind the duplicate guard.
pub struct MeasuredSessions(MemorySessions);

impl MeasuredSessions {
    /// Holds at most this many sessions.
    #[must_use]
    pub fn new(max_sessions: usize) -> Self {
        Self(MemorySessions::new(KeyHasher::random(), max_sessions))
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

/// What limits guest calls.
pub struct Limiter(AdaptiveLimiter);

impl Limiter {
    /// At most this many at a time.
    #[must_use]
    pub fn new(max_in_flight: u32) -> Self {
        Self(AdaptiveLimiter::new(Limits::in_flight(max_in_flight)))
    }

    /// The same for a process of many under one limit.
    #[must_use]
    pub fn shared(max_in_flight: u32, shared: Arc<dyn SharedLimiter>) -> Self {
        Self(AdaptiveLimiter::new(Limits { shared: Some(shared), ..Limits::in_flight(max_in_flight) }))
    }

    /// A call begins that will be sent soon.
    pub fn refresh(&self) {
        self.0.refresh();
    }

    /// One call, repeated `retries` times at most. `send` says after which time the server wants the next one, where it
    /// refused. Whether it was accepted in the end.
    pub async fn call(&self, retries: u32, deadline: Instant, send: impl AsyncFn() -> Result<(), Duration>) -> bool {
        let ticket = self.0.ticket();
        for _ in 0..=retries {
            let admitted = tokio::time::timeout_at(deadline, self.0.admit(CREATIONS, ticket, deadline)).await;
            let Ok(Ok(permit)) = admitted else { return false };
            match send().await {
                Ok(()) => {
                    permit.accepted(None);
                    return true;
                }
                Err(wait) => permit.throttled(wait),
            }
        }
        false
    }

    /// One call that the server accepts: admitted, sent, done.
    pub async fn pass(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        if let Ok(permit) = self.0.admit(CREATIONS, self.0.ticket(), deadline).await {
            permit.accepted(None);
        }
    }
}
