//! What an instance does beside its calls: warms up, delivers, counts, ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use futures_util::future::join;

use super::{Authenticator, warm_up};
use crate::analytics::Outbox;
use crate::caller::CallContext;
use crate::error::{Code, Error};
use crate::metrics::Metrics;
use crate::secret::Secret;

/// What `close` takes beyond its limit at most: long enough for a store that answers.
const RELEASE_TIME: Duration = Duration::from_millis(50);

impl Authenticator {
    /// Fetches a token, resolves names and opens the connections that a first call would have to wait for. What only
    /// concerns a connection is no error: the call that needs it will say so.
    pub fn warm_up(&self) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let opened = warm_up::open_connections(&own.sender, &own.origins, own.timeout);
            let token = async { if own.uses_token { own.oauth.access_token().await.map(drop) } else { Ok(()) } };
            let ready = join(opened, own.sessions.ready());
            entry?.run(|| async { join(token, ready).await.0 }).await
        }
    }

    /// Ends the sign-in of a guest's JWT, which closes all its connections. Needs web messaging.
    pub fn sign_out(
        &self,
        jwt: Secret,
        refresh_token: Option<Secret>,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let context = CallContext::new(own.traffic.total_timeout);
            let signed_out = || own.within(&context, || own.api.sign_out(&jwt, refresh_token.as_ref(), &context));
            entry?.run(signed_out).await
        }
    }

    /// For tests: forgets what this instance has learnt from answers, as if it were new. That is: sessions in memory, guests
    /// and rotated tokens, the access token, pauses, pace and retry budget, channels, and when it last warned of the CRM.
    /// Calls under way go on, and leave no session. What processes share, counters and the outbox stay.
    pub fn reset(&self) {
        let inner = &self.0;
        inner.sessions.reset();
        inner.guests.clear();
        inner.rotation.reset();
        inner.oauth.reset();
        inner.sender.reset();
        if let Some(preflight) = &inner.preflight {
            preflight.reset();
        }
        if let Some(crm) = &inner.enricher.crm {
            crm.reset();
        }
    }

    /// Waits until every analytics event has been delivered or given up; with an outbox on disk, until none is due.
    pub fn flush(&self) -> impl Future<Output = ()> + Send + use<> {
        let own = Arc::clone(&self.0);
        async move {
            if let Some(outbox) = &own.enricher.outbox {
                outbox.flush().await;
            }
        }
    }

    /// Refuses new calls from now on, before the future is first polled. It ends when the running calls and the
    /// deliveries have ended; what outlasts `limit` is cancelled or given up.
    pub fn close(&self, limit: Option<Duration>) -> impl Future<Output = ()> + Send + use<> {
        let (own, closing) = (Arc::clone(&self.0), self.0.lifecycle.close(limit));
        let until = limit.map(|limit| Instant::now() + limit);
        async move {
            closing.await;
            // Calls that were cancelled at the limit have keys to release.
            let left = until.map(|until| until.saturating_duration_since(Instant::now()).max(RELEASE_TIME));
            own.sessions.close(left).await;
        }
    }

    /// Analytics events that the end of the process would lose.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.0.enricher.outbox.as_ref().map_or(0, Outbox::at_stake)
    }

    /// The outbox, for its dead letters. Fails where nothing is reported.
    pub fn outbox(&self) -> Result<Outbox, Error> {
        self.0.enricher.outbox().cloned()
    }

    /// Counters since the start, and the present load.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let inner = &self.0;
        let (in_flight, paced) = inner.sender.limiter.load();
        let admitted = inner.traffic.max_concurrency as usize - inner.call_permits.available_permits();
        Metrics {
            authenticated: inner.authenticated.load(Ordering::Relaxed),
            failed: inner.failures.by_code(),
            duplicates: inner.failures.of(Code::DuplicateSession),
            retries: inner.sender.retries.load(Ordering::Relaxed),
            throttled: inner.sender.throttled.load(Ordering::Relaxed),
            crm_failures: inner.enricher.crm.as_ref().map_or(0, |crm| crm.failures.load(Ordering::Relaxed)),
            crm_unavailable: inner.enricher.crm.as_ref().map_or(0, |crm| crm.unavailable.load(Ordering::Relaxed)),
            enrichment_failures: inner.enricher.failed_updates.load(Ordering::Relaxed),
            oauth_requests: inner.oauth.requests(),
            live_sessions: inner.sessions.len(),
            store: inner.sessions.metrics(),
            in_flight,
            queued: inner.lifecycle.running().saturating_sub(admitted) + paced,
            analytics: inner.enricher.outbox.as_ref().map(Outbox::deliveries).unwrap_or_default(),
        }
    }
}
