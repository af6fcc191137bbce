//! What an instance does beside its calls: warms up, delivers, counts, ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use futures_util::future::join;

use super::{Authenticator, warm_up};
use crate::analytics::Outbox;
use crate::error::{Code, Error};
use crate::lifecycle::Entry;
use crate::metrics::Metrics;

/// What `close` takes beyond its limit at most: long enough for a store that answers.
const RELEASE_TIME: Duration = Duration::from_millis(50);

impl Authenticator {
    /// Fetches a token, resolves names and opens the connections that a first call would have to wait for. What only
    /// concerns a connection is no error: the call that needs it will say so.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.warm_up_entered(self.enter()).await
    }

    pub(crate) async fn warm_up_entered(&self, entry: Entry) -> Result<(), Error> {
        let opened = warm_up::open_connections(&self.0.api.sender, &self.0.origins, self.0.api.timeout);
        let token = self.0.oauth.access_token();
        let ready = join(opened, self.0.sessions.ready());
        entry?.run(|| async { join(token, ready).await.0 }).await.map(drop)
    }

    /// Waits until every analytics event has been delivered or given up; with an outbox on disk, until none is due.
    pub async fn flush(&self) {
        if let Some(outbox) = &self.0.enricher.outbox {
            outbox.flush().await;
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

    /// Events that were given up, as a JSON array, oldest first: at most `limit`, those behind the one with the id `after`.
    /// Needs an outbox on disk, as do the next two.
    pub async fn dead_letters(&self, limit: Option<usize>, after: Option<&str>) -> Result<String, Error> {
        self.0.enricher.outbox()?.dead_letters(limit, after).await
    }

    /// Sends dead letters again, all or those with these ids; returns how many.
    pub async fn redeliver(&self, ids: Option<Vec<String>>) -> Result<usize, Error> {
        self.0.enricher.outbox()?.redeliver(ids).await
    }

    /// Throws dead letters away, all or those with these ids; returns how many.
    pub async fn discard_dead_letters(&self, ids: Option<Vec<String>>) -> Result<usize, Error> {
        self.0.enricher.outbox()?.discard(ids).await
    }

    /// Counters since the start, and the present load.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let inner = &self.0;
        let (in_flight, paced) = inner.api.sender.limiter.load();
        let admitted = inner.traffic.max_concurrency as usize - inner.admission.available_permits();
        Metrics {
            authenticated: inner.authenticated.load(Ordering::Relaxed),
            failed: inner.failures.by_code(),
            duplicates: inner.failures.of(Code::DuplicateSession),
            retries: inner.api.sender.retries.load(Ordering::Relaxed),
            throttled: inner.api.sender.throttled.load(Ordering::Relaxed),
            crm_failures: inner.enricher.crm.as_ref().map_or(0, |crm| crm.failures.load(Ordering::Relaxed)),
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
